"""Tells which groups a coded or worded entry belongs to, and what the words around a term make of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from cds_service.domain.facts import Coding
from cds_service.domain.vocabulary import Qualifier, Status
from cds_service.fhir.node import Concept
from cds_service.knowledge.code_groups import (
    PREFIX_SYSTEMS,
    CodeGroup,
    CodeSystem,
    EntryCues,
    bare,
    pairs,
    phrases,
    system_of,
)
from cds_service.reading.phrases import PhraseMatch, PhraseMatcher

_Name = TypeVar("_Name", bound=str)
# A cue further away than this speaks of something else.
_REACH = 60
_LONGEST_ENTRY = 2_000
# The same few thousand names make up most problem and drug lists.
_REMEMBERED = 2_048
_CLAUSE_ENDS = (";", ". ", "\n", " - ")
_SHORTEST_PREFIX = 1


@dataclass(frozen=True, slots=True)
class CodedGroups:
    """Groups that codes give: ``certain`` alone, ``additive`` only beside a word or a certain code."""

    certain: frozenset[str] = frozenset()
    additive: frozenset[str] = frozenset()


class CodeIndex:
    """Codes of many groups, compiled once. Group names are strings, as enum values are."""

    def __init__(self, groups: Mapping[_Name, CodeGroup]) -> None:
        self._exact: dict[tuple[CodeSystem, str], set[tuple[str, bool]]] = {}
        self._excepted: dict[tuple[CodeSystem, str], set[str]] = {}
        for name, group in groups.items():
            for system in CodeSystem:
                self._add(name, group, system)
        self._of = lru_cache(maxsize=_REMEMBERED)(self._looked_up)

    def _add(self, name: str, group: CodeGroup, system: CodeSystem) -> None:
        listed = group.codes(system)
        form = bare if system in PREFIX_SYSTEMS else str
        for codes, certain in ((listed.verified, True), (listed.additive, False)):
            for code in codes:
                self._exact.setdefault((system, form(code)), set()).add((name, certain))
        for prefix in group.exceptions(system):
            self._excepted.setdefault((system, prefix), set()).add(name)

    def find(self, codings: Iterable[Coding]) -> CodedGroups:
        """Return the groups of all codings; a code without system counts as additive."""
        certain: set[str] = set()
        additive: set[str] = set()
        for coding in codings:
            system = system_of(coding.system)
            if system is not None:
                for name, sure in self._of(system, coding.code):
                    (certain if sure else additive).add(name)
            elif not coding.system and coding.code:
                for guess in CodeSystem:
                    additive.update(name for name, _ in self._of(guess, coding.code))
        return CodedGroups(frozenset(certain), frozenset(additive - certain))

    def _looked_up(self, system: CodeSystem, code: str) -> frozenset[tuple[str, bool]]:
        """Return the groups of one code, and of each whether the code alone makes it certain. Cached."""
        if system not in PREFIX_SYSTEMS:
            return frozenset(self._exact.get((system, code.strip()), ()))
        plain = bare(code)
        starts = [plain[:size] for size in range(_SHORTEST_PREFIX, len(plain) + 1)]
        excepted = {name for start in starts for name in self._excepted.get((system, start), ())}
        found = {item for start in starts for item in self._exact.get((system, start), ())}
        return frozenset(item for item in found if item[0] not in excepted)


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term of one group in an entry, and what the entry says of it."""

    group: str
    start: int
    end: int
    status: Status = Status.PRESENT


@dataclass(frozen=True, slots=True)
class Entry:
    """What one text of a record says: its matches and the qualifiers that stand in it."""

    matches: tuple[TermMatch, ...] = ()
    qualifiers: frozenset[Qualifier] = frozenset()


class TermIndex:
    """Words of many groups, compiled once: phrases, word pairs, and phrases that void a match."""

    def __init__(self, groups: Mapping[_Name, CodeGroup]) -> None:
        terms: dict[str, list[str]] = {}
        self._pairs: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {}
        self._pair_words: dict[str, str] = {}
        for name, group in groups.items():
            terms.setdefault(f"+{name}", []).extend(phrases(group.terms.all()))
            terms.setdefault(f"-{name}", []).extend(phrases(group.unless))
            for listed, counts in ((group.terms.all(), True), (group.unless, False)):
                for pair in pairs(listed):
                    numbers = self._numbered(pair)
                    self._pairs.setdefault(numbers[0], []).append((name, numbers, counts))
        for word, number in self._pair_words.items():
            terms[number] = [word]
        self._matcher = PhraseMatcher({name: words for name, words in terms.items() if words})
        self.find = lru_cache(maxsize=_REMEMBERED)(self._find)

    def _numbered(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._pair_words.setdefault(word, f"&{len(self._pair_words)}") for word in words)

    def _find(self, text: str) -> tuple[TermMatch, ...]:
        """Return the terms in a text, in reading order, without those that an ``unless`` phrase voids. Cached."""
        found = self._matcher.find(text[:_LONGEST_ENTRY])
        voids: dict[str, list[PhraseMatch]] = {}
        words: dict[str, PhraseMatch] = {}
        matches: list[TermMatch] = []
        for match in found:
            if match.id[0] == "-":
                voids.setdefault(match.id[1:], []).append(match)
            elif match.id[0] == "&":
                words.setdefault(match.id, match)
            else:
                matches.append(TermMatch(match.id[1:], match.start, match.end))
        barred = self._paired(words, matches, voids)
        kept = [m for m in matches if m.group not in barred and not _voided(m, voids.get(m.group, ()))]
        return tuple(sorted(kept, key=lambda m: (m.start, m.end)))

    def _paired(
        self, words: Mapping[str, PhraseMatch], matches: list[TermMatch], voids: Mapping[str, list[PhraseMatch]]
    ) -> set[str]:
        """Add the matches that word pairs make; return the groups that pairs bar.

        A pair has no place of its own, so that a voiding phrase anywhere in the text takes it out.
        """
        barred: set[str] = set()
        for number, first in words.items():
            for group, numbers, counts in self._pairs.get(number, ()):
                if not all(other in words for other in numbers):
                    continue
                if not counts:
                    barred.add(group)
                elif group not in voids:
                    matches.append(TermMatch(group, first.start, first.end))
        return barred


def _voided(match: TermMatch, voids: Iterable[PhraseMatch]) -> bool:
    """Tell whether a voiding phrase overlaps the match; one strictly inside it says less than the match itself."""
    return any(
        (void.start < match.end and match.start < void.end and void.end - void.start >= match.end - match.start)
        or void.start < match.start < void.end
        or void.start < match.end < void.end
        for void in voids
    )


_QUALIFIERS = {
    "acute": Qualifier.ACUTE,
    "old": Qualifier.OLD,
    "known": Qualifier.KNOWN,
    "mild": Qualifier.MILD,
    "severe": Qualifier.SEVERE,
    "bilateral": Qualifier.BILATERAL,
}
# Roles that change a status, the strongest first.
_BEFORE = (
    ("family", Status.OTHER_PERSON),
    ("not_disease", Status.ABSENT),
    ("negation", Status.ABSENT),
    ("suspected", Status.POSSIBLE),
    ("history", Status.HISTORICAL),
)
_SAME_EITHER_SIDE = {"family": Status.OTHER_PERSON, "suspected": Status.POSSIBLE, "history": Status.HISTORICAL}


class CueIndex:
    """Cue words, compiled once."""

    def __init__(self, cues: EntryCues) -> None:
        self._matcher = PhraseMatcher({name: getattr(cues, name).all() for name in type(cues).model_fields})
        self._find = lru_cache(maxsize=_REMEMBERED)(self._cues)

    def _cues(self, text: str) -> tuple[PhraseMatch, ...]:
        return tuple(self._matcher.find(text[:_LONGEST_ENTRY]))

    def has(self, text: str, role: str) -> bool:
        """Tell whether a cue of a role stands anywhere in a text."""
        return any(match.id == role for match in self._find(text))

    def judge(self, text: str, matches: Iterable[TermMatch]) -> Entry:
        """Give every match its status, from the cues of its clause."""
        cues = self._find(text)
        judged = tuple(TermMatch(m.group, m.start, m.end, _status(text, m, cues)) for m in matches)
        qualifiers = frozenset(_QUALIFIERS[cue.id] for cue in cues if cue.id in _QUALIFIERS)
        return Entry(judged, qualifiers)


def _status(text: str, match: TermMatch, cues: Iterable[PhraseMatch]) -> Status:
    """Return the status by the strongest cue in reach; a cue inside the term itself ("no symptoms") belongs to it."""
    outside = [cue for cue in cues if cue.end <= match.start or cue.start >= match.end]
    before = {cue.id for cue in outside if cue.end <= match.start and _reaches(text, cue.end, match.start, outside)}
    after = {cue.id for cue in outside if cue.start >= match.end and _joined(text[match.end : cue.start])}
    doubt = "suspected" in before or "suspected" in after
    for role, status in _BEFORE:
        if role in before and not (role == "negation" and doubt):
            return status
    if "negated_after" in after and not doubt:
        return Status.ABSENT
    return next((status for role, status in _SAME_EITHER_SIDE.items() if role in after), Status.PRESENT)


def _reaches(text: str, start: int, end: int, cues: list[PhraseMatch]) -> bool:
    between = text[start:end]
    if not _joined(between):
        return False
    inside = {cue.id for cue in cues if start <= cue.start and cue.end <= end}
    if "contrast" in inside:
        return False
    if "," not in between:
        return True
    # "no fever, chills or sweats": the comma belongs to a list only when the list is closed by a coordination
    tail = {cue.id for cue in cues if cue.start >= start and "\n" not in text[start : cue.start]}
    return "coordination" in tail


def _joined(between: str) -> bool:
    """Tell whether two words stand in one clause; the full stop of an abbreviation ("Z.n.") ends none."""
    between = between.removeprefix(".")
    return len(between) <= _REACH and not any(mark in between for mark in _CLAUSE_ENDS)


@dataclass(frozen=True, slots=True)
class GroupFinder:
    """Codes and words of one kind of group together."""

    codes: CodeIndex
    terms: TermIndex
    cues: CueIndex

    @classmethod
    def of(cls, groups: Mapping[_Name, CodeGroup], cues: CueIndex) -> "GroupFinder":
        """Compile the groups of one knowledge file."""
        return cls(CodeIndex(groups), TermIndex(groups), cues)

    def read(self, text: str) -> Entry:
        """Read one text of a record."""
        return self.cues.judge(text, self.terms.find(text))

    def groups(self, concept: Concept, *more: str) -> frozenset[str]:
        """Return the groups that an entry states as true, from its codes, its texts and further texts beside it."""
        worded: set[str] = set()
        for text in (*concept.words, *filter(None, more)):
            accepted = {Status.PRESENT, Status.HISTORICAL, Status.POSSIBLE}
            worded.update(m.group for m in self.read(text).matches if m.status in accepted)
        return frozenset(self.codes.find(concept.codings).certain | worded)
