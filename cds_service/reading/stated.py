"""Reads what the indication and history of a report say of the patient, and since when the complaint lasts."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Final, TypeAlias, TypeVar

from cds_service.domain.facts import Span, StatedFact
from cds_service.domain.vocabulary import ConditionGroup, FindingId, Language, Qualifier, Section, Status
from cds_service.knowledge.code_groups import ConditionEntry, pairs, phrases
from cds_service.reading.asked import without_questions
from cds_service.reading.assertion import assertion, live_cues
from cds_service.reading.bystanding import is_told, may_tell
from cds_service.reading.details import qualifiers_of
from cds_service.reading.lexicon import Hit, Hits
from cds_service.reading.mentions import Mention
from cds_service.reading.phrases import TermIndex, WordMatch, outermost
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Gap, Words

Placed = TypeVar("Placed", Hit, WordMatch)
Conditions: TypeAlias = Mapping[ConditionGroup, ConditionEntry | Iterable[str]]

_DAYS: Final = {"units_days": 1, "units_weeks": 7, "units_months": 30, "units_years": 365}
_NUMBERS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "ein": 1, "eine": 1, "einer": 1, "einem": 1, "einen": 1, "zwei": 2,
    "drei": 3, "vier": 4, "funf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "un": 1, "o": 1,
    "doi": 2, "doua": 2, "trei": 3, "patru": 4, "cinci": 5, "sase": 6, "sapte": 7, "opt": 8, "noua": 9, "zece": 10,
    "several": 4, "mehreren": 4, "cateva": 4, "einigen": 4, "few": 3, "zwolf": 12,
}  # fmt: skip
_LONGEST_DAYS: Final = 365 * 40
_BEFORE_REACH: Final = 3
_AFTER_REACH: Final = 2
_DURATION_REACH: Final = 8
_CLAUSE_REACH: Final = 12
_YEARS: Final = frozenset({"year", "years", "yr", "yrs", "y"})
_HISTORY: Final = frozenset({Section.INDICATION})
# what was done or found then, and what a patient complains of
_DONE: Final = re.compile(
    r"ektomi|ectom|operat|operier|\bop\b|surger|fusion|spondylodes|diskoplast|plastie|injection|injekti|infiltra|"
    r"radiother|radiation|bestrahl|radiatio|iradi|chemo|chimio|transplant|biops|diagnos|cancer|karzinom|carcinom|tumor",
)
_FELT: Final = re.compile(r"pain|ache|schmerz|durer|algi|beschwerd|symptom|weak|schwach|fever|fieber|febr")


class StatedReader:
    """Finds condition terms in history sentences and decides whether they are affirmed."""

    def __init__(self, conditions: Conditions, language: Language) -> None:
        terms: dict[str, list[str]] = {}
        # by the first of their words, numbered as they are listed
        number = count()
        self._pairs: dict[str, list[tuple[int, str, tuple[str, ...], bool]]] = {}
        for group, entry in conditions.items():
            own = entry.terms.of(language) if isinstance(entry, ConditionEntry) else tuple(entry)
            voiding = entry.unless if isinstance(entry, ConditionEntry) else ()
            for sign, listed in (("+", own), ("-", voiding)):
                terms[f"{sign}{group}"] = list(phrases(listed))
                for pair in pairs(listed):
                    self._pairs.setdefault(pair[0], []).append((next(number), str(group), pair, sign == "+"))
                    terms |= {f"&{word}": [word] for word in pair}
        self._index = TermIndex({name: listed for name, listed in terms.items() if listed})

    def facts(self, words: Words, hits: Hits, sentences: Sequence[Sentence], text_index: int) -> list[StatedFact]:
        """Return the facts of all history sentences of one text, and the red flags told elsewhere, in reading order."""
        history = [sentence for sentence in sentences if sentence.section in _HISTORY or may_tell(sentence)]
        if not history:
            return []
        found = []
        every = outermost(self._index.find(words))
        for sentence in history:
            bounds = (sentence.first, sentence.end)
            here = _within(every, bounds)
            matches = self._counting(here) if here else []
            if sentence.section not in _HISTORY:
                matches = [match for match in matches if is_told(words, sentence, match)]
            if not matches:
                continue
            cues = live_cues(_within(hits.cue, bounds))
            qualifiers = [hit for hit in _within(hits.qualifier, bounds) if not _of_person(words, hit)]
            days = _days(words, _within(hits.mark, bounds), bounds)
            for match in matches:
                mention = Mention(FindingId.DEGENERATIVE_CHANGE, match.first, match.last, match.first, match.last)
                acting, asked = without_questions(words, bounds, cues, match, asked=sentence.asked)
                said = assertion(words, bounds, mention, acting, Section.INDICATION, asked=asked)
                start, end = words.starts[sentence.first], words.ends[sentence.end - 1]
                found.append(
                    StatedFact(
                        group=ConditionGroup(match.id),
                        status=said.status,
                        span=Span(words.starts[match.first], words.ends[match.last]),
                        sentence=words.text[start:end],
                        days_ago=None if said.status is Status.ABSENT else _nearest_days(words, days, match),
                        qualifiers=frozenset(
                            q
                            for q in qualifiers_of(words, mention, qualifiers, ())
                            if q
                            in {
                                Qualifier.KNOWN,
                                Qualifier.OLD,
                                Qualifier.ACUTE,
                                Qualifier.MILD,
                                Qualifier.SEVERE,
                                Qualifier.BILATERAL,
                                Qualifier.LEFT,
                                Qualifier.RIGHT,
                            }
                        ),
                        text_index=text_index,
                    )
                )
        return found

    def _counting(self, matches: Sequence[WordMatch]) -> list[WordMatch]:
        """Return the matches of groups in one sentence, word pairs added and voided ones left out."""
        by_word = {match.id[1:]: match for match in reversed(matches) if match.id[0] == "&"}
        found = [WordMatch(m.id[1:], m.first, m.last) for m in matches if m.id[0] == "+"]
        barred = set()
        for _, group, pair, counts in sorted(pair for word in by_word for pair in self._pairs.get(word, ())):
            if by_word.keys() >= set(pair):
                first = by_word[pair[0]]
                found += [WordMatch(group, first.first, first.last)] if counts else []
                barred |= set() if counts else {group}
        voids = [m for m in matches if m.id[0] == "-"]
        return [
            m
            for m in outermost(sorted(found, key=lambda m: (m.first, -m.last)))
            if m.id not in barred
            and not any(v.id[1:] == m.id and v.first <= m.last and m.first <= v.last for v in voids)
        ]


def _of_person(words: Words, qualifier: Hit) -> bool:
    """Tell "62 year old man with leg weakness", where the patient is old and not the weakness."""
    return qualifier.first > 0 and words.words[qualifier.first - 1] in _YEARS


def onset_days(words: Words, hits: Hits, sentences: Sequence[Sentence]) -> int | None:
    """Return since how many days the complaint lasts, as the first history sentence with a duration says."""
    for sentence in sentences:
        if sentence.section not in _HISTORY:
            continue
        bounds = (sentence.first, sentence.end)
        durations = _days(words, _within(hits.mark, bounds), bounds)
        lasting = [days for _, days, is_onset in durations if is_onset]
        if lasting:
            return lasting[0]
    return None


def _within(hits: Sequence[Placed], bounds: tuple[int, int]) -> list[Placed]:
    """Return the hits, sorted by their first word, that lie inside a sentence."""
    low = bisect_left(hits, bounds[0], key=_first_word)
    high = bisect_left(hits, bounds[1], key=_first_word)
    return [hit for hit in hits[low:high] if hit.last < bounds[1]]


def _first_word(hit: Hit | WordMatch) -> int:
    return hit.first


def _nearest_days(words: Words, days: Sequence[tuple[int, int, bool]], match: WordMatch) -> int | None:
    """Return the duration that stands next to a term, with no comma between."""
    near = []
    for at, value, _ in days:
        low, high = (match.last, at) if at > match.last else (at, match.first)
        if high - low <= _DURATION_REACH and all(words.gaps[n] == Gap.SOFT for n in range(low + 1, high + 1)):
            near.append((high - low, value))
    return min(near)[1] if near else None


def _days(words: Words, marks: Sequence[Hit], bounds: tuple[int, int]) -> list[tuple[int, int, bool]]:
    """Return durations as (word, days, whether it tells an onset); ages of persons are none."""
    found = []
    for unit in (mark for mark in marks if mark.name in _DAYS):
        number = _number(words, unit.first - 1, bounds[0])
        if number is None or _is_age(words, marks, unit):
            continue
        days = round(number * _DAYS[unit.name])
        if 0 < days <= _LONGEST_DAYS:
            found.append((unit.first, days, _is_onset(words, marks, unit)))
    return found


def _number(words: Words, index: int, lowest: int) -> float | None:
    if index < lowest or words.gaps[index + 1] != Gap.SOFT:
        return None
    word = words.words[index]
    if word.isdigit() and len(word) <= 3:  # noqa: PLR2004
        return float(word)
    return _NUMBERS.get(word)


def _is_age(words: Words, marks: Sequence[Hit], unit: Hit) -> bool:
    for mark in marks:
        if mark.name == "ages" and (0 < mark.first - unit.last <= _AFTER_REACH - 1 or 0 < unit.first - mark.last <= 2):  # noqa: PLR2004
            return words.words[mark.first] not in {"after", "nach", "dupa", "post"}
    return False


def _is_onset(words: Words, marks: Sequence[Hit], unit: Hit) -> bool:
    if _is_of_event(words, unit):
        return False
    for mark in marks:
        if mark.name == "before" and 0 < unit.first - mark.last <= _BEFORE_REACH:
            return True
        if mark.name == "after" and 0 < mark.first - unit.last <= _AFTER_REACH:
            return words.words[mark.first] != "post"
    return False


def _is_of_event(words: Words, unit: Hit) -> bool:
    """Tell "discectomy 7 months ago", a duration in a clause of what was done or found, from that of a complaint."""
    clause = _clause(words, unit)
    return bool(_DONE.search(clause)) and not _FELT.search(clause)


def _clause(words: Words, unit: Hit) -> str:
    first, last = unit.first, unit.last
    while unit.first - first < _CLAUSE_REACH and first > 0 and words.gaps[first] == Gap.SOFT:
        first -= 1
    while last - unit.last < _CLAUSE_REACH and last + 1 < len(words) and words.gaps[last + 1] == Gap.SOFT:
        last += 1
    return " ".join(words.words[first : last + 1])
