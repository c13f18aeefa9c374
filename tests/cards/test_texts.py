"""The card texts themselves: complete, hedged, short enough with the longest values, the same in three languages."""

import re

import pytest

from cards.model import SUMMARY_LIMIT
from cards.wording import wordings
from cds_service.domain.vocabulary import Language

# The cards of the clinical design; retired ids are never used again.
RESULT_CARDS = {
    "C01", "C02", "C03", "C10", "C11", "C12", "C14", "C15", "C16", "C17", "C20", "C21", "C23", "C24", "C30", "C31",
    "C32", "C40", "C41", "C50", "C60", "C61", "C62", "C63", "C70", "C80", "C81", "C82", "C83", "C90", "C91", "C92",
}  # fmt: skip
VARIANTS = {
    "C01-W", "C03-A", "C10-W", "C11-E", "C11-EDEMA", "C21-L", "C21-S", "C30-P", "C31-T", "C31-S", "C50-F",
    "C92-F", "C92-L", "C92-O",
}  # fmt: skip
ORDER_CARDS = {
    "O-VP-a", "O-VP-b", "O-VP-c", "O-VP-d", "O-VP-g", "O-ABX-a", "O-ABX-b", "O-ABX-d", "O-NSAID", "O-OPIOID", "O-GAD",
    "O-GAD-a", "O-GAD-c", "O-GAD-d", "O-MRI-device", "O-MRI-dup", "O-MRI-preg", "O-FDG-a", "O-FDG-b", "O-FDG-c",
    "O-SCINT", "O-CRP-dup", "O-ESR-dup", "O-CRP-esr", "O-CRP-mask", "O-BX-coag", "O-BX-known", "O-BX-low", "O-BX-abx",
    "O-BX-set", "O-STEROID-a", "O-STEROID-b", "O-STEROID-c", "O-STEROID-d", "O-NOTREC", "O-BISPH", "O-BEDREST",
}  # fmt: skip
HEDGE = {Language.EN: "consider", Language.DE: "erwägen", Language.RO: "de avut în vedere"}
LONGEST_LEVELS = {Language.EN: "T11-T12, T12-L1…", Language.DE: "Th11-Th12, Th12-L1…", Language.RO: "T11-T12, T12-L1…"}


def longest_values(language: Language) -> dict[str, str]:
    wording = wordings()[language]
    return {
        "level": LONGEST_LEVELS[language],
        "finding": max(wording.names["finding_words"].values(), key=len),
        "reason": max((reason.short.source for reason in wording.reasons.values()), key=len),
        "recheck": wording.phrase("period", start="2026-11-28", end="2026-12-05"),
        "order": max(wording.names["orders"].values(), key=len),
        "egfr": "28,5",
        "sins_short": "≥12",
        "date": "2026-11-28",
        "crp_short": "103.4 mg/L",
        "esr_short": "103 mm/h",
        "organism": "Staphylococcus lugdunensis",
        "device": "Dual chamber pacemaker…",
        "mask": "Methylprednisolone 16 mg tablet",
    }


def test_the_cards_of_the_design_have_words() -> None:
    assert set(wordings()[Language.EN].cards) == RESULT_CARDS | VARIANTS | ORDER_CARDS


def test_summary_fits_with_the_longest_values(text_id: str, language: Language) -> None:
    card = wordings()[language].cards[text_id]
    for template in (card.summary, card.open_summary, card.no_contrast_summary):
        filled = template.fill(longest_values(language))
        assert filled
        assert "[" not in filled
        assert len(filled.encode("utf-16-le")) // 2 <= SUMMARY_LIMIT, filled


def test_card_is_hedged_somewhere(text_id: str, language: Language) -> None:
    card = wordings()[language].cards[text_id]
    words = " ".join([card.summary.source, *(part.source for line in card.lines for part in line)])
    plain_information = {
        "C17",
        "C83",
        "C90",
        "C92",
        "O-SCINT",
        "O-CRP-dup",
        "O-ESR-dup",
        "O-MRI-dup",
        "O-BEDREST",
        "O-BX-known",
        "O-GAD-d",
    }
    assert HEDGE[language] in words.lower() or text_id in plain_information


def all_words(text_id: str, language: Language) -> list[str]:
    card = wordings()[language].cards[text_id]
    templates = [
        card.summary,
        card.open_summary,
        card.no_contrast_summary,
        *(part for line in card.lines for part in line),
    ]
    return [card.title, *(re.sub(r"[\[\]]|\{[a-z_]+\}", "", template.source) for template in templates)]


def test_sentences_hold_no_markup(text_id: str, language: Language) -> None:
    assert not [words for words in all_words(text_id, language) if re.search(r"[*_`#|]|<(?!\d)|https?:", words)]


def test_no_card_says_that_there_is_no_infection_or_cancer(text_id: str) -> None:
    words = " ".join(all_words(text_id, Language.EN)).lower()
    denied = re.findall(r"\b(?:no|without|excludes?) (?:infection|cancer|tumou?r|malignancy)\b[^.;]{0,20}", words)
    # "with … no cancer a positive scan is often false" states a condition, not a result
    assert not [phrase for phrase in denied if "evidence" not in phrase and "a positive scan" not in phrase]


def test_every_card_has_at_least_three_lines(text_id: str, language: Language) -> None:
    assert len(wordings()[language].cards[text_id].lines) >= 3


@pytest.mark.parametrize("section", ["findings", "conditions", "analytes", "regions", "lanes"])
def test_names_are_translated_not_copied(section: str) -> None:
    english, german = wordings()[Language.EN].names[section], wordings()[Language.DE].names[section]
    same = [key for key, name in english.items() if german[key] == name]
    assert len(same) < len(english) / 2


def test_romanian_uses_comma_below_letters() -> None:
    wording = wordings()[Language.RO]
    words = " ".join(card.summary.source for card in wording.cards.values())
    assert "ș" in words
    assert not set("şţŞŢ") & set(words)
