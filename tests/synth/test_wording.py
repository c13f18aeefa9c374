"""The phrases of the synthetic reports: complete, many, and our own."""

import re
from pathlib import Path

import pytest

from cds_service.domain.outcome import Outcome
from cds_service.errors import MarrowError
from cds_service.knowledge.load import load_knowledge
from cds_service.synth.case import Cases, chart_words
from cds_service.synth.chart import Charts
from cds_service.synth.draw import Draw
from cds_service.synth.parameters import ASSUMPTION, parameters, values
from cds_service.synth.phrases import parse, ways, write
from cds_service.synth.wording import LANGUAGES, Writer, grammar

_TESTS = Path(__file__).parents[1]
_CASES = Cases(values(), LANGUAGES)
_VARIANTS = sorted(_CASES.variants)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_variants_and_signs(language: str) -> None:
    told, english = grammar(language), grammar("en")
    assert sorted(told.core) == _VARIANTS
    assert {name: sorted(signs) for name, signs in told.signs.items()} == {
        name: sorted(signs) for name, signs in english.signs.items()
    }
    assert {f"sign_{sign}" for signs in told.signs.values() for sign in signs} <= set(values())
    denied = {topic for variant in _CASES.variants.values() for topic in variant.denies}
    assert denied == set(told.words["denied"]) == set(told.words["denied_each"])
    assert sorted(told.unrelated) == sorted(english.unrelated)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("variant", _VARIANTS)
def test_each_variant_can_be_said_in_hundreds_of_ways(variant: str, language: str) -> None:
    told = grammar(language)
    number = ways(told.history[variant], told.rules) * ways(told.impression[variant], told.rules)
    for group in (*told.core[variant], *told.signs[variant].values(), told.technique, told.complaint):
        number *= ways(group, told.rules)
    assert number >= 500


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("variant", _VARIANTS)
def test_each_variant_can_be_written(variant: str, language: str) -> None:
    cases = Cases(values(), (language,))
    for number in range(12):
        draw = Draw(4, number)
        text = Writer(cases.draw(draw), draw, values()).report(cases.variants[variant])
        assert not re.search(r"[\[\]{}<>|]|  ", text)
        assert text.count("\n") >= 3


def test_each_outcome_is_drawn() -> None:
    drawn = {_CASES.draw(Draw(1, number)).variant.outcome for number in range(2000)}
    assert drawn == set(Outcome)


def test_each_diagnosis_has_a_name_in_each_language() -> None:
    diagnoses = chart_words()["diagnoses"]
    assert {name for name, one in _CASES.variants.items() if one.icd10} == set(diagnoses)
    assert all(set(names) == set(LANGUAGES) for names in diagnoses.values())


def test_each_parameter_has_a_known_source_or_is_called_an_assumption() -> None:
    evidence = load_knowledge().evidence
    for one in parameters():
        assert one.source == ASSUMPTION or one.source in evidence, one.name
        assert one.meaning


def test_no_sentence_stands_in_the_tests_of_the_reader_or_in_the_fixtures() -> None:
    written = [*(_TESTS / "reading").rglob("*"), *(_TESTS / "safety").rglob("*"),
               *(_TESTS.parent / "fhir_fixtures" / "patients").rglob("*.json")]  # fmt: skip
    own = " ".join(
        _even(path.read_text("utf-8")) for path in written if path.suffix in {".toml", ".py", ".json", ".txt"}
    )
    charts = Charts(9, values(["special_letters_lost=0", "typing_errors=0", "text_attached=0"]), LANGUAGES)
    sentences = {
        _even(sentence)
        for number in range(1500)
        for resource in charts.patient(number).resources
        if resource["resourceType"] == "DiagnosticReport"
        for sentence in re.split(r"(?<=[.?])\s|\n|: ", resource.get("conclusion", ""))
    }
    # "no fracture is seen" is said alike by everybody; what says more than that is ours
    denials = tuple(
        opening
        for language in LANGUAGES
        for template in grammar(language).denial
        if (opening := template.casefold().partition("{")[0].strip())
    )
    shared = sorted(
        one for one in sentences if len(one.split()) >= (8 if one.startswith(denials) else 5) and one in own
    )
    assert not shared, "\n".join(shared)


def _even(text: str) -> str:
    """Return a text in small letters, every number as 0, with single spaces and without a full stop at the end."""
    return re.sub(r"\s+", " ", re.sub(r"\d+", "0", text.replace("\\n", " ").casefold())).strip(" .")


@pytest.mark.parametrize("template", ["[a|b", "a]", "<rule", "{slot", "[a|[b|c]]"])
def test_unmatched_brackets_are_refused(template: str) -> None:
    with pytest.raises(MarrowError, match="brackets"):
        parse(template)


def test_ways_counts_what_can_be_written() -> None:
    rules = {"r": (parse("x"), parse("[y|z]"))}
    phrase = parse("[a|b] <r> {s}")
    assert ways([phrase], rules) == 6
    said = {write(phrase, Draw(0, number), {"s": "!"}, rules) for number in range(200)}
    assert len(said) == 6
