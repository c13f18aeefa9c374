"""Reads the last part of a long German compound through one typing error: "Spinalkanalstensoe", "Wirbelfratkur".

Only long heads that name a finding are put right, and their first letter must stand: shorter words have neighbours
that mean something else ("Hamartom", "Kontraktur").
"""

from functools import lru_cache
from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.words import REMEMBERED_WORDS, Words, fold

_HEADS: Final = tuple(sorted(load_grammar().compounds["heads"], key=lambda head: (-len(head), head)))
_NEIGHBOURS: Final = tuple(load_grammar().compounds["neighbours"])
_SHORTEST: Final = 9
_LONGEST: Final = 60


def corrected(words: Words) -> Words:
    """Return the words with the heads put right; places stay as they are."""
    right: dict[int, str] = {}
    for index, word in enumerate(words.words):
        if len(word) >= _SHORTEST - 1 and word.isalpha():
            found = _corrected(word, words.text[words.starts[index] : words.ends[index]][:_LONGEST].lower())
            if found:
                right[index] = found
    if not right:
        return words
    return words.reworded(tuple([right.get(index, word) for index, word in enumerate(words.words)]))


@lru_cache(maxsize=REMEMBERED_WORDS)
def _corrected(word: str, raw: str) -> str:
    """Return a folded word with its head put right, nothing where no head is one error away.

    ``raw`` is the word as written: in "stensoe" the letters "oe" are no umlaut.
    """
    if len(raw) < _SHORTEST or word.endswith(_HEADS) or any(part in word for part in _NEIGHBOURS):
        return ""
    for head in _HEADS:
        for written in dict.fromkeys((word, raw)):
            for size in (len(head), len(head) - 1, len(head) + 1):
                tail = written[-size:]
                if len(tail) == size and tail[0] == head[0] and _one_error(tail, head):
                    return fold(written[:-size]) + head
    return ""


def _one_error(one: str, two: str) -> bool:
    """Tell two words that differ by one letter put in, left out, changed, or swapped with the next."""
    if len(one) > len(two):
        one, two = two, one
    place = next((n for n, letter in enumerate(one) if letter != two[n]), len(one))
    if len(one) < len(two):
        return one[place:] == two[place + 1 :]
    if one[place + 1 :] == two[place + 1 :]:
        return True
    return one[place : place + 2] == two[place : place + 2][::-1] and one[place + 2 :] == two[place + 2 :]
