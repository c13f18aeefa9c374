"""Completes German compounds whose last part is said once: "Spinalkanal- und Foramenstenose"."""

import re
from bisect import bisect_left
from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.words import Words

_HANGING: Final = re.compile(r"[-\u2010](?=[\s,/])")
_LETTERS: Final = re.compile(r"[^\W\d_]{3}")
# the longest of the last parts that fits is the one left out
_TAILS: Final = tuple(sorted(load_grammar().compounds["tails"], key=lambda tail: (-len(tail), tail)))
_JOINING: Final = frozenset(load_grammar().compounds["joining"])
_REACH: Final = 6


def completed(words: Words) -> Words:
    """Return the words with the last part written out behind every hanging hyphen; places stay as they are."""
    whole: dict[int, str] = {}
    for match in _HANGING.finditer(words.text):
        if not _LETTERS.match(words.text, max(match.start() - 3, 0), match.start()):
            continue
        index = bisect_left(words.ends, match.start())
        tail = _tail_after(words, index)
        if tail:
            whole[index] = words.words[index] + tail
    if not whole:
        return words
    return words.reworded(tuple([whole.get(index, word) for index, word in enumerate(words.words)]))


def _tail_after(words: Words, index: int) -> str:
    """Return the last part of the compound that a hanging word is joined to."""
    joined = False
    for following in range(index + 1, min(index + _REACH, len(words))):
        word, between = words.words[following], words.between(following)
        if any(sign in between for sign in ".;:"):
            return ""
        joined = joined or word in _JOINING or "/" in between
        tail = next((tail for tail in _TAILS if word.endswith(tail) and len(word) > len(tail)), "")
        if tail:
            return tail if joined else ""
    return ""
