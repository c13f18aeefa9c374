"""Compiles the words of one language into one index and sorts what it finds in a text by kind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.domain.vocabulary import FindingId, Language, Qualifier, Section, Status, Trend
from cds_service.knowledge.findings import FindingsKnowledge, LanguageKnowledge
from cds_service.reading.compounds import completed
from cds_service.reading.levels import LevelGroup, find_levels
from cds_service.reading.misspelt import corrected
from cds_service.reading.phrases import TermIndex, WordMatch, outermost
from cds_service.reading.words import Words, cut

# anatomy, process, finding, cue, qualifier, trend, mark
_KINDS: Final = "apfcqtm"
OTHER: Final = "other"
LEVEL: Final = "level"
SEGMENT: Final = "segment_level"
# processes with longer terms that use up words of others
_COVERING: Final = frozenset({"compress", "herniation", "named_disease", "tracer", "uncompressed", "injected"})
# what stands before and behind a mass at the side, which is no lateral mass of a vertebra
_BESIDE_BONE: Final = (
    "extradural", "intradural", "epidural", "paraspinal", "paravertebral", "soft", "enhancing", "solid",
)  # fmt: skip
_PRESSING: Final = frozenset(
    {
        "compresses", "compressing", "displaces", "displacing", "impinges", "impinging", "indents", "indenting",
        "invades", "invading", "effaces", "effacing",
    }
)  # fmt: skip
_PLACING: Final = (("in",), ("im",), ("bei",), ("auf",), ("am",), ("an",), ("links",), ("rechts",), ("der",))


@mypyc_attr(acyclic=True)
@final
class Hit:
    """A word class over the words ``[first, last]``, both included.

    A value that nobody changes. It is written out, as are the other values made for every word or sentence, because
    a text makes hundreds of them and neither a named tuple nor a frozen dataclass is as quick, compiled or not.
    Acyclic tells the compiler that the garbage collector need not look at them.
    """

    __slots__ = ("first", "last", "name")

    def __init__(self, name: str, first: int, last: int) -> None:
        self.name = name
        self.first = first
        self.last = last

    def __repr__(self) -> str:
        """Show class and place."""
        return f"Hit({self.name!r}, {self.first}, {self.last})"


@mypyc_attr(acyclic=True)
@final
class Hits:
    """Everything found in a text, each list in reading order."""

    __slots__ = ("anatomy", "cue", "levels", "literal", "mark", "process", "qualifier", "trend")

    def __init__(self, levels: list[LevelGroup]) -> None:
        self.anatomy: list[Hit] = []
        self.process: list[Hit] = []
        self.literal: list[Hit] = []
        self.cue: list[Hit] = []
        self.qualifier: list[Hit] = []
        self.trend: list[Hit] = []
        self.mark: list[Hit] = []
        self.levels = levels

    def parted(self, bounds: list[tuple[int, int]], size: int) -> "list[Hits]":
        """Return the hits that begin and end inside each of the word ranges ``[first, end)``, which do not overlap.

        ``size`` is the number of words of the text. Marks are of whole texts and left out.
        """
        parts = [Hits([]) for _ in bounds]
        owner = [-1] * size
        ends = [end for _, end in bounds]
        for number, (first, end) in enumerate(bounds):
            owner[first:end] = [number] * (end - first)
        _deal(self.anatomy, owner, ends, [part.anatomy for part in parts])
        _deal(self.process, owner, ends, [part.process for part in parts])
        _deal(self.literal, owner, ends, [part.literal for part in parts])
        _deal(self.cue, owner, ends, [part.cue for part in parts])
        _deal(self.qualifier, owner, ends, [part.qualifier for part in parts])
        _deal(self.trend, owner, ends, [part.trend for part in parts])
        for group in self.levels:
            number = owner[group.first]
            if number >= 0 and group.last < ends[number]:
                parts[number].levels.append(group)
        return parts


def _deal(hits: list[Hit], owner: list[int], ends: list[int], targets: list[list[Hit]]) -> None:
    """Add each hit to the target of the part that owns its first word, unless it goes on behind that part."""
    for hit in hits:
        number = owner[hit.first]
        if number >= 0 and hit.last < ends[number]:
            targets[number].append(hit)


@dataclass(frozen=True, slots=True)
class CompiledComposition:
    """A composition with its groups written out."""

    finding: FindingId
    anatomy: frozenset[str]
    also: tuple[frozenset[str], ...]
    unless: frozenset[str]
    rivals: frozenset[str]
    claims: Status
    qualifiers: tuple[Qualifier, ...]
    inherit: bool
    generic: bool
    reach: int | None


class Lexicon:
    """The words of one language, compiled once; ``compositions`` are filed by process class."""

    def __init__(self, findings: FindingsKnowledge, language: LanguageKnowledge) -> None:
        self.language: Language = language.language
        terms = _terms(findings, language)
        self._index = TermIndex(terms)
        self._marks = TermIndex({name: listed for name, listed in terms.items() if name[0] == "m"})
        self._sorted = {name: (_KINDS.index(name[0]), name[2:]) for name in terms}
        self.headings: dict[tuple[str, ...], Section] = {
            cut(term).words: section for section, terms in language.sections.items() for term in terms
        }
        self.heading_openers = frozenset(words[0] for words in self.headings)
        self.free = frozenset(f.id for f in findings.findings.values() if f.gate == "free")
        self.emergency = frozenset(f.id for f in findings.findings.values() if f.emergency)
        self.compositions = _compositions(findings)
        self.eligible = _eligible(self.compositions)
        self.weak = findings.classes.expand(("weak",))
        self.unspecific = findings.classes.expand(("unspecific",))
        self.yields_to = {f.id: frozenset(f.yields_to) for f in findings.findings.values()}

    def _mended(self, words: Words) -> Words:
        return completed(corrected(words)) if self.language is Language.DE else words

    def marks(self, words: Words) -> list[Hit]:
        """Return the marks of a text alone: what it tells of history and technique."""
        matches = outermost(self._marks.find(self._mended(words)))
        return [Hit(match.id[2:], match.first, match.last) for match in matches]

    def find(self, words: Words) -> Hits:
        """Return all hits of a text."""
        hits = Hits(find_levels(words, self.language))
        # in the order of the letters of _KINDS
        targets = [hits.anatomy, hits.process, hits.literal, hits.cue, hits.qualifier, hits.trend, hits.mark]
        for match in outermost(self._index.find(self._mended(words))):
            kind, own = self._sorted[match.id]
            targets[kind].append(Hit(own, match.first, match.last))
        for group in hits.levels:
            name = "root" if group.root else SEGMENT if all("-" in level for level in group.levels) else LEVEL
            hits.anatomy.append(Hit(name, group.first, group.last))
        if self.language is Language.DE:
            hits.cue = _without_above_all(words, hits.cue, hits.levels)
        hits.anatomy = _without_lookalikes(hits.anatomy)
        covering = [hit for hit in hits.process if hit.name in _COVERING]
        # the mass of "mass effect" is none, nor does "contrast enhanced T1" tell that anything takes contrast up
        pressing = _covered_words(covering, "compress")
        given = _covered_words(hits.mark, "contrast_done", single=True)
        # a "free fragment" leaves no recess free
        loose = _covered_words(covering, "herniation")
        # nor is the lateral mass of a vertebra a mass
        lateral = _covered_words([a for a in hits.anatomy if not _is_tumour(words, a)], "pedicle")
        diseases = _covered_words(covering, "named_disease")
        # nor does what takes a tracer up take contrast up; a root "nicht mehr komprimiert" is not compressed
        traced = _covered_words(covering, "tracer", single=True)
        freed = _freed(words, covering)
        if injected := _covered_words(covering, "injected"):
            # where an injection has gone grows nothing
            grown = FindingId.SOFT_MASS.value
            hits.literal = [hit for hit in hits.literal if not (hit.name == grown and hit.last in injected)]
        if diseases:
            # the arthritis of "rheumatoid arthritis" is no wear
            worn = FindingId.DEGENERATIVE_CHANGE.value
            hits.literal = [hit for hit in hits.literal if not (hit.name == worn and hit.first in diseases)]
        if pressing or given or lateral or loose or diseases or traced or freed:
            hits.process = [
                p
                for p in hits.process
                if not (
                    (p.name == "mass" and (p.first in pressing or p.first in lateral))
                    or (p.first in given and p.last in given)
                )
                and not (p.name == "patent" and p.first in loose)
                and p.first not in diseases
                and not (p.name == "enhance" and p.first in traced)
                and not (p.name == "compress" and p.first in freed)
            ]
        return hits


def _is_tumour(words: Words, lateral: Hit) -> bool:
    """Tell "extradural lateral mass" and "a lateral mass compresses the cord" from the lateral mass of a vertebra."""
    before = words.words[lateral.first - 1] if lateral.first else ""
    after = words.words[lateral.last + 1] if lateral.last + 1 < len(words) else ""
    return before.startswith(_BESIDE_BONE) or after in _PRESSING


def _without_above_all(words: Words, cues: list[Hit], levels: Sequence[LevelGroup]) -> list[Hit]:
    """Tell "v.a. L4/5", above all, from "V.a. Fraktur", suspected: in small letters right before a place."""
    places = {group.first for group in levels}
    return [
        cue
        for cue in cues
        if not (
            words.words[cue.first : cue.last + 1] == ("v", "a")
            and words.text[words.starts[cue.first]] == "v"
            and (cue.last + 1 in places or words.words[cue.last + 1 : cue.last + 2] in _PLACING)
        )
    ]


def _covered_words(hits: Iterable[Hit], wanted: str, *, single: bool = False) -> frozenset[int]:
    """Return the words of all hits of one name; single words count only where that is said."""
    return frozenset(
        number
        for hit in hits
        if hit.name == wanted and (single or hit.last > hit.first)
        for number in range(hit.first, hit.last + 1)
    )


def _freed(words: Words, process: Iterable[Hit]) -> frozenset[int]:
    """Return the words of "nicht mehr komprimiert", whose "nicht mehr" is no denial of its own."""
    return frozenset(
        number
        for hit in process
        if hit.name == "uncompressed" and "mehr" in words.words[hit.first : hit.last]
        for number in range(hit.first, hit.last + 1)
    )


def _without_lookalikes(anatomy: list[Hit]) -> list[Hit]:
    """Drop anatomy inside a longer name of something else: "iliac spine", "vocal cord", and the word in a level."""
    ordered = sorted(anatomy, key=_reading_order)
    kept: list[Hit] = []
    for hit in ordered:
        name, first, last = hit.name, hit.first, hit.last
        for wider in kept[:-7:-1]:
            if wider.first <= first and wider.last >= last:
                swallowed = wider.last - wider.first > last - first and _swallows(wider.name, name)
                break
        else:
            swallowed = False
        if not swallowed:
            kept.append(hit)
    return kept


def _reading_order(hit: Hit) -> tuple[int, int]:
    return hit.first, -hit.last


def _swallows(wider: str, narrower: str) -> bool:
    return OTHER in {wider, narrower} or wider != narrower


def _terms(findings: FindingsKnowledge, language: LanguageKnowledge) -> dict[str, tuple[str, ...]]:
    """Return all term lists of a language under ids whose first letter is their kind."""
    code = language.language
    terms: dict[str, tuple[str, ...]] = {}
    for kind, classes in (("a", findings.classes.anatomy), ("p", findings.classes.process)):
        terms |= {f"{kind}:{name}": words.of(code) for name, words in classes.items()}
    terms |= {f"f:{f.id}": f.terms.of(code) for f in findings.findings.values()}
    for name, cue in language.cues:
        terms[f"c:{name}<"] = cue.preceding
        terms[f"c:{name}>"] = cue.following
    terms |= {f"q:{Qualifier(name)}": words for name, words in language.qualifiers.items()}
    terms |= {f"t:{Trend(name)}": words for name, words in language.trends.items()}
    for part in (language.history, language.technique, language.onset):
        terms |= {f"m:{name}": words for name, words in part}
    return terms


def _compositions(findings: FindingsKnowledge) -> Mapping[str, tuple[CompiledComposition, ...]]:
    filed: defaultdict[str, list[CompiledComposition]] = defaultdict(list)
    expand = findings.classes.expand
    for finding in findings.findings.values():
        for source in finding.compose:
            compiled = CompiledComposition(
                finding.id,
                expand(source.anatomy),
                tuple(expand((name,)) for name in source.also),
                expand(source.unless),
                expand(source.rivals),
                Status(source.claims),
                source.qualifiers,
                source.inherit,
                source.generic,
                source.reach,
            )
            for process in expand(source.process):
                filed[process].append(compiled)
    return {name: tuple(members) for name, members in filed.items()}


def _eligible(compositions: Mapping[str, tuple[CompiledComposition, ...]]) -> Mapping[str, frozenset[str]]:
    """Return for each process the anatomies that compete for it: all it can belong to, their rivals, and "other"."""
    return {
        process: frozenset({OTHER} | {a for c in members for a in c.anatomy} | {a for c in members for a in c.rivals})
        for process, members in compositions.items()
    }


def overlapping(match: WordMatch | Hit, first: int, last: int) -> bool:
    """Tell whether a match shares a word with ``[first, last]``."""
    return match.first <= last and match.last >= first


def anatomy_of(head: tuple[str, ...]) -> frozenset[str]:
    """Return what the levels of a list head stand for: vertebrae, or the segments between them."""
    if not head:
        return frozenset()
    return frozenset({SEGMENT if all("-" in level for level in head) else LEVEL})
