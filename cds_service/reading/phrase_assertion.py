"""Tells of any phrase of a sentence, in the lexicon or not, whether it is denied, past or somebody else's.

The cues, their scopes and their ranks are those the findings of a report are judged with.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Final

from cds_service.domain.vocabulary import FindingId, Language, Section, Status
from cds_service.knowledge.findings import FindingsKnowledge, LanguageKnowledge
from cds_service.reading.assertion import Assertion, Cue, assertion, live_cues
from cds_service.reading.language import LanguageDetector, declared
from cds_service.reading.lexicon import Hit, Lexicon
from cds_service.reading.mentions import Mention
from cds_service.reading.sentences import Sentence, split
from cds_service.reading.words import Words, cut

# Stands for any phrase: no state after a treatment, nothing that age words make past.
_ANY_FINDING: Final = FindingId.EDEMA
_PAST: Final = frozenset({"historical"})
_OTHERS: Final = frozenset({"relative"})
_BOUNDS: Final = frozenset({"terminating"})
_OPEN: Final = frozenset({Status.POSSIBLE, Status.QUESTION, Status.UNKNOWN})


class Negation(StrEnum):
    """Whether a phrase is stated, denied or left open."""

    AFFIRMED = "Affirmed"
    NEGATED = "Negated"
    POSSIBLE = "Possible"


class Temporality(StrEnum):
    """Whether a phrase is of now, of the past, or only asked for."""

    RECENT = "Recent"
    HISTORICAL = "Historical"
    NOT_PARTICULAR = "Not particular"


class Experiencer(StrEnum):
    """Who has it."""

    PATIENT = "Patient"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class PhraseAssertion:
    """What a sentence says of a phrase in it; ``cue`` is the original text of the word that decided the negation."""

    negation: Negation
    temporality: Temporality
    experiencer: Experiencer
    cue: str | None = None


class PhraseReader:
    """Compiled once; judges any number of phrases. Work grows with the length of the sentence only."""

    def __init__(self, findings: FindingsKnowledge, languages: Mapping[Language, LanguageKnowledge]) -> None:
        self._lexicons = {code: Lexicon(findings, known) for code, known in languages.items()}
        self._detector = LanguageDetector(languages)

    def read(self, sentence: str, phrase: str, language: str | None = None) -> PhraseAssertion:
        """Return what ``sentence`` says of ``phrase``; case, diacritics and punctuation of the phrase do not matter.

        ``language`` is a BCP 47 tag; without one that is known the language is detected, else English is assumed.
        Raises ValueError when the phrase holds no word or does not stand in the sentence.
        """
        words = cut(sentence)
        first, last = _place(words, phrase)
        lexicon = self._lexicons[declared(language) or self._detector.evidence(words).best or Language.EN]
        hits = lexicon.find(words)
        parts = [part for part in split(words, lexicon, hits) if part.first <= last and part.end > first]
        if not parts:  # the phrase is a heading
            parts = [Sentence(first, last + 1, Section.BODY)]
        bounds = (parts[0].first, parts[-1].end)
        mention = Mention(_ANY_FINDING, first, last, first, last)
        inside = (hit for hit in hits.cue if bounds[0] <= hit.first and hit.last < bounds[1])
        cues = live_cues([hit for hit in inside if not _is_asked_for(words, hit, first)])
        titles = [Cue(hit.name[:-1], hit, forward=True) for hit in hits.cue if _is_title(words, hit, bounds[0])]

        def said(cues: Sequence[Cue]) -> Assertion:
            begin = min((cue.hit.first for cue in titles), default=bounds[0])
            return assertion(words, (begin, bounds[1]), mention, cues, parts[0].section, asked=parts[-1].asked)

        stated = said([cue for cue in cues if cue.kind not in _PAST | _OTHERS])
        framing = [*titles, *(cue for cue in cues if not _is_heading(words, cue.hit))]
        past = said([cue for cue in framing if cue.kind in _PAST | _BOUNDS])
        theirs = said([cue for cue in framing if cue.kind in _OTHERS | _BOUNDS])
        return PhraseAssertion(
            _negation(stated.status),
            _temporality(past.status, stated.status),
            Experiencer.OTHER if theirs.status is Status.OTHER_PERSON else Experiencer.PATIENT,
            words.text[words.starts[stated.cue.first] : words.ends[stated.cue.last]] if stated.cue else None,
        )


def _place(words: Words, phrase: str) -> tuple[int, int]:
    """Return the first and last word of a phrase, or of its longest beginning or end that stands in the sentence.

    Sentences cut at an abbreviation hold their phrase in part only. Raises ValueError when there is no word of it.
    """
    wanted = cut(phrase).words
    if not wanted:
        raise ValueError("the phrase holds no word")
    for size in range(len(wanted), 0, -1):
        for part in (wanted[:size], wanted[len(wanted) - size :]):
            if (place := _part(words, "".join(part), exactly=size < len(wanted))) is not None:
                return place
    raise ValueError("the phrase does not stand in the sentence")


def _part(words: Words, wanted: str, *, exactly: bool) -> tuple[int, int] | None:
    """Return the words whose letters are ``wanted``; of several places the one that is set in capitals.

    Spaces and marks do not count, so that "soft-tissue" is found for "softtissue"; unless ``exactly``, a phrase that
    begins or ends inside a word has the whole word for its place.
    """
    starts = list(accumulate(map(len, words.words), initial=0))
    places = [_word_range(starts, at, len(wanted)) for at in _occurrences("".join(words.words), wanted)]
    fitting = [place[:2] for place in places if place[2]]
    if not fitting and not exactly:
        fitting = [place[:2] for place in places]
    capitals = (p for p in fitting if words.text[words.starts[p[0]] : words.ends[p[1]]].isupper())
    return next(capitals, fitting[0] if fitting else None)


def _occurrences(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def _word_range(starts: Sequence[int], at: int, size: int) -> tuple[int, int, bool]:
    """Return the words that hold the characters ``[at, at + size)``, and whether they hold nothing more."""
    first, last = bisect_right(starts, at) - 1, bisect_left(starts, at + size) - 1
    return first, last, starts[first] == at and starts[last + 1] == at + size


def _is_asked_for(words: Words, hit: Hit, first: int) -> bool:
    """Tell a look-alike whose noun the phrase begins with: "no change" denies the phrase "change in vision"."""
    return hit.name.startswith("pseudo") and words.words[hit.last] == words.words[first]


def _is_title(words: Words, hit: Hit, first: int) -> bool:
    """Tell a heading that says whose or when, "Family history: ...", right before the sentence ``first`` opens."""
    return hit.name[:-1] in _PAST | _OTHERS and hit.first < hit.last == first - 1 and ":" in words.between(first)


def _is_heading(words: Words, hit: Hit) -> bool:
    """Tell the bare heading "History:", under which stands what is the matter now, from "past medical history:"."""
    return hit.first == hit.last and hit.last + 1 < len(words) and ":" in words.between(hit.last + 1)


def _negation(status: Status) -> Negation:
    # what is no longer there is denied for now
    if status in {Status.ABSENT, Status.HISTORICAL}:
        return Negation.NEGATED
    return Negation.POSSIBLE if status in _OPEN else Negation.AFFIRMED


def _temporality(past: Status, stated: Status) -> Temporality:
    if past is Status.HISTORICAL:
        return Temporality.HISTORICAL
    return Temporality.NOT_PARTICULAR if stated is Status.QUESTION else Temporality.RECENT
