"""Marks, recommended steps and override reasons fit the texts; broken files are refused."""

from importlib.resources import files
from pathlib import Path

import pytest

from cards.catalogue import OVERRIDE_REASON_SYSTEM, catalogue, load_catalogue, load_override_reasons, override_reasons
from cards.wording import wordings
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

ENGLISH = wordings()[Language.EN]


def broken(tmp_path: Path, name: str, old: str, new: str) -> Path:
    content = (files("cards") / name).read_text(encoding="utf-8")
    assert old in content
    (tmp_path / name).write_text(content.replace(old, new, 1), encoding="utf-8")
    return tmp_path


def test_every_text_named_in_the_catalogue_exists() -> None:
    known = catalogue()
    named = {*known.says_already, *known.marks, *known.recommended, *known.warning_variant}
    assert named | set(known.warning_variant.values()) <= set(ENGLISH.cards)


def test_every_extra_line_named_in_the_catalogue_exists() -> None:
    known = catalogue()
    said = {line for lines in known.says_already.values() for line in lines}
    assert {*known.lead, *known.second, *said} <= set(ENGLISH.extra)


def test_every_mark_points_to_a_line_of_its_card() -> None:
    for text_id, marks in catalogue().marks.items():
        lines = ENGLISH.cards[text_id].lines
        places = {str(number) for number in range(1, len(lines) + 1)}
        places |= {f"{number}{'abc'[part]}" for number, line in enumerate(lines, 1) for part in range(len(line))}
        assert frozenset[str]().union(*marks.values()) <= places, text_id


def test_lines_that_name_an_nsaid_as_an_option_are_marked() -> None:
    plan_cards = {"C30", "C31", "C31-T", "C31-S", "C41", "C50", "C50-F", "C80"}
    for text_id in plan_cards:
        marked = catalogue().marked(text_id, "nsaid")
        for number, line in enumerate(ENGLISH.cards[text_id].lines, 1):
            for letter, part in zip("abc", line, strict=False):
                named = "NSAID" in part.source
                assert named == (f"{number}{letter}" in marked), (text_id, number)


def test_override_reason_codes_stay_the_same() -> None:
    assert [reason.code for reason in override_reasons()[Language.EN]] == [
        "already-done",
        "contraindicated",
        "specialist-involved",
        "patient-declines",
        "report-misread",
        "other-diagnosis",
        "palliative",
        "other",
    ]


def test_override_reasons_have_the_same_codes_in_every_language(language: Language) -> None:
    reasons = override_reasons()[language]
    assert [reason.code for reason in reasons] == [reason.code for reason in override_reasons()[Language.EN]]
    assert {reason.system for reason in reasons} == {OVERRIDE_REASON_SYSTEM}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lead = [", "lead = 1 #", "cannot be read|lead"),
        ('plan = ["5"]', 'plan = ["five"]', r"catalogue.toml: marks.C30.plan"),
        ('C10 = ["crp"]', 'C10 = ["crpp"]', r"catalogue.toml: recommended.C10"),
        ('"F-CORD"', '"F-CORDE"', r"catalogue.toml: importance.findings"),
    ],
)
def test_broken_catalogue_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(KnowledgeError, match=message):
        load_catalogue(broken(tmp_path, "catalogue.toml", old, new))


def test_override_reason_without_a_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"override_reasons.toml: reasons.already-done.ro"):
        load_override_reasons(broken(tmp_path, "override_reasons.toml", 'ro = "Deja efectuat sau solicitat"\n', ""))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"catalogue.toml: cannot be read"):
        load_catalogue(tmp_path)
