"""Keeps of a history what was done to the spine or was there once; what it shows now is for the description."""

from dataclasses import replace
from typing import Final

from cds_service.domain.vocabulary import FindingId, Section, Status
from cds_service.reading.assertion import STATES, Assertion
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Gap, Words

# last words of the titles over a list of former diseases
_FORMER: Final = frozenset({"antecedente", "personale", "patologice", "app", "vorerkrankungen"})
_FAMILY: Final = frozenset({"familiale", "heredo", "heredocolaterale", "colaterale", "ahc"})
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
    former = family = False
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
        marked.append(replace(titled, told=True, former=former) if former or family else sentence)
    return marked


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
    if not sentence.told or said.status is Status.OTHER_PERSON:
        return said
    if said.status in _HELD and not _FAMILY.isdisjoint(words.words[sentence.first : sentence.first + _TITLE]):
        return said.of(Status.OTHER_PERSON)
    if sentence.former and said.status is Status.PRESENT and finding in _ONCE:
        said = said.of(Status.HISTORICAL)
    past = said.status is Status.HISTORICAL and bool(levels)
    return said if finding in STATES or past else None
