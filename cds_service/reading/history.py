"""Keeps of a history what was done to the spine or was there once; what it shows now is for the description."""

from dataclasses import replace
from typing import Final

from cds_service.domain.vocabulary import FindingId, Section, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.assertion import STATES, Assertion
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Gap, Words

# last words of the titles over a list of former diseases
_FORMER: Final = frozenset({"antecedente", "personale", "patologice", "app", "vorerkrankungen"})
_FAMILY: Final = frozenset({"familiale", "heredo", "heredocolaterale", "colaterale", "ahc"})
_EMPTY: Final = frozenset(load_grammar().family["empty"])
_SAYING: Final = frozenset(load_grammar().lists["copulas"]) | frozenset(load_grammar().anew["verbs"])
_TITLES: Final = tuple(tuple(title.split()) for title in load_grammar().family["titles"])
_OPENING_FAMILY: Final = frozenset(title[0] for title in _TITLES)
_OWN: Final = (*load_grammar().sentences["examinations"], *load_grammar().family["own"])
# the most words of a title
_TITLE: Final = 3
_HELD: Final = frozenset({Status.PRESENT, Status.POSSIBLE, Status.HISTORICAL})
# what a list of former diseases tells as over; a curve, porosis or wear stays
_ONCE: Final = frozenset(
    {
        FindingId.FRACTURE, FindingId.FRACTURE_LINE, FindingId.HEIGHT_LOSS, FindingId.INFECTION_STATED,
        FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL, FindingId.SPINAL_HEMATOMA,
        FindingId.DISC_HERNIATION,
    }
)  # fmt: skip


def with_former(sentences: list[Sentence], words: Words) -> list[Sentence]:
    """Mark the sentences that stand under the title of a list of former diseases, of the patient or of the family."""
    marked: list[Sentence] = []
    former = family = listed = False
    end = 0
    for sentence in sentences:
        titled = sentence
        if sentence.section is not Section.INDICATION:
            former = family = False
        elif sentence.heading:
            title = words.words[_title_start(words, sentence.first, end) : sentence.first]
            family = not _FAMILY.isdisjoint(title)
            former = bool(title) and title[-1] in _FORMER and not family
            # the title itself tells whose diseases these are
            titled = replace(sentence, first=sentence.first - len(title)) if family else sentence
        end = sentence.end
        goes_on = listed and sentence.continued and not sentence.heading
        listed = _names_family(words, sentence) or (goes_on and not _is_titled(words, sentence))
        if listed:
            titled = replace(titled, family=True)
            # "FHx: none; acute fracture": the list of the relatives is at its end
            listed = _EMPTY.isdisjoint(words.words[sentence.first : sentence.end])
        marked.append(replace(titled, told=True, former=former) if former or family else titled)
    return marked


def _names_family(words: Words, sentence: Sentence) -> bool:
    """Tell a sentence under a title over the diseases of the relatives: "FHx: mother - osteoporosis"."""
    opened = words.words[sentence.first] in _OPENING_FAMILY or sentence.heading
    return opened and any(
        words.words[start : start + len(title)] == title and _is_colon(words, start + len(title))
        for title in _TITLES
        for start in (sentence.first, sentence.first - len(title))
        if start >= 0
    )


def _is_titled(words: Words, sentence: Sentence) -> bool:
    """Tell a part with a title of its own, "; MRI: ...", or about the patient, which is told of no relative."""
    opening = range(sentence.first + 1, min(sentence.first + _TITLE + 2, sentence.end))
    own = words.words[sentence.first].startswith(_OWN)
    # "; vertebral metastases are seen"
    own = own or not _SAYING.isdisjoint(words.words[sentence.first : sentence.end])
    return own or any(_is_colon(words, index) for index in opening)


def _is_colon(words: Words, index: int) -> bool:
    return ":" in words.between(index)


def _title_start(words: Words, first: int, end: int) -> int:
    """Return where the title before ``first`` begins; an empty title before it, "AHC: -", is another."""
    start = max(first - 1, end)
    while (
        start > max(first - _TITLE, end)
        and words.gaps[start] == Gap.SOFT
        and not any(sign in words.between(start) for sign in "\n:")
    ):
        start -= 1
    return start


def in_history(
    words: Words, sentence: Sentence, finding: FindingId, said: Assertion, levels: tuple[str, ...]
) -> Assertion | None:
    """Return what a sentence states of a finding, nothing where a history only mentions it.

    What was done to the spine, or was there once at a place that is named, is stated in a history as well.
    """
    # of a relative nobody knows the level
    if sentence.family and said.status in _HELD and not levels:
        return said.of(Status.OTHER_PERSON)
    if not sentence.told or said.status is Status.OTHER_PERSON:
        return said
    if said.status in _HELD and not _FAMILY.isdisjoint(words.words[sentence.first : sentence.first + _TITLE]):
        return said.of(Status.OTHER_PERSON)
    if sentence.former and said.status is Status.PRESENT and finding in _ONCE:
        said = said.of(Status.HISTORICAL)
    past = said.status is Status.HISTORICAL and bool(levels)
    return said if finding in STATES or past else None
