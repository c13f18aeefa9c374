"""Tells history from image description by content, for the many reports that have no headings."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cds_service.domain.vocabulary import FindingId, Section
from cds_service.reading.assertion import live_cues
from cds_service.reading.graded import graded
from cds_service.reading.lexicon import Hit, Hits
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Words

_TITLE_WORDS: Final = 16
_WHEN: Final = (
    "since",
    "history",
    "status",
    "treated",
    "known",
    "seit",
    "zustand",
    "bekannt",
    "cunoscut",
    "tratat",
    "istoric",
    "patient",
    "surgery",
    "after",
    "follow",
    "days",
    "weeks",
    "months",
    "fall",
    "fell",
    "trauma",
    "injury",
    "mva",
    "cancer",
    "antibiotic",
)
_ASKING: Final = frozenset(
    {
        "is", "are", "does", "do", "did", "can", "could", "what", "why", "how", "should", "would", "will", "has",
        "have", "was", "were", "am", "who", "which", "ist", "sind", "kann", "konnte", "warum", "wie", "hat", "haben",
        "este", "sunt", "poate", "ce", "cum", "exista",
    }
)  # fmt: skip
# red flags, and the cues that leave them to be answered below or in the past
_GRAVE: Final = frozenset(
    {
        FindingId.INFECTION_STATED.value, FindingId.ABSCESS_EPIDURAL.value, FindingId.ABSCESS_PARASPINAL.value,
        FindingId.METASTASIS.value, FindingId.SPINAL_HEMATOMA.value, FindingId.CORD.value,
    }
)  # fmt: skip
_DOUBTS: Final = frozenset(
    {"question", "suspected", "possible", "probable", "historical", "hypothetical", "relative", "gone", "negated"}
)
# words that only tell whose spine it is
_WHO: Final = ("year", "yo", "y", "yr", "old", "patient", "female", "male", "pacient", "ani")


def by_content(sentences: Sequence[Sentence], words: Words, hits: Hits) -> list[Sentence]:
    """Give sentences before the first image description the section their words tell.

    Only sentences that stand under no heading are touched. The first line is a title when it names no finding.
    """
    told = [hit.first for hit in hits.mark if hit.name == "words"]
    shown = [hit.first for hit in hits.mark if hit.name == "imaging"]
    stating = sorted(hit.first for hit in (*hits.process, *hits.literal, *_grades_of_title(sentences, words, hits)))
    levels = [group.first for group in hits.levels]
    grave = [hit.first for hit in hits.literal if hit.name in _GRAVE]
    found: list[Sentence] = []
    shows = [number for number, sentence in enumerate(sentences) if _has(shown, sentence)]
    opening = bool(shows) and len(sentences) > 1
    for number, sentence in enumerate(_without_questions(sentences, words)):
        if not opening or sentence.section is not Section.BODY:
            found.append(sentence)
            opening = opening and sentence.section in {Section.INDICATION, Section.TECHNIQUE, Section.COMPARISON}
            continue
        if number == 0 and len(sentences) > 1 and _is_title(sentence, words, sentences[1], stating):
            found.append(replace(sentence, section=Section.TECHNIQUE))
            continue
        if sentence.asked and number < len(sentences) - 1:
            found.append(replace(sentence, section=Section.INDICATION))
            continue
        if _has(shown, sentence):
            opening = False
        elif _has(told, sentence) and not (
            _describes(sentence, words, told, stating, levels)
            # "A shepherd presented with discitis at L4-L5." may be all that is said of it
            or (_has(grave, sentence) and _has(levels, sentence) and not _is_doubted(sentence, hits))
        ):
            found.append(replace(sentence, section=Section.INDICATION, told=True))
            continue
        elif _has(stating, sentence):
            opening = False
        found.append(sentence)
    return found


def _is_doubted(sentence: Sentence, hits: Hits) -> bool:
    """Tell whether a sentence doubts, denies or tells as past what it names; the cues of a text are sorted."""
    low = bisect_left(hits.cue, sentence.first, key=_first_word)
    high = bisect_left(hits.cue, sentence.end, key=_first_word)
    return any(cue.kind in _DOUBTS for cue in live_cues(hits.cue[low:high]))


def _first_word(hit: Hit) -> int:
    return hit.first


def _grades_of_title(sentences: Sequence[Sentence], words: Words, hits: Hits) -> list[Hit]:
    """Return the narrowing that grades in the first line stand for: "Canal: severe at L3/4" is no title."""
    end = sentences[0].end if sentences else 0
    return graded(words, [a for a in hits.anatomy if a.last < end], [p for p in hits.process if p.first < end])


def _without_questions(sentences: Sequence[Sentence], words: Words) -> list[Sentence]:
    """Give a whole question, "Is that a pinched nerve?", the section of what is only asked."""
    return [
        replace(sentence, section=Section.INDICATION)
        if sentence.asked and sentence.section is Section.BODY and words.words[sentence.first] in _ASKING
        else sentence
        for sentence in sentences
    ]


def _describes(
    sentence: Sentence, words: Words, told: Sequence[int], stating: Sequence[int], levels: Sequence[int]
) -> bool:
    """Tell a finding with its level whose only words of history say when it was: "new since the prior study".

    A finding beside no more than the age of the patient needs no level.
    """
    here = told[bisect_left(told, sentence.first) : bisect_left(told, sentence.end)]
    if not _has(stating, sentence):
        return False
    if all(words.words[index].startswith(_WHO) or words.words[index].isdigit() for index in here):
        return True
    return _has(levels, sentence) and all(words.words[index].startswith(_WHO + _WHEN) for index in here)


def _has(firsts: Sequence[int], sentence: Sentence) -> bool:
    """Tell whether one of the sorted word numbers lies in a sentence."""
    return bisect_left(firsts, sentence.first) < bisect_left(firsts, sentence.end)


def _is_title(sentence: Sentence, words: Words, following: Sentence, stating: Sequence[int]) -> bool:
    short = sentence.end - sentence.first <= _TITLE_WORDS
    return (
        short
        and not _has(stating, sentence)
        and ("\n" in words.between(following.first) or sentence.end < _TITLE_WORDS)
    )
