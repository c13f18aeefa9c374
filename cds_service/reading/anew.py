"""Tells where a statement of its own begins inside the scope of a denial, of history or of what is gone.

A red flag must not vanish under the cue of the statement before it: a finding behind a comma that has a place of its
own, or that a word says is new, is stated, unless "or" closes the list that it stands in.
"""

from collections.abc import Sequence
from typing import Final

from cds_service.domain.vocabulary import FindingId
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.denials import is_place
from cds_service.reading.lexicon import Hit
from cds_service.reading.mentions import Mention
from cds_service.reading.relatives import goes_on
from cds_service.reading.sentences import LONGEST_SENTENCE
from cds_service.reading.unchanged import denies_change, stands_as_known
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().anew
# red flags: where a list of denials and a new statement look alike, these count as stated
_GRAVE: Final = frozenset(
    {
        FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL, FindingId.INFECTION_STATED, FindingId.METASTASIS,
        FindingId.MALIGNANCY_STATED, FindingId.TUMOR, FindingId.CORD, FindingId.SPINAL_HEMATOMA,
    }
)  # fmt: skip
_PAST: Final = frozenset({"historical", "aged"})
_ASKING: Final = frozenset({"hypothetical", "question"})
_EXCLUDING: Final = ("exclu", "ausschl", "rule")
# cues whose scope reaches over commas
_SCOPES: Final = frozenset({"negated", "gone", "historical", "unlikely"})
_DOUBTING: Final = frozenset({"possible", "probable"})
_THAN: Final = frozenset(_GRAMMAR["than"])
_OR: Final = frozenset(_GRAMMAR["or"])
_NEW: Final = frozenset(_GRAMMAR["new"])
_FRESH: Final = _GRAMMAR["fresh"]
_NOT: Final = frozenset(_GRAMMAR["not"])
_SHOWING: Final = _GRAMMAR["showing"]
_WITH: Final = frozenset(_GRAMMAR["with"])
_UNITS: Final = frozenset(_GRAMMAR["units"])
_CAUSES: Final = frozenset(_GRAMMAR["causes"])
_DEFINITE: Final = frozenset(_GRAMMAR["definite"])
_PHRASES: Final = frozenset(_GRAMMAR["phrases"])
_VERBS: Final = frozenset(_GRAMMAR["verbs"])
_SEARCHING: Final = _GRAMMAR["searching"]
_FOLLOWING: Final = _GRAMMAR["following"]
_PRESENTING: Final = frozenset(_GRAMMAR["presenting"])
_BELONGING: Final = _GRAMMAR["belonging"]
_OF: Final = frozenset(_GRAMMAR["of"])
_PARTING: Final = _OF | frozenset(_GRAMMAR["or"]) | frozenset(_GRAMMAR["joining"]) | frozenset(_GRAMMAR["purpose"])
_WITHOUT_ARTICLE: Final = frozenset(_GRAMMAR["causes_without_article"])
_CAUSE_REACH: Final = 6
_ASSERTING: Final = frozenset(
    {
        "is", "are", "represents", "represent", "reflects", "indicates", "ist", "sind", "entspricht", "entsprechen",
        "zeigt", "zeigen", "findet", "finden", "este", "sunt", "reprezinta", "prezinta", "corespunde", "corespund",
        "evidentiaza",
    }
)  # fmt: skip
# "in treated prostate cancer the focus in L2 ...": no noun has two
_ARTICLES: Final = frozenset({"the", "this", "these"})
_AGE_REACH: Final = 4
_NOUN_REACH: Final = 2
_OWNER_REACH: Final = 8
_JOINING: Final = frozenset(_GRAMMAR["joining"])
_EVENTS: Final = _GRAMMAR["events"]
_EVENT_ENDS: Final = _GRAMMAR["event_ends"]
_AGES: Final = ("19", "20")
_YEAR: Final = 4


def begins_anew(words: Words, kind: str, cue: Hit, mention: Mention) -> bool:
    """Tell whether a mention behind a cue that acts forward belongs to a statement of its own."""
    low = cue.last
    if _asks(words, kind, cue) and _is_answered(words, kind, cue, mention.first):
        return True
    if (
        kind in _PAST
        and (
            _is_fresh(words, low, mention)
            or _is_after_event(words, cue, mention)
            # "chronic dialysis, presented with discitis"
            or not _PRESENTING.isdisjoint(words.words[low + 1 : mention.first])
        )
    ):
        return True
    if kind == "negated" and (
        _is_presupposed(words, low, mention)
        or _is_owner(words, low, mention)
        or _is_behind_verb(words, cue, mention)
        or denies_change(words, cue, mention.first)
    ):
        return True
    if kind == "negated" and mention.finding in _GRAVE and stands_as_known(words, low, mention.first, mention.last):
        return True
    if kind == "negated" and goes_on(words, cue, mention.first, mention.first):
        return False
    # "hemangioma is more likely than metastasis at L3, metastasis at L4"
    weighed = kind in _DOUBTING and words.words[cue.last] in _THAN
    return (weighed or kind in _SCOPES) and _is_parted(words, kind, low, mention)


def _asks(words: Words, kind: str, cue: Hit) -> bool:
    """Tell what an examination was made for from a doubt about what it shows."""
    return kind in _ASKING or any(word.startswith(_EXCLUDING) for word in words.words[cue.first : cue.last + 1])


def _is_answered(words: Words, kind: str, cue: Hit, first: int) -> bool:
    """Tell what an examination found from what it was made for.

    "MRI to exclude discitis shows an abscess", "to look for metastases: metastasis in L3", "in search of a focus,
    discitis L3-L4".
    """
    if not _VERBS.isdisjoint(words.words[cue.last + 1 : first]):
        return True
    if kind != "hypothetical" or not any(
        words.words[n].startswith((*_SEARCHING, *_EXCLUDING)) for n in range(cue.first, cue.last + 1)
    ):
        return False
    colon = next((n for n in range(cue.last + 2, first + 1) if ":" in words.between(n)), None)
    if colon is not None:
        return not words.words[colon - 1].startswith(_FOLLOWING)
    comma = next((n for n in range(first, cue.last + 1, -1) if words.gaps[n] == Gap.COMMA), None)
    # "Suggest MRI to look for metastasis, fracture at L1" asks for both
    if comma is None or (cue.first > 0 and words.gaps[cue.first] == Gap.SOFT):
        return False
    end = _segment_end(words, first)
    return any(is_place(words, n) for n in range(comma, end)) and not closes_with_or(words, comma, first)


def _is_parted(words: Words, kind: str, low: int, mention: Mention) -> bool:
    """Tell "no fracture, abscess at L4-L5": the place or a word of news behind the comma makes a new statement."""
    commas = [n for n in range(low + 1, mention.first + 1) if words.gaps[n] == Gap.COMMA]
    if not commas:
        return False
    first, end = commas[-1], _segment_end(words, mention.first)
    if closes_with_or(words, first, mention.first):
        return False
    told = _is_new(words, first, end)
    if kind == "historical":
        # "Past history: fracture of L1, discitis L3-L4" goes on with what is past
        return told
    placed = any(is_place(words, n) for n in range(first + 1, end))
    sized = any(words.words[n] in _UNITS for n in range(first, end))
    if mention.finding in _GRAVE:
        shown = any(words.words[n].startswith(_SHOWING) for n in range(first, mention.first))
        return told or sized or placed or shown
    single = len(commas) == 1 and not any(is_place(words, n) for n in range(low + 1, first))
    return told or sized or (placed and single)


def _segment_end(words: Words, index: int) -> int:
    """Return the first word behind the commas that a word stands between; no statement is longer than a sentence."""
    return min(words.following("segment", Gap.SOFT)[index], index + LONGEST_SENTENCE)


def closes_with_or(words: Words, first: int, last: int) -> bool:
    """Tell whether "or" joins the words behind the comma at ``first``, or opens one of the next members of the list.

    ``last`` is a word of that member. Both is looked up in sums over the whole text, as lists have no end of their own.
    """
    joining = words.counted("joining", _is_or)
    end = words.following("list", Gap.COMMA)[last]
    return joining[end - 1] > joining[first - 1]


def _is_or(word: str) -> bool:
    return word in _OR


def _is_new(words: Words, first: int, end: int) -> bool:
    return any(words.words[n] in _NEW and words.words[n - 1] not in _NOT for n in range(first, end))


def _is_presupposed(words: Words, low: int, mention: Mention) -> bool:
    """Tell "no compression from the abscess at T8": a cause with a definite article, or with its place, is there."""
    high = mention.first
    for index in range(max(low + 2, high - _CAUSE_REACH), high):
        if words.words[index] not in _CAUSES or any(words.gaps[n] != Gap.SOFT for n in range(index, high + 1)):
            continue
        if words.words[index + 1] in _DEFINITE and index + 1 < high:
            return not any(is_place(words, n) for n in range(index + 1, high))
        after = range(mention.last + 1, min(mention.last + 4, len(words)))
        return words.words[index] in _WITHOUT_ARTICLE and any(is_place(words, n) for n in after)
    return False


def _is_owner(words: Words, low: int, mention: Mention) -> bool:
    """Tell "no enhancement of the cord lesion": the lesion is there, it only does not enhance."""
    heads = [n for n in range(low + 1, mention.first) if words.words[n].startswith(_BELONGING)]
    if not heads or any(words.gaps[n] != Gap.SOFT for n in range(heads[-1] + 1, mention.first + 1)):
        return False
    between = words.words[heads[-1] + 1 : mention.first]
    # "no enhancement of the cord or abscess", "of the discs to suggest discitis" name what is not there either
    if len(between) > _OWNER_REACH or not _PARTING.isdisjoint(_without_genitive(between[2:])):
        return False
    german = between[:1] and between[0] in _DEFINITE and between[0] in _OF
    return bool(german) or (len(between) > 1 and between[0] in _OF and between[1] in _DEFINITE)


def _without_genitive(between: Sequence[str]) -> Sequence[str]:
    """Leave out the "of the" that leads to the finding: "no displacement of the fragments of the fracture"."""
    kept = list(between)
    if not kept or kept[-1] not in _DEFINITE:
        return kept
    article = kept.pop()
    # the German article is the genitive by itself
    if article not in _OF and kept and kept[-1] in _OF:
        kept.pop()
    return kept


def _is_behind_verb(words: Words, cue: Hit, mention: Mention) -> bool:
    """Tell "CT without contrast enhancement shows an abscess": the phrase ends where the sentence goes on.

    So it does with what it names itself: "lesion without contrast enhancement, metastasis possible".
    """
    if words.words[cue.first] not in _PHRASES:
        return False
    if cue.last > cue.first and words.words[cue.last].startswith(_BELONGING):
        return not closes_with_or(words, cue.last + 1, mention.last)
    return not _VERBS.isdisjoint(words.words[cue.last + 1 : mention.first])


def _is_fresh(words: Words, low: int, mention: Mention) -> bool:
    """Tell "old fracture of T12, fracture of L1 fresh": a word of age beside the finding itself."""
    parted = [
        n
        for n in range(low + 1, mention.first + 1)
        if words.gaps[n] == Gap.COMMA or (words.words[n] in _JOINING and n < mention.first)
    ]
    if not parted:
        return False
    last = min(mention.last + 1 + _AGE_REACH, _segment_end(words, mention.last))
    return _is_new(words, parted[-1], last) or any(
        words.words[n].startswith(_FRESH) and words.words[n - 1] not in _NOT for n in range(parted[-1], last)
    )


def is_weighed_now(words: Words, past: Hit, doubt: Hit, mention: Mention) -> bool:
    """Tell "in treated breast cancer a metastasis must be considered": the cancer is past, what it may mean is not."""
    between = words.words[_of_noun(words, past) : min(mention.first, doubt.first)]
    return any(_is_event(word) for word in between)


def _of_noun(words: Words, past: Hit) -> int:
    """Return where the noun that is past may begin: Romanian says the adjective behind it, "neoplasm mamar tratat"."""
    return past.last + 1 if words.words[past.first - 1] in _WITH else max(0, past.first - _NOUN_REACH)


def _is_event(word: str) -> bool:
    return word.startswith(_EVENTS) or word.endswith(_EVENT_ENDS)


def _is_after_event(words: Words, past: Hit, mention: Mention) -> bool:
    """Tell "status post fall with fracture of L1": the fall is past, what it is said with is found now.

    So is what the lesion "represents" in a patient "with treated breast cancer". A year beside the event dates both.
    """
    between = words.words[_of_noun(words, past) : mention.first]
    joints = [
        n
        for n, word in enumerate(between)
        if word in _WITH or word in _ASSERTING or (word in _ARTICLES and n > 0 and _is_event(between[n - 1]))
    ]
    if not joints or not any(_is_event(word) for word in between[: joints[0]]):
        return False
    return not any(len(word) == _YEAR and word.startswith(_AGES) and word.isdigit() for word in between)
