"""Tells the answer of a form, which stands behind its finding: "Fracture: no", "Fx L1, L2 - old"."""

from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.denials import is_place
from cds_service.reading.lexicon import Hit
from cds_service.reading.mentions import Mention
from cds_service.reading.words import Gap, Words

_FRESH: Final = load_grammar().anew["fresh"]
_NEW: Final = frozenset(load_grammar().anew["new"])
# how far the answer may stand from its finding, which has levels of its own
_REACH: Final = 5


def is_answer(words: Words, end: int, mention: Mention, cue: Hit, *, past: bool) -> bool:
    """Tell whether a denial or, with ``past``, a word of age that closes the sentence before ``end`` answers a finding.

    Otherwise it begins a new statement or belongs to another finding.
    """
    return (
        0 < cue.first - mention.last <= _REACH
        and cue.last == end - 1
        and words.gaps[cue.first] == Gap.CLAUSE
        and all(words.gaps[n] == Gap.SOFT or _goes_on(words, mention, cue, n, past) for n in _between(mention, cue))
    )


def _between(mention: Mention, cue: Hit) -> range:
    return range(mention.last + 1, cue.first)


def _goes_on(words: Words, mention: Mention, cue: Hit, index: int, past: bool) -> bool:  # noqa: FBT001 - passed on
    """Tell a comma in the list of a finding's own levels, "Fx L1, L2 - old".

    Another finding stands behind the comma of "abscess T6, fracture L1 - old", and what is said to be fresh is not old.
    """
    before = words.words[mention.first - 1] if mention.first else ""
    return (
        past
        and words.gaps[index] == Gap.COMMA
        and index > mention.last + 1
        and all(is_place(words, n) or words.words[n].isdigit() for n in _between(mention, cue))
        and not (before in _NEW or before.startswith(_FRESH))
    )
