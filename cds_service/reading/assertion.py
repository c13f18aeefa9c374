"""Decides what a sentence says of a finding: cues with their scope, and which cue wins.

The rules follow the cue table and the traps of the clinical design: a request to exclude is "possible", "not excluded"
beats every denial, a denial reaches over a list but not over a contrast word or a new statement after a comma.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.domain.vocabulary import Certainty, FindingId, Section, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.anew import begins_anew, closes_with_or, is_weighed_now
from cds_service.reading.answered import is_answer
from cds_service.reading.denials import (
    denies_adjective,
    denies_treatment,
    goes_to_level,
    has_another_subject,
    heads_list,
    is_listed,
    is_repeated,
    is_sequestered,
    leaves_verb,
    likens,
    names_cause,
    opens_phrase,
    or_follows,
    stands_alone,
)
from cds_service.reading.exceptions import is_exception
from cds_service.reading.lexicon import Hit, overlapping
from cds_service.reading.mentions import Mention
from cds_service.reading.relatives import goes_on
from cds_service.reading.words import Gap, Words

# no scope of a real report is longer; the bound keeps the work for a mention small
_FARTHEST: Final = 40
_LONGEST_CUE: Final = 12
_FOLLOWING_REACH: Final = 9
# "the lesion of L4 that was seen on the earlier study ... is no longer visible"
_GONE_REACH: Final = 16
_POSSIBLE_SEGMENT: Final = 6
_OUTRIGHT: Final = frozenset({"negated"})
_ADJECTIVES: Final = frozenset({"historical", "aged", "probable", "suspected", "consistent", "possible"})
_DOUBTS: Final = frozenset({"probable", "suspected", "possible"})
# "no fracture, abscess suspected" may mean that neither is
_WEIGHED: Final = frozenset({"probable", "possible"})
_PAST: Final = frozenset({"historical", "aged"})
# a denial reaches over any comma of its list, and age may be told last: "wedging of T7 and T8, with an old look"
_UNSEGMENTED: Final = _OUTRIGHT | _PAST | {"hypothetical"}
_PAST_REACH: Final = 6
_BOTH: Final = frozenset({"both", "all", "likely", "probably", "beide", "alle", "ambele", "toate"})
_GRAMMAR: Final = load_grammar().lists
_COPULAS: Final = frozenset(_GRAMMAR["copulas"])
_AND: Final = frozenset(_GRAMMAR["adding"])
_ADJECTIVE_REACH: Final = 2
_CHAIN: Final = 3
_JOINING: Final = frozenset(_GRAMMAR["joining"])
# a bare "not" denies its verb or adjective, not the statement after the next comma
_OF_VERBS: Final = frozenset({"nicht", "not", "nu", "never"})
# verbs of doubt hold for all that they govern, "could lead to A and B", an adjective for its own noun
_VERBS: Final = frozenset(_GRAMMAR["governing"])
_RELATIVE: Final = frozenset({"which", "that", "die", "der", "das", "care"})
_POROTIC: Final = ("osteoporotic", "porotic", "osteoporotisch")
# what is told behind a denial with a place of its own
_BESIDE: Final = frozenset({FindingId.HEMANGIOMA, FindingId.SCHMORL, FindingId.DISC_BULGE, FindingId.SPONDYLOLISTHESIS})
# findings that are a state after something: "status post fusion" says that the fusion is there
STATES: Final = frozenset({FindingId.POSTOPERATIVE, FindingId.IMPLANT, FindingId.CEMENT, FindingId.RADIATION})
# what a list of former diseases, "PMH: ...", names is there still
_LASTING: Final = frozenset({FindingId.OSTEOPOROSIS, FindingId.DEFORMITY})
# findings that age words make past; a chronic herniation is still there
_AGEING: Final = frozenset(
    {
        FindingId.FRACTURE, FindingId.FRACTURE_LINE, FindingId.HEIGHT_LOSS, FindingId.CONTUSION,
        FindingId.INFECTION_STATED, FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL,
        FindingId.SPINAL_HEMATOMA,
    }
)  # fmt: skip
_OUTRANKING: Final = (
    ("relative", Status.OTHER_PERSON, Certainty.CERTAIN),
    ("gone", Status.HISTORICAL, Certainty.CERTAIN),
    ("negated", Status.ABSENT, Certainty.CERTAIN),
    ("unlikely", Status.ABSENT, Certainty.UNLIKELY),
)
_GRADES: Final = (
    ("possible", Status.POSSIBLE, Certainty.POSSIBLE),
    ("suspected", Status.POSSIBLE, Certainty.PROBABLE),
    ("probable", Status.POSSIBLE, Certainty.PROBABLE),
)
_EXCLUSION: Final = ("exclu", "auszuschl", "ausschl", "ausgeschl", "rule", "ruled")


@mypyc_attr(acyclic=True)
@final
class Assertion:
    """Status and certainty of one mention, and the words that decided. Nobody changes it once it is made."""

    __slots__ = ("certainty", "cue", "rival", "status")

    def __init__(self, status: Status, certainty: Certainty, cue: Hit | None = None, *, rival: bool = False) -> None:
        self.status = status
        self.certainty = certainty
        self.cue = cue
        self.rival = rival

    def of(self, status: Status) -> "Assertion":
        """Return the same with another status."""
        return Assertion(status, self.certainty, self.cue, rival=self.rival)


@mypyc_attr(acyclic=True)
@final
class Cue:
    """A cue word of a class acting on what follows it (``forward``) or on what precedes it."""

    __slots__ = ("forward", "hit", "kind")

    def __init__(self, kind: str, hit: Hit, *, forward: bool) -> None:
        self.kind = kind
        self.hit = hit
        self.forward = forward


def live_cues(hits: Sequence[Hit]) -> list[Cue]:
    """Return the cues of a sentence without those that a longer cue or a look-alike covers."""
    cues = [Cue(hit.name[:-1], hit, forward=hit.name[-1] == "<") for hit in hits]
    firsts = [hit.first for hit in hits]
    live = []
    for cue in cues:
        near = cues[bisect_left(firsts, cue.hit.first - _LONGEST_CUE) : bisect_right(firsts, cue.hit.first)]
        covered = any(_covers(other.hit, cue.hit) for other in near if other.kind != "terminating")
        if cue.kind != "pseudo" and not covered:
            live.append(cue)
    return live


def _covers(longer: Hit, shorter: Hit) -> bool:
    return (
        longer.first <= shorter.first
        and longer.last >= shorter.last
        and longer.last - longer.first > shorter.last - shorter.first
    )


def assertion(
    words: Words, bounds: tuple[int, int], mention: Mention, cues: Sequence[Cue], section: Section, *, asked: bool
) -> Assertion:
    """Return what the sentence ``bounds`` says of a mention; ``asked`` is a question mark at its end."""
    if mention.claims is Status.ABSENT:
        cues = [c for c in cues if c.kind != "negated" or _same_segment(words, c, mention)]
    acting = [c for c in cues if c.kind not in {"terminating", "rival"} and _acts(words, bounds, mention, c, cues)]
    if section is Section.INDICATION and (asked or any(c.kind == "question" for c in acting)):
        asking = next((c.hit for c in acting if c.kind == "question"), None)
        return Assertion(Status.QUESTION, Certainty.POSSIBLE, asking)
    if told := next((c.hit for c in acting if c.kind == "hypothetical"), None):
        # "the risks, i.e. epidural haematoma and abscess": spoken of, not stated
        return Assertion(Status.QUESTION, Certainty.POSSIBLE, told)
    decided = _decide(mention, [c for c in acting if c.kind != "question"], words)
    if decided.status is Status.PRESENT and asked:
        return Assertion(Status.POSSIBLE, Certainty.POSSIBLE)
    if decided.cue is not None and decided.certainty is Certainty.PROBABLE and decided.rival:
        rival = any(c.kind == "rival" and not overlapping(c.hit, mention.first, mention.last) for c in cues)
        if rival:
            return Assertion(Status.POSSIBLE, Certainty.POSSIBLE, decided.cue)
    return decided


def _decide(mention: Mention, acting: Sequence[Cue], words: Words) -> Assertion:
    """Weigh the cues that act on a mention, the strongest class first."""
    by_kind: dict[str, Hit] = {}
    for cue in acting:
        by_kind.setdefault(cue.kind, cue.hit)
    # an operation that is only planned has not changed the spine
    planned = by_kind.get("planned") if mention.finding in STATES and "historical" not in by_kind else None
    if hit := by_kind.get("unassessable") or planned:
        return Assertion(Status.UNKNOWN, Certainty.POSSIBLE, hit)
    denied = by_kind.get("negated")
    if mention.claims is Status.ABSENT:
        return Assertion(Status.UNKNOWN if denied else Status.ABSENT, Certainty.CERTAIN, denied)
    open_hit = next((cue.hit for cue in acting if cue.kind == "possible" and _is_open(cue, words)), None)
    if open_hit:
        return Assertion(Status.POSSIBLE, Certainty.POSSIBLE, open_hit)
    for kind, status, certainty in _OUTRANKING:
        if hit := by_kind.get(kind):
            if kind == "negated" and (
                is_exception(words, mention.last) or _is_doubted_apart(words, mention, hit, acting)
            ):
                break
            return Assertion(status, certainty, hit)
    past = by_kind.get("historical") or (by_kind.get("aged") if mention.finding in _AGEING else None)
    lasts = past is not None and mention.finding in _LASTING and ":" in words.between(past.last + 1)
    # "fracturi osteoporotice consolidate": the fracture is old, the bone is porotic still
    lasts = lasts or (mention.finding is FindingId.OSTEOPOROSIS and words.words[mention.first].startswith(_POROTIC))
    doubt = next((by_kind[kind] for kind, _, _ in _GRADES if kind in by_kind), None)
    weighed = past is not None and doubt is not None and is_weighed_now(words, past, doubt, mention)
    if past and mention.finding not in STATES and not (lasts or weighed):
        return Assertion(Status.HISTORICAL, Certainty.CERTAIN, past)
    return _graded(mention, by_kind)


def _graded(mention: Mention, by_kind: dict[str, Hit]) -> Assertion:
    """Grade a finding that is stated with reserve, or without."""
    for kind, status, certainty in _GRADES:
        if hit := by_kind.get(kind):
            return Assertion(status, certainty, hit, rival=kind == "suspected")
    if mention.claims is Status.POSSIBLE:
        return Assertion(Status.POSSIBLE, Certainty.POSSIBLE)
    if hit := by_kind.get("consistent"):
        return Assertion(Status.PRESENT, Certainty.PROBABLE, hit)
    return Assertion(Status.PRESENT, Certainty.CERTAIN)


def _same_segment(words: Words, cue: Cue, mention: Mention) -> bool:
    """Tell whether no comma stands between a cue and a mention."""
    low, high = (cue.hit.last, mention.first) if cue.hit.last < mention.first else (mention.last, cue.hit.first)
    return all(words.gaps[n] == Gap.SOFT for n in range(low + 1, high + 1))


def _is_doubted_apart(words: Words, mention: Mention, denied: Hit, acting: Sequence[Cue]) -> bool:
    """Tell "no fracture, metastasis possible": of what stands behind the comma is the doubt, not the denial."""
    commas = [n for n in range(denied.last + 1, mention.first + 1) if words.gaps[n] == Gap.COMMA]
    if not commas or closes_with_or(words, commas[-1], mention.last):
        return False
    doubts = (c for c in acting if c.kind in _WEIGHED and c.hit.first > mention.last)
    return any(_same_segment(words, c, mention) and _is_predicate(words, mention, c) for c in doubts)


def _is_open(cue: Cue, words: Words) -> bool:
    """Tell "cannot be excluded" and "to be excluded" from other words of doubt."""
    return any(words.words[n].startswith(_EXCLUSION) for n in range(cue.hit.first, cue.hit.last + 1))


def _acts(words: Words, bounds: tuple[int, int], mention: Mention, cue: Cue, cues: Sequence[Cue]) -> bool:
    """Tell whether a mention lies in the scope of a cue."""
    hit = cue.hit
    if max(mention.first - hit.last, hit.first - mention.last) > _FARTHEST:
        return False
    past = cue.kind in _PAST
    answers = (past or cue.kind in _OUTRIGHT) and is_answer(words, bounds[1], mention, hit, past=past)
    if answers or _is_compound(mention, cue):
        return True
    if cue.kind in _OUTRIGHT and heads_list(words, hit, mention.first):
        cue = Cue(cue.kind, hit, forward=True)
    if cue.forward:
        if hit.last >= mention.first:
            return hit.first < mention.first
        alone = cue.kind in _OUTRIGHT and mention.finding in _BESIDE
        if (
            begins_anew(words, cue.kind, hit, mention)
            or (cue.kind in _OUTRIGHT and denies_adjective(words, hit, mention.first))
            or (alone and stands_alone(words, hit, mention.first, mention.last))
        ):
            return False
        return hit.first >= bounds[0] and _reaches(words, cue, hit.last, mention.first, cues)
    return _acts_back(words, mention, cue, cues)


def _is_compound(mention: Mention, cue: Cue) -> bool:
    """Tell a finding and its doubt in one word: "metastasenverdächtig"."""
    return cue.kind == "suspected" and cue.hit.first == cue.hit.last == mention.first == mention.last


def _acts_back(words: Words, mention: Mention, cue: Cue, cues: Sequence[Cue]) -> bool:
    """Tell whether a mention lies in the scope of a cue that stands behind it."""
    hit = cue.hit
    if hit.first <= mention.last:
        # "konnte eine Fraktur ausgeschlossen werden": the words of the denial stand around what they deny
        return hit.last > mention.last and hit.first != mention.first
    if cue.kind == "unlikely" and opens_phrase(words, hit):
        return False
    single = hit.first == hit.last
    adjective = cue.kind in _ADJECTIVES and single and not _is_predicate(words, mention, cue)
    reach = _ADJECTIVE_REACH + 1 if adjective else _GONE_REACH if cue.kind == "gone" else _FOLLOWING_REACH
    if hit.first - mention.last > reach or (adjective and words.gaps[hit.first] != Gap.SOFT):
        return False
    if (cue.kind == "unlikely" or likens(words, hit)) and has_another_subject(words, mention.last, hit.first):
        # "most likely a meningioma, schwannoma less likely"
        return False
    if cue.kind in _OUTRIGHT:
        # "a mass with absent flow": the word belongs to what follows it
        attributive = single and (words.words[hit.first - 1] in _AND or is_sequestered(words, mention.finding, hit))
        if attributive or denies_treatment(words, hit) or has_another_subject(words, mention.last, hit.first):
            return False
    return _reaches(words, cue, mention.last, hit.first, cues)


def _is_predicate(words: Words, mention: Mention, cue: Cue) -> bool:
    """Tell the doubt that closes a statement, "abscess at T6/7 possible", from an adjective of the word before it."""
    if cue.kind in _PAST:
        # "wedge deformity of T7, chronic."
        after = cue.hit.last + 1
        opens = cue.hit.first - (words.words[cue.hit.first - 1] in _BOTH)
        alone = words.gaps[opens] == Gap.COMMA and (after == len(words) or words.gaps[after] != Gap.SOFT)
        # "Die Fraktur von LWK 1 ist konsolidiert"
        return (alone and cue.hit.first - mention.last <= _PAST_REACH) or any(
            words.words[n] in _COPULAS for n in range(max(mention.last, cue.hit.first - 2), cue.hit.first)
        )
    if cue.kind not in _DOUBTS:
        return False
    after = cue.hit.last + 1
    closes = after == len(words) or words.gaps[after] != Gap.SOFT
    return closes and not any(
        words.gaps[index] != Gap.SOFT or (words.words[index] in _AND and words.words[index + 1] != "joint")
        for index in range(mention.last + 1, cue.hit.first + 1)
    )


def _ended(words: Words, cue: Cue, low: int, high: int, cues: Sequence[Cue]) -> bool:
    """Tell whether a contrast word, a new statement after a comma or the comma after a bare "not" ends the scope."""
    forward = cue.kind in _OUTRIGHT and cue.forward
    if forward and (names_cause(words, low, high) or goes_to_level(words, low, high)):
        return True
    bare = cue.hit.last == cue.hit.first
    if forward and is_repeated(words, (low, high), [c.hit for c in cues if c.kind in _OUTRIGHT and c.forward]):
        return True
    listed = forward and not bare and or_follows(words, high)
    # a remark in commas does not part what is gone from its noun
    everywhere = not listed and (cue.forward or cue.kind != "gone")
    ends = (
        other.hit.first
        for other in cues
        if other.kind == "terminating"
        and (other.forward or everywhere)
        # "a herniation, which is no longer seen"
        and not (cue.kind == "gone" and words.words[other.hit.first] in _RELATIVE)
        and _ends_scope(words, other, low, high)
    )
    if (end := next(ends, None)) is not None and not (forward and goes_on(words, cue.hit, end, high)):
        return True
    return forward and bare and words.words[cue.hit.first] in _OF_VERBS and leaves_verb(words, low, high)


def _reaches(words: Words, cue: Cue, low: int, high: int, cues: Sequence[Cue]) -> bool:
    """Tell whether nothing between the words ``low`` and ``high`` ends the scope."""
    if _ended(words, cue, low, high, cues) or not _crosses(words, cue, low, high):
        return False
    past_reach = _PAST_REACH if cue.hit.first == cue.hit.last else _FOLLOWING_REACH
    late = cue.kind in _PAST and not cue.forward and high - low <= past_reach
    # "Past medical history: fracture of L1, treated discitis" holds for all that follows
    heading = cue.forward and ":" in words.between(cue.hit.last + 1)
    if late or heading or cue.kind not in _ADJECTIVES:
        return True
    if cue.forward and words.words[cue.hit.last] not in _VERBS and _joined_later(words, low, high):
        return False
    # "alte, konsolidierte Fraktur": the first comma stands between two adjectives of one noun
    chained = cue.forward and cue.hit.first == low and high - low <= _CHAIN and "," in words.between(low + 1)
    commas = any(words.gaps[index] == Gap.COMMA for index in range(low + 1 + chained, high + 1))
    return cue.kind == "possible" or not commas or is_listed(words, high)


def _crosses(words: Words, cue: Cue, low: int, high: int) -> bool:
    """Tell whether the punctuation between two words lets a scope pass: lists do, brackets and clauses do not."""
    segment = 0
    for index in range(low + 1, high + 1):
        gap = words.gaps[index]
        if gap == Gap.CLAUSE and not _goes_through(words, cue, low, index):
            return False
        if gap == Gap.COMMA:
            bracket = cue.forward and any(sign in words.between(index) for sign in "()")
            if bracket or (cue.kind not in _UNSEGMENTED and segment > _POSSIBLE_SEGMENT):
                return False
            segment = 0
        segment += 1
    return True


def _goes_through(words: Words, cue: Cue, low: int, index: int) -> bool:
    """Tell the colon of a list and the dash of "mother - osteoporosis" from a sign that ends a scope."""
    if cue.kind == "relative" and cue.forward and index == low + 1:
        return True
    # "suspected discitis T9-T10: bright disc, ...": behind the colon stands what is seen
    seen = cue.forward and cue.kind in _DOUBTS and any(words.words[n][-1].isdigit() for n in range(low + 1, index))
    return ":" in words.between(index) and not seen


def _joined_later(words: Words, low: int, high: int) -> bool:
    """Tell "possible left renal cyst and stenosis": after a whole phrase, "and" begins a statement of its own.

    The last member of a list with commas belongs to the list.
    """
    if any(words.gaps[index] == Gap.COMMA for index in range(low + 1, high)) and words.words[high - 1] in _AND:
        return False
    return any(words.words[index] in _AND for index in range(low + _ADJECTIVE_REACH + 1, high))


def _ends_scope(words: Words, terminator: Cue, low: int, high: int) -> bool:
    hit = terminator.hit
    if terminator.forward:
        return low < hit.first and hit.last < high
    if not low < hit.first <= high:
        return False
    return words.gaps[hit.first] == Gap.COMMA and words.words[hit.first - 1] not in _JOINING
