"""Every patient in three languages: the same advice, and words of the language that was asked for."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cards.wording import wordings
from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Language

Patient = Mapping[str, Any]
Assess = Callable[[Patient], Assessment]
Write = Callable[[Assessment, Language], list[dict[str, Any]]]

# Words that hold English sentences together and are none in German or Romanian; "are" is Romanian for "has".
_ENGLISH = re.compile(
    r"\b(?:the|and|of|with|is|not|for|or|by|than|from|this|that|which|has|have|should|if|when|without|been|were)\b"
)
_FIXED = (".code", ".system", ".indicator", ".type", ".resourceId", ".priority", ".isRecommended")
_QUOTED = re.compile("„[^“]*“|“[^”]*”|„[^”]*”")
_DECIMAL_POINT = re.compile(r"(?<![\w.+])\d+\.\d+(?![.\w])")
# Names of table rows hold a point.
_ROW = re.compile(r"\b[A-E]\d+\.\d\b")


def leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, f"{path}[{index}]")
    else:
        yield path, value


def fixed(cards: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """What is no word: codes, systems, indicators, kinds and targets of actions, priorities; dates of drafts."""
    return [
        (path, value)
        for path, value in leaves(cards)
        if path.endswith(_FIXED) or re.search(r"occurrence(?:DateTime|Period)|\.period\.", path)
    ]


def own_words(card: Mapping[str, Any], language: Language, patient: Patient) -> Iterator[str]:
    """Sentences that the service itself says: without quotes from report and chart, and without titles of papers."""
    evidence = wordings()[language].names["headings"]["evidence"]
    blocks = card["detail"].split("\n\n")
    kept = [b for b, before in zip(blocks, ["", *blocks], strict=False) if b[:1] != ">" and evidence not in before]
    spoken = [line for block in kept for line in block.splitlines()]
    for suggestion in card.get("suggestions", ()):
        spoken += [suggestion["label"], *(action["description"] for action in suggestion["actions"])]
    spoken += [card["summary"], *(reason["display"] for reason in card.get("overrideReasons", ()))]
    entries = [*patient.get("conditions", ()), *patient.get("medications", ())]
    charted = sorted((re.sub(r" @[0-9]+d$", "", entry) for entry in entries), key=len, reverse=True)
    for text in spoken:
        said = _QUOTED.sub("", text)
        for words in charted:
            said = said.replace(words, "")
        yield said


def test_the_language_changes_no_rule_no_urgency_and_no_code(patient: Patient, assess: Assess, write: Write) -> None:
    assessment = assess(patient)
    english, *others = (fixed(write(assessment, language)) for language in Language)
    assert all(other == english for other in others)


def test_german_and_romanian_cards_speak_their_language(patient: Patient, assess: Assess, write: Write) -> None:
    assessment = assess(patient)
    for language in (Language.DE, Language.RO):
        for card in write(assessment, language):
            for said in own_words(card, language, patient):
                assert not _ENGLISH.search(said), said
                assert not _DECIMAL_POINT.search(_ROW.sub("", said)), said


def test_english_cards_would_be_noticed(names: list[str], write: Write, assess: Assess) -> None:
    """The word list is not blind: nearly every line of an English card holds one of its words."""
    patient = {
        "age": 60,
        "sex": "female",
        "language": "en",
        "examination": "MR lumbar spine",
        "report": "Marrow edema of L3.",
    }
    assert names
    (first, *_) = write(assess(patient), Language.EN)
    lines = [line for line in own_words(first, Language.EN, patient) if len(line.split()) > 8]
    assert sum(bool(_ENGLISH.search(line)) for line in lines) > len(lines) / 2
