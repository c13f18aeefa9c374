"""Measures how words of a sentence belong together: distances, coordinated places, nouns shared by two of them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from operator import add
from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.exceptions import opens_exception
from cds_service.reading.lexicon import LEVEL, OTHER, SEGMENT, CompiledComposition, Hit
from cds_service.reading.words import REMEMBERED_WORDS, Gap, Words

_GRAMMAR: Final = load_grammar()
# beyond this no penalty matters
_FARTHEST: Final = 26
_HEAD_DISTANCE: Final = 3
# by the grade of the gap
_GAP_PENALTY: Final = (0, 4, 8, 8)
_WORD_PENALTY: Final = {
    **dict.fromkeys(_GRAMMAR.distance["breaking"], 3),
    **dict.fromkeys(_GRAMMAR.distance["joining"], 1),
    **dict.fromkeys(_GRAMMAR.distance["binding"], -1),
}
_BREAKING: Final = frozenset(_GRAMMAR.distance["breaking"])
_LINKS: Final = frozenset(_GRAMMAR.coordination["words"])
_LONGEST_LINK: Final = 5
# participles of pressure, and words that are not the noun a participle can belong to
_PARTICIPLES: Final = frozenset({"displaced", "compressed", "deviated", "shifted", "impacted", "flattened"})
_NO_NOUNS: Final = frozenset(_GRAMMAR.coordination["no_nouns"])
_COPULAS: Final = frozenset(_GRAMMAR.lists["copulas"])
_OWN_REACH: Final = 3
_DEGENERATIVE: Final = "degenerativ"
_CHANGES: Final = ("change", "veranderung", "modificar")
_WITH: Final = frozenset({"with", "mit", "cu"})
# what an adjective before it belongs to, and not to a disc named in the same breath
_OWN_NOUNS: Final = (
    "scolio", "levoscolio", "dextroscolio", "rotoscolio", "skolio", "listhes", "spondylolisthes", "anterolisthes",
    "retrolisthes", "kypho",
)  # fmt: skip
_NOUN_REACH: Final = 3
_LOST_BESIDE: Final = frozenset({"and", "or", "with", "disc", "disk", "height", "lordosis"})
_ROOTS: Final = ("root", "nerve", "wurzel", "wz", "nervenwurzel", "radacin", "nervul", "nervi")
_PLACING: Final = frozenset({"in", "within", "at", "im", "la"})
_ALSO_REACH: Final = 12
_UNLESS_REACH: Final = 10
# "over three vertebral segments", "pe trei segmente vertebrale"
_OVER: Final = frozenset({"over", "across", "spanning", "spans", "uber", "pe", "peste", "length", "lungime", "de"})
_SEGMENTS: Final = frozenset(
    {"segments", "segmente", "segmenten", "levels", "etaje", "nivele", "niveluri", "wirbelsegmente"}
)
_NUMBERS: Final = frozenset(
    {
        "two", "three", "four", "five", "six", "several", "zwei", "drei", "vier", "funf", "sechs", "mehrere", "doua",
        "trei", "patru", "cinci", "sase", "mai", "cateva",
    }
)  # fmt: skip
# what may stand between two places that share one noun, and what ties a place to the word before it
_SHARED: Final = _LINKS | frozenset(_GRAMMAR.coordination["grading"])
_OWNING: Final = frozenset(_GRAMMAR.coordination["owning"])
_JOINERS: Final = frozenset(_GRAMMAR.lists["joining"])
_PARTING: Final = frozenset({"and", "with", "but", "und", "mit", "si", "cu"})
_ARTICLES: Final = frozenset({"the", "left", "right", "posterior", "anterior"})
_DENYING: Final = frozenset({"kein", "keine", "keinen", "no", "fara", "ohne", "without"})
_CANAL: Final = frozenset({"epidural", "extradural", "epiduraler", "epidurales", "epidurale", "epiduralabszess"})
_HEAD: Final = (
    "skull", "crani", "intracran", "extracran", "brain", "cerebr", "cerebell", "frontal", "temporal", "parietal",
    "occipit", "calvari", "convexity", "falx", "falc", "tentor", "posterior", "ventric", "schadel", "hirn", "gehirn",
    "kalott", "creier", "craniu", "hemisphere", "sinus", "mastoid", "orbit",
)  # fmt: skip


def names_canal(words: Words, hit: Hit) -> bool:
    """Tell a term that holds the word epidural."""
    return any(words.words[n] in _CANAL for n in range(hit.first, hit.last + 1))


def names_head(words: Words, anatomy: Sequence[Hit]) -> bool:
    """Tell whether a sentence names a part of the head."""
    return any(words.words[a.first].startswith(_HEAD) for a in anatomy if a.name == OTHER)


def distance_between(words: Words, hit: Hit, anatomy: Hit) -> int:
    """Measure how far apart two hits stand: words between them, more for commas and linking words."""
    if anatomy.last < hit.first:
        low, high = anatomy.last, hit.first
    elif anatomy.first > hit.last:
        low, high = hit.last, anatomy.first
    else:
        return 0
    if high - low > _FARTHEST:
        return high - low
    if anatomy.last < hit.first and _heads(words, anatomy):
        return min(high - low - 1, _HEAD_DISTANCE)
    steps = _steps(words, listed=anatomy.last < hit.first)
    last = 0 if _stands_for_place(words, high) else _GAP_PENALTY[words.gaps[high]]
    return max(high - low - 1 + steps[high - 1] - steps[low] + last, 0)


def _steps(words: Words, *, listed: bool) -> list[int]:
    """Return for each word by how much it and all words before it lengthen a distance, or shorten it.

    Levels between stand for the anatomy, "the discs (T2, T3, T4) with ...". ``listed`` is for what stands behind the
    anatomy: "ICR L4/5 u. L5/S1 verschmälert", where a list of levels is one step.
    """
    name = "listed steps" if listed else "steps"
    known = words.sums.get(name)
    if known is None:
        of_gaps = map(_GAP_PENALTY.__getitem__, words.gaps)
        steps = list(map(add, of_gaps, map(_WORD_PENALTY.get, words.words, repeat(0))))
        for index in _stepped_over(words, listed=listed):
            steps[index] = -1
        known = words.sums[name] = list(accumulate(steps))
    return known


def _stepped_over(words: Words, *, listed: bool) -> list[int]:
    """Return the words that bring what stands around them nearer: levels, and words that only join them."""
    found = []
    for level in [index for index, word in enumerate(words.words) if _is_level(word)]:
        if level:
            found.append(level)
        if listed and level > 1 and words.words[level - 1] in _JOINERS and _is_of_list(words, level - 1):
            found.append(level - 1)
        after = level + 1
        if after < len(words) and (_stands_for_place(words, after) or (listed and _is_of_list(words, after))):
            found.append(after)
    return found


def _stands_for_place(words: Words, index: int) -> bool:
    """Tell a level, and the word right behind one; "disc L4-5, with ..." goes on."""
    if _is_level(words.words[index]):
        return True
    parted = words.gaps[index] == Gap.COMMA or words.words[index] in _BREAKING
    return _is_level(words.words[index - 1]) and (not parted or ")" in words.between(index))


def _is_of_list(words: Words, index: int) -> bool:
    """Tell the second number of "L4/5", and the word that joins two levels."""
    if index + 1 == len(words):
        return False
    before, after = words.words[index - 1], words.words[index + 1]
    if words.words[index].isdigit():
        return _is_level(before) and words.signs[index] in {"/", "-"}
    return words.words[index] in _JOINERS and before[-1].isdigit() and _is_level(after)


def words_apart(one: Hit, two: Hit) -> int:
    """Return how many words stand between two hits."""
    return max(two.first - one.last, one.first - two.last, 1) - 1


def conditions_hold(hit: Hit, composition: CompiledComposition, process: Sequence[Hit], anatomy: Sequence[Hit]) -> bool:
    """Check the classes that must, and must not, stand near the process."""
    for wanted in composition.also:
        near = (p for p in (*process, *anatomy) if p.name in wanted)
        if not any(words_apart(hit, p) <= _ALSO_REACH for p in near):
            return False
    if not composition.unless:
        return True
    unwanted = (p for p in (*process, *anatomy) if p.name in composition.unless)
    return not any(words_apart(hit, p) <= _UNLESS_REACH for p in unwanted)


def is_direction(words: Words, anatomy: Hit) -> bool:
    """Tell where something of the spine grows to, "extending into the pelvis", from where it lies."""
    if anatomy.name != OTHER or anatomy.first < 2:  # noqa: PLR2004
        return False
    article = words.words[anatomy.first - 1] in _ARTICLES
    return words.words[anatomy.first - (2 if article else 1)] == "into"


def belongs_to(words: Words, hit: Hit, used: Sequence[Hit]) -> bool:
    """Tell whether a process is said of the anatomy that it takes."""
    return not (
        _is_loss_of_other(words, hit)
        or _is_excepted(words, hit, used)
        or _is_beside(words, hit, used)
        or _is_place_of_root(words, hit, used)
    )


def _is_loss_of_other(words: Words, hit: Hit) -> bool:
    """Tell "loss of disc space and end plate sclerosis", where it is not the endplate that is lost."""
    said = words.words[hit.first : hit.last + 1]
    return hit.name == "erode" and said[:2] == ("loss", "of") and not _LOST_BESIDE.isdisjoint(said[2:])


def _is_place_of_root(words: Words, hit: Hit, used: Sequence[Hit]) -> bool:
    """Tell "contacts the S1 root in the lateral recess": the root is touched, the recess is where it lies."""
    if hit.name != "contact" or not used:
        return False
    between = words.words[hit.last + 1 : min(anatomy.first for anatomy in used)]
    roots = [n for n, word in enumerate(between) if word.startswith(_ROOTS)]
    return bool(roots) and not _PLACING.isdisjoint(between[roots[-1] :])


def _is_beside(words: Words, hit: Hit, used: Sequence[Hit]) -> bool:
    """Tell "degenerative change L4/5 with loss of disc space and end plate sclerosis": what follows is told beside."""
    if not used or not words.words[hit.first].startswith(_DEGENERATIVE):
        return False
    nearest = min(anatomy.first for anatomy in used)
    if _has_own_noun(words, hit, nearest):
        return True
    # Romanian says the noun first: "modificari degenerative L4-L5 cu ..."
    changes = any(word.startswith(_CHANGES) for word in words.words[max(0, hit.first - 1) : hit.last + 2])
    return changes and not _WITH.isdisjoint(words.words[hit.last + 1 : nearest])


def _has_own_noun(words: Words, hit: Hit, nearest: int) -> bool:
    """Tell "degenerative lumbar scoliosis and disc bulge", where the adjective belongs to the curve."""
    for index in range(hit.last + 1, min(hit.last + 1 + _NOUN_REACH, len(words))):
        if words.gaps[index] != Gap.SOFT or index == nearest or words.words[index] in _PARTING:
            return False
        if words.words[index].startswith(_OWN_NOUNS):
            return True
    return False


def _is_excepted(words: Words, hit: Hit, used: Sequence[Hit]) -> bool:
    """Tell "normal apart from degeneration of the L5/S1 disc": what is excepted is not normal."""
    return any(
        opens_exception(words, n)
        for anatomy in used
        if anatomy.name not in {LEVEL, SEGMENT}
        for n in range(hit.last + 1, anatomy.first)
    )


def is_parted(words: Words, hit: Hit, anatomy: Sequence[Hit]) -> bool:
    """Tell "osteopenic bones with old rib fractures": a word that joins statements stands before all anatomy named."""
    sides = [(a.last, hit.first) if a.last < hit.first else (hit.last, a.first) for a in anatomy if a.name == OTHER]
    return all(
        any(words.words[n] in _PARTING or words.gaps[n] != Gap.SOFT for n in range(low + 1, high + 1))
        for low, high in sides
    )


def is_attribute(words: Words, hit: Hit, anatomy: Sequence[Hit]) -> bool:
    """Tell "the displaced peg abuts the cord": the participle belongs to the noun right after it, not to the cord."""
    after = hit.last + 1
    if hit.first != hit.last or words.words[hit.first] not in _PARTICIPLES or after >= len(words):
        return False
    if not _COPULAS.isdisjoint(_before_participle(words, hit)):
        return False
    follows = words.gaps[after] == Gap.SOFT and words.words[after] not in _NO_NOUNS
    named = any(a.first <= after + 1 and a.last >= after for a in anatomy)
    return follows and not named and not words.words[after].endswith("ly")


def _before_participle(words: Words, hit: Hit) -> Sequence[str]:
    """Return the verb that a participle may belong to: "the cauda equina is (not, severely) compressed here"."""
    before = words.words[max(0, hit.first - 2) : hit.first]
    return before if before[-1:] == ("not",) or (before and before[-1].endswith("ly")) else before[-1:]


def is_extent(words: Words, anatomy: Hit) -> bool:
    """Tell a length, "over three vertebral segments", from a place."""
    if anatomy.name == OTHER or anatomy.first < 2:  # noqa: PLR2004
        return False
    number = words.words[anatomy.first - 1]
    if number in _SEGMENTS:
        number = words.words[anatomy.first - 2]
        before = words.words[anatomy.first - 3 : anatomy.first - 2]
    else:
        before = words.words[anatomy.first - 2 : anatomy.first - 1]
    if not (number.isdigit() or number in _NUMBERS):
        return False
    follows = words.words[anatomy.last + 1 : anatomy.last + 2]
    named = words.words[anatomy.first - 1] in _SEGMENTS or (bool(follows) and follows[0] in _SEGMENTS)
    named = named or any(words.words[n] in _SEGMENTS for n in range(anatomy.first, anatomy.last + 1))
    return named and before[:1] != () and before[0] in _OVER


def _heads(words: Words, anatomy: Hit) -> bool:
    """Tell an anatomy that heads its sentence: "ISG: ...", "Pedicles: ..."."""
    after = anatomy.last + 1
    if after == len(words) or ":" not in words.signs[after]:
        return False
    return anatomy.first == 0 or words.gaps[anatomy.first] == Gap.STOP or "\n" in words.signs[anatomy.first]


@lru_cache(maxsize=REMEMBERED_WORDS)
def _is_level(word: str) -> bool:
    return word[-1].isdigit() and (word[0] in "ctldshbw")


def coordinated(words: Words, nearest: Hit, candidates: Sequence[Hit]) -> list[Hit]:
    """Return the nearest anatomy and those joined to it by "and", "or", commas and articles."""
    position = candidates.index(nearest)
    chain = [nearest]
    for step in (-1, 1):
        current, index = nearest, position + step
        while 0 <= index < len(candidates) and linked(words, current, candidates[index]):
            current = candidates[index]
            chain.append(current)
            index += step
    return chain


def of_one_statement(words: Words, hit: Hit, chain: Sequence[Hit], process: Sequence[Hit]) -> list[Hit]:
    """Part two statements that a comma alone joins: "stenosis of the canal, recesses free".

    The place before the comma follows a process of its own, the place behind it is followed by another.
    """
    if len(chain) < 2:  # noqa: PLR2004
        return list(chain)
    ordered = sorted(chain, key=lambda a: a.first)
    for number in range(1, len(ordered)):
        before, after = ordered[number - 1], ordered[number]
        if any(words.words[n] in _JOINERS for n in range(before.last + 1, after.first)) or not any(
            words.gaps[n] == Gap.COMMA for n in range(before.last + 1, after.first + 1)
        ):
            continue
        stated = any(p.last < before.first and _is_near(words, p.last, before.first) for p in process)
        judged = any(p.first > after.last and _is_near(words, after.last, p.first) for p in process)
        if stated and judged:
            return ordered[:number] if hit.first < after.first else ordered[number:]
    return list(chain)


def _is_near(words: Words, low: int, high: int) -> bool:
    return high - low <= _OWN_REACH and all(words.gaps[n] == Gap.SOFT for n in range(low + 1, high + 1))


def only_place(hit: Hit, candidates: Sequence[Hit], weak: frozenset[str]) -> list[Hit]:
    """Return the one place of a sentence for the last of its attributes: "a mass of the cord, large, enhancing"."""
    named = [a for a in candidates if a.name not in weak]
    return named if len(named) == 1 and named[0].name != OTHER and named[0].last < hit.first else []


def named_with(words: Words, one: Hit, two: Hit) -> bool:
    """Tell "hip and sacrum" from "abscess of the liver in this segment"."""
    between = range(min(one.last, two.last) + 1, max(one.first, two.first) + 1)
    return any(words.gaps[n] == Gap.COMMA or words.words[n] in _JOINERS for n in between)


def linked(words: Words, one: Hit, two: Hit) -> bool:
    """Tell whether nothing but words of a list stands between two places."""
    low, high = (one.last, two.first) if one.first <= two.first else (two.last, one.first)
    if high - low - 1 > _LONGEST_LINK:
        return False
    if max(words.gaps[low + 1 : high + 1], default=Gap.SOFT) >= Gap.CLAUSE:
        return False
    return all(
        words.words[index] in _LINKS or (words.words[index] in _DENYING and words.words[index - 1] in _JOINERS)
        for index in range(low + 1, high)
    )


def sharing(
    words: Words, hit: Hit, standing: Sequence[Hit], anatomy: Sequence[Hit], process: Sequence[Hit]
) -> list[Hit]:
    """Return the anatomy that shares the noun of a term after it: "no central canal or foraminal stenosis"."""
    term = next((t for t in standing if t.first <= hit.first and t.last >= hit.last), None)
    if term is None:
        return []
    partners = [a for a in anatomy if a.last < term.first and a.name not in {LEVEL, SEGMENT}]
    if not partners or term.first == hit.first:
        return []
    nearest = max(partners, key=lambda a: a.last)
    between = range(nearest.last + 1, term.first)
    joined = any(words.words[n] in _JOINERS for n in between) or any(
        words.gaps[n] == Gap.COMMA or "/" in words.between(n) for n in (*between, term.first)
    )
    if nearest.name == OTHER or not joined or any(words.words[n] not in _SHARED for n in between):
        return []
    # "a mass in the canal and foraminal stenosis": the canal belongs to the mass
    owned = any(
        p.last + 1 < nearest.first and all(words.words[n] in _OWNING for n in range(p.last + 1, nearest.first))
        for p in process
    )
    return [] if owned else partners


def anatomy_names(anatomy: Iterable[Hit]) -> frozenset[str]:
    """Return the names of anatomy that the next sentence may inherit; a structure hides the bare word "spine"."""
    names = {hit.name for hit in anatomy}
    strong = names - {"spine", LEVEL, SEGMENT, "skeleton", "disc_level", OTHER}
    spinal = names - {OTHER}
    return frozenset(strong or spinal or names)
