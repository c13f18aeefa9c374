"""Composes findings: a process takes the anatomy nearest to it, and words that are findings by themselves are gated."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.domain.vocabulary import FindingId, Qualifier, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.borrowed import belongs_elsewhere, is_borrowed, without_origins
from cds_service.reading.coordination import (
    belongs_to,
    conditions_hold,
    coordinated,
    distance_between,
    is_attribute,
    is_direction,
    is_extent,
    is_parted,
    linked,
    named_with,
    names_canal,
    names_head,
    of_one_statement,
    only_place,
    sharing,
)
from cds_service.reading.curves import is_normal_curve
from cds_service.reading.graded import graded
from cds_service.reading.lexicon import LEVEL, OTHER, SEGMENT, CompiledComposition, Hit, Lexicon
from cds_service.reading.listed import normal_signals
from cds_service.reading.words import Gap, Words

SPINE: Final = "spine"
GENERIC: Final = "generic"
_GENERIC_ALONE: Final = frozenset({GENERIC})
_REACH: Final = 14
_GATE_REACH: Final = 8
_WEAK_PENALTY: Final = 5
_GRAMMAR: Final = load_grammar()
# "degenerative changes with disc space narrowing" states both
_PARTING: Final = frozenset({"with", "mit", "cu"})
_COMPARING: Final = frozenset(tuple(words.split()) for words in _GRAMMAR.lists["comparing"])
_COMPARING_OPENERS: Final = frozenset(words[0] for words in _COMPARING)
_YARDSTICK_REACH: Final = 3
_BONE: Final = frozenset({"vertebra", "marrow", "endplate"})
_BACK_WALL: Final = "posterior_wall"
_SIGNALS: Final = frozenset({"high", "low", "signal_change"})
# processes that a longer term uses up: the compression of "compression fracture" compresses nothing
_SWALLOWED: Final = frozenset({"collapse"})
_USED_UP: Final = frozenset({"narrow", "stenosis", "compress", "contact", "mass", "tissue", "inflamed", "lesion"})
_FINDINGS: Final = {finding.value: finding for finding in FindingId}
_GENERIC: Final = {FindingId.DEGENERATIVE_CHANGE: 2}


@mypyc_attr(acyclic=True)
@final
class Mention:
    """A finding named at the words ``[first, last]``; ``[from_, to]`` includes its anatomy. Nobody changes it."""

    __slots__ = ("anchors", "claims", "finding", "first", "from_", "last", "literal", "qualifiers", "to")

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        finding: FindingId,
        first: int,
        last: int,
        from_: int,
        to: int,
        *,
        claims: Status = Status.PRESENT,
        qualifiers: tuple[Qualifier, ...] = (),
        literal: bool = True,
        anchors: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.finding = finding
        self.first = first
        self.last = last
        self.from_ = from_
        self.to = to
        self.claims = claims
        self.qualifiers = qualifiers
        self.literal = literal
        self.anchors = anchors


@mypyc_attr(acyclic=True)
@final
class Surroundings:
    """What a sentence may inherit: anatomy of the sentence before it or of its list head.

    ``spinal_report`` tells whether the report is about the spine at all; ``None`` is not known.
    """

    __slots__ = ("anatomy", "spinal_report")

    def __init__(self, anatomy: frozenset[str], spinal_report: bool | None) -> None:  # noqa: FBT001 - three answers
        self.anatomy = anatomy
        self.spinal_report = spinal_report


class Composer:
    """Finds mentions in one sentence with the compiled words of one language."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def mentions(
        self,
        words: Words,
        anatomy: Sequence[Hit],
        process: Sequence[Hit],
        literal: Sequence[Hit],
        around: Surroundings,
    ) -> list[Mention]:
        """Return all mentions of a sentence in reading order; the hits given are those of the sentence."""
        standing = [hit for hit in self._standing(literal) if not is_normal_curve(words, hit)]
        process = [p for p in process if p.name not in _SWALLOWED or not _is_used_up(p, standing)]
        process = [*process, *graded(words, anatomy, process), *normal_signals(words, process)]
        anatomy = [
            a for a in anatomy if not (self._is_yardstick(words, a) or is_direction(words, a) or is_extent(words, a))
        ]
        if around.spinal_report is False:
            anatomy = [a for a in anatomy if not is_borrowed(words, a)]
        anatomy = [a for a in anatomy if not belongs_elsewhere(words, a, anatomy)]
        found = [m for hit in standing if (m := self._literal(words, hit, anatomy, around))]
        for hit in process:
            if not _is_used_up(hit, standing):
                composed = self._composed(words, hit, anatomy, process, around)
                found += [m for m in composed if not self._swallowed(m, hit, standing, anatomy)]
            elif partners := sharing(words, hit, standing, anatomy, process):
                found += self._composed(words, hit, partners, process, around)
        return _without_generic(words, _distinct(found))

    def _is_yardstick(self, words: Words, anatomy: Hit) -> bool:
        """Tell what a signal is only compared with: "darker than the discs" is no statement about the discs."""
        start = max(anatomy.first - _YARDSTICK_REACH, 0)
        if _COMPARING_OPENERS.isdisjoint(words.words[start : anatomy.first]):
            return False
        before = range(start, anatomy.first)
        soft = all(words.gaps[index] == Gap.SOFT for index in range(before.start + 1, anatomy.first + 1))
        named = anatomy.name not in self._lexicon.weak
        return named and soft and any(words.words[n : n + size] in _COMPARING for n in before for size in (1, 2))

    def _standing(self, literal: Sequence[Hit]) -> list[Hit]:
        """Leave out literal terms inside a longer term of a finding they yield to."""
        kept = []
        for hit in literal:
            swallowers = self._lexicon.yields_to[_FINDINGS[hit.name]]
            if not any(other.name in swallowers and _holds(other, hit) for other in literal):
                kept.append(hit)
        return kept

    def _swallowed(self, mention: Mention, hit: Hit, standing: Sequence[Hit], anatomy: Sequence[Hit]) -> bool:
        """Tell a word in a term of a finding that its own yields to, "disc edema", unless a structure beside has it."""
        terms = [t for t in standing if t.name in self._lexicon.yields_to[mention.finding] and _holds(t, hit)]
        used = [a for a in anatomy if (a.first, a.last) in mention.anchors and a.name not in self._lexicon.weak]
        return any(all(t.first <= a.first and a.last <= t.last for a in used) for t in terms)

    def _literal(self, words: Words, hit: Hit, anatomy: Sequence[Hit], around: Surroundings) -> Mention | None:
        finding = _FINDINGS[hit.name]
        mention = Mention(finding, hit.first, hit.last, hit.first, hit.last)
        if finding in self._lexicon.free:
            return mention
        spinal, other = self._nearest_distances(words, hit, without_origins(words, anatomy, hit))
        parted = around.spinal_report is not False and is_parted(words, hit, anatomy)
        if finding is FindingId.OSTEOPOROSIS and (spinal is not None or parted):
            # the whole skeleton is porotic: "T-Score LWS -3,4, Schenkelhals -2,9"
            accepted = True
        elif other is None:
            accepted = spinal is not None or _inherits(around)
        elif spinal is None:
            # "the day after a hip injection the MRI showed no epidural abscess": epidural is spinal below the head
            below = names_canal(words, hit) and not names_head(words, anatomy)
            accepted = (other > _REACH and around.spinal_report is True) or (below and other > 1)
        else:
            accepted = spinal <= other or other > _GATE_REACH or self._shared(words, hit, anatomy)
        return mention if accepted else None

    def _shared(self, words: Words, hit: Hit, anatomy: Sequence[Hit]) -> bool:
        """Tell "changes of the shoulders and spine": the spine is named in one breath with another part."""
        named = [a for a in anatomy if a.name not in self._lexicon.unspecific]
        before, after = [a for a in named if a.last < hit.first], [a for a in named if a.first > hit.last]
        return any(
            len(side) > 1
            and side[0].name == OTHER
            and any(a.name != OTHER and linked(words, side[0], a) for a in side[1:])
            for side in (before[::-1], after)
        )

    def _nearest_distances(self, words: Words, hit: Hit, anatomy: Sequence[Hit]) -> tuple[int | None, int | None]:
        """Return the distances to the nearest anatomy of the spine and outside it."""
        spinal: int | None = None
        other: int | None = None
        for a in anatomy:
            # "edem medular" may be that of a knee
            if a.name in self._lexicon.unspecific or (a.name == "medullary" and _holds(hit, a)):
                continue
            distance = distance_between(words, hit, a)
            if a.name == OTHER:
                other = distance if other is None else min(other, distance)
            else:
                distance += 1 if a.name in self._lexicon.weak else 0
                spinal = distance if spinal is None else min(spinal, distance)
        return spinal, other

    def _composed(
        self, words: Words, hit: Hit, anatomy: Sequence[Hit], process: Sequence[Hit], around: Surroundings
    ) -> list[Mention]:
        compositions = self._lexicon.compositions.get(hit.name, ())
        if not compositions or is_attribute(words, hit, anatomy):
            return []
        anchors = self._anchors(words, hit, anatomy, process)
        if anchors is None:
            return []
        own = {anchor.name for anchor in anchors}
        names = own or self._inherited(around, hit, anatomy)
        if not own and _inherits(around):
            names |= {GENERIC} if all(a.name != OTHER for a in anatomy) else set()
            belongs = any(names & composition.anatomy for composition in compositions)
            names |= {SPINE} if not belongs and all(a.name in self._lexicon.weak for a in anatomy) else set()
        if not names or (names <= self._lexicon.unspecific and not self._about_spine(anatomy, around)):
            return []
        found = []
        generic = GENERIC in names
        for composition in compositions:
            if composition.anatomy.isdisjoint(names) and not (generic and composition.generic):
                continue
            fitting = _fitting(composition, names, own=bool(own))
            if not fitting or not conditions_hold(hit, composition, process, anatomy):
                continue
            used = [anchor for anchor in anchors if anchor.name in fitting]
            reach = composition.reach
            if reach is not None and used and min(distance_between(words, hit, anchor) for anchor in anchors) > reach:
                continue
            if belongs_to(words, hit, used):
                found.append(_mention(hit, composition, used))
        return found

    def _anchors(self, words: Words, hit: Hit, anatomy: Sequence[Hit], process: Sequence[Hit]) -> list[Hit] | None:
        """Return the nearest anatomy with all that is coordinated with it; None when it lies outside the spine."""
        eligible = self._lexicon.eligible[hit.name]
        candidates = [a for a in anatomy if a.name in eligible]
        if any(a.name == _BACK_WALL for a in candidates):
            # "the back wall bulging into the canal": where it goes is not what moves
            candidates = [a for a in candidates if not (hit.first < a.first and a.last <= hit.last)]
        if not candidates:
            return []
        weak = self._lexicon.weak
        distance, _, _, number = min(
            [(_cost(words, hit, a, weak), a.name in weak, a.first < hit.first, n) for n, a in enumerate(candidates)]
        )
        if distance > _REACH + _WEAK_PENALTY:
            return only_place(hit, candidates, weak) if hit.name == "enhance" else []
        nearest = candidates[number]
        chain = of_one_statement(words, hit, coordinated(words, nearest, candidates), process)
        if nearest.name == OTHER:
            inside = nearest.first <= hit.last and nearest.last >= hit.first
            chain = [a for a in chain if not inside and a.name != OTHER and named_with(words, nearest, a)]
            return chain or None
        if nearest.name not in weak:
            chain = [a for a in chain if a.name not in weak]
        return [a for a in chain if a.name != OTHER]

    def _about_spine(self, anatomy: Sequence[Hit], around: Surroundings) -> bool:
        """Tell whether bone or soft tissue without a name is that of the spine here."""
        names = {a.name for a in anatomy}
        return bool(names - self._lexicon.unspecific - {OTHER}) or (OTHER not in names and _inherits(around))

    def _inherited(self, around: Surroundings, hit: Hit, anatomy: Sequence[Hit]) -> frozenset[str]:
        """Return the anatomy of the sentence before or of the list head, else only that the report shows a spine.

        A sentence that names a structure of its own inherits none.
        """
        eligible = self._lexicon.eligible[hit.name]
        if any(a.name not in self._lexicon.weak for a in anatomy):
            return frozenset()
        inherited = around.anatomy & eligible
        if OTHER in around.anatomy and not around.spinal_report:
            return frozenset()
        inherited -= {OTHER}
        if inherited:
            # "STIR slightly raised." tells of the bone of the sentence before, not of the discs and muscles beside it
            return (inherited & _BONE if hit.name in _SIGNALS else inherited) or inherited
        return frozenset({SPINE}) & eligible if _inherits(around) else frozenset()


def _mention(hit: Hit, composition: CompiledComposition, used: Sequence[Hit]) -> Mention:
    """Return the mention of a composition over its process and the anatomy it used."""
    return Mention(
        composition.finding,
        hit.first,
        hit.last,
        min([hit.first] + [a.first for a in used]),
        max([hit.last] + [a.last for a in used]),
        claims=composition.claims,
        qualifiers=composition.qualifiers,
        literal=False,
        anchors=tuple([(a.first, a.last) for a in used]),
    )


def _fitting(composition: CompiledComposition, names: AbstractSet[str], *, own: bool) -> AbstractSet[str]:
    """Return the named anatomy that a composition takes; ``own`` tells whether the sentence names it itself."""
    generic = composition.generic and GENERIC in names
    fitting: AbstractSet[str] = _GENERIC_ALONE if generic else composition.anatomy & names
    inherited = composition.inherit and composition.claims is not Status.ABSENT
    return fitting if own or inherited else frozenset()


def _cost(words: Words, hit: Hit, anatomy: Hit, weak: frozenset[str]) -> int:
    distance = distance_between(words, hit, anatomy)
    if anatomy.name not in weak:
        return distance
    # "the L3-4 stenosis": the level stands for the place
    adjoining = anatomy.last + 1 == hit.first and words.gaps[hit.first] == Gap.SOFT
    return distance if adjoining or _names_place(words, hit, anatomy) else distance + _WEAK_PENALTY


def _names_place(words: Words, hit: Hit, anatomy: Hit) -> bool:
    """Tell "Ödem Th8-11" behind a comma: nothing else is named between the two signs."""
    if anatomy.name not in {LEVEL, SEGMENT} or hit.last + 1 != anatomy.first or hit.first == 0:
        return False
    return words.gaps[anatomy.first] == Gap.SOFT and words.gaps[hit.first] == Gap.COMMA


def _inherits(around: Surroundings) -> bool:
    if around.spinal_report is None:
        return bool(around.anatomy) and OTHER not in around.anatomy
    return around.spinal_report


def _holds(wider: Hit, narrower: Hit) -> bool:
    return (
        wider.first <= narrower.first
        and wider.last >= narrower.last
        and wider.last - wider.first > narrower.last - narrower.first
    )


def _is_used_up(hit: Hit, standing: Sequence[Hit]) -> bool:
    """Tell a process that a literal term of the sentence already stands for."""
    if hit.name in _USED_UP:
        return any(term.first <= hit.first and term.last >= hit.last for term in standing)
    return hit.name in _SWALLOWED and any(_holds(term, hit) for term in standing)


def _without_generic(words: Words, mentions: Sequence[Mention]) -> list[Mention]:
    """Drop the bare word "degenerative" where it belongs to a finding named right after it."""
    if not any(mention.finding in _GENERIC for mention in mentions):
        return list(mentions)
    kept = []
    for mention in mentions:
        reach = _GENERIC.get(mention.finding, 0)
        named = reach > 0 and any(
            other.finding is not mention.finding
            and other.from_ <= mention.last + reach
            and other.to >= mention.last
            and (
                other.from_ <= mention.first
                or mention.first == mention.last
                or other.first <= mention.last
                or words.words[mention.first] == "multilevel"
            )
            and all(words.gaps[n] == Gap.SOFT for n in range(mention.last + 1, max(other.from_, mention.last) + 1))
            and not any(words.words[n] in _PARTING for n in range(mention.last + 1, other.from_))
            for other in mentions
        )
        if not named and not _is_degenerative_adjective(words, mention, mentions):
            kept.append(mention)
    return kept


def _is_degenerative_adjective(words: Words, mention: Mention, mentions: Sequence[Mention]) -> bool:
    """Tell Romanian "discopatie degenerativa": the adjective right behind its finding."""
    return (
        mention.finding is FindingId.DEGENERATIVE_CHANGE
        and mention.first == mention.last
        and words.words[mention.first].startswith("degenerativ")
        and any(other.last + 1 == mention.first for other in mentions)
    )


def _distinct(mentions: list[Mention]) -> list[Mention]:
    """Keep one mention of a finding where several overlap: the literal one, else the longest."""
    if len(mentions) < 2:  # noqa: PLR2004
        return mentions
    kept: list[Mention] = []
    by_rank = sorted(mentions, key=lambda m: (not m.literal, -(m.last - m.first), m.first))
    for mention in by_rank:
        if not any(
            k.finding is mention.finding
            and k.first <= mention.last
            and mention.first <= k.last
            and k.claims is mention.claims
            for k in kept
        ):
            kept.append(mention)
    return sorted(kept, key=lambda m: (m.first, m.last))
