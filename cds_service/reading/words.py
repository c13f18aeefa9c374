"""Cuts a text into folded words that remember where they stood, so that every match slices back to the original."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.knowledge.grammar import load_grammar

_WORD: Final = re.compile(r"([^\W_]+(?:[\u00ad\u0300-\u036f]+[^\W_]*)*)")
# the same for texts with no other letters than these, which takes half the time
_ASCII_WORD: Final = re.compile(r"([0-9A-Za-z]+)")
_LATIN: Final = "".join(chr(code) for code in range(0x250) if chr(code).isalnum())
_LATIN_WORD: Final = re.compile(f"([{_LATIN}]+)")
# "# L1", "#s of L2 and L4", "wedge #": the sign that British clinicians write for a fracture, no number or heading
_FRACTURE_SIGN: Final = (
    r"#s?(?= {0,2}(?:[CTDLS]|Th)[ ]?\d)|#s\b|(?:"
    + "|".join(f"(?<={before}[ -])|(?<={before}  )" for before in load_grammar().sentences["before_fracture_sign"])
    + r"|(?<=\b[CTDLS]\d )|(?<=\b[CTDLS]\d)|(?<=\b[CTDLS]1[0-2] ))#(?! ?[\d:#])"
)
_SIGNED_WORD: Final = re.compile(f"({_FRACTURE_SIGN}|[^\\W_]+)", re.IGNORECASE)
_FRACTURE: Final = {"#": "fx", "#s": "fxs", "#S": "fxs"}
# the soft hyphen, and all beyond Latin letters but the usual dashes, quotation marks and bullets
_BEYOND_LATIN: Final = re.compile(r"[^\x00-\xac\xae-\u024f\u2010-\u203a]")
_HYPHEN_AT_LINE_END: Final = re.compile(r"[-\u2010\u00ad][^\S\n]*\n")
# Longer "words" are encoded data or an attack; only their beginning is looked at, which keeps matching linear.
_LONGEST_WORD: Final = 60
_DIGRAPHS: Final = {"ae": "a", "oe": "o", "ue": "u"}
_NEVER_JOINED: Final = frozenset(load_grammar().sentences["never_joined"])
_CONFIRMING: Final = tuple(load_grammar().sentences["confirming"])
_NOR: Final = frozenset(load_grammar().sentences["nor"])
_ABBREVIATION: Final = 2
# What is known of a word is kept for the words of the last reports; those of a thousand reports are about so many.
# More room fills up with numbers and names that never come again.
REMEMBERED_WORDS: Final = 4096
# "bds. frei", "geringgr. Stenose"
_ABBREVIATED: Final = frozenset(load_grammar().sentences["abbreviations"])


class Gap:
    """What stands between two words, from nothing of importance to the end of a sentence.

    Bare numbers: they are compared for every word, and a member of an enumeration takes longer to look up than to use.
    """

    SOFT: Final = 0
    COMMA: Final = 1
    CLAUSE: Final = 2
    STOP: Final = 3


@mypyc_attr(acyclic=True)
@final
class Words:
    """Folded words of a text with their original ``[start, end)``; ``gaps[i]`` is what stands before word ``i``.

    ``signs`` are the original characters before each word, back to the word before it, and those after the last.
    Nothing changes the words of a text once they are cut; ``sums`` are running sums over them, kept for those who
    measure distances.
    """

    __slots__ = ("ends", "gaps", "signs", "starts", "sums", "text", "words")

    def __init__(
        self,
        text: str,
        words: tuple[str, ...],
        starts: tuple[int, ...],
        ends: tuple[int, ...],
        gaps: tuple[int, ...],
        signs: tuple[str, ...],
    ) -> None:
        self.text = text
        self.words = words
        self.starts = starts
        self.ends = ends
        self.gaps = gaps
        self.signs = signs
        self.sums: dict[str, list[int]] = {}

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def reworded(self, words: tuple[str, ...]) -> "Words":
        """Return the same places with other words at them."""
        return Words(self.text, words, self.starts, self.ends, self.gaps, self.signs)

    def opening(self, size: int) -> "Words":
        """Return the words that end within the first ``size`` characters."""
        last = bisect_right(self.ends, size)
        starts, ends = self.starts[:last], self.ends[:last]
        return Words(self.text, self.words[:last], starts, ends, self.gaps[:last], self.signs[: last + 1])

    def running(self, name: str, costs: dict[str, int]) -> list[int]:
        """Return for each word what it and all words before it cost; worked out once for each ``name`` of a cost."""
        known = self.sums.get(name)
        if known is None:
            known = self.sums[name] = list(accumulate(map(costs.get, self.words, repeat(0))))
        return known

    def counted(self, name: str, test: Callable[[str], bool]) -> list[int]:
        """Return for each word how many of all words up to it pass a test; counted once for each ``name`` of a test."""
        known = self.sums.get(name)
        if known is None:
            known = self.sums[name] = list(accumulate(map(test, self.words)))
        return known

    def running_gaps(self, name: str, costs: tuple[int, int, int, int]) -> list[int]:
        """Return for each word what the gaps before it and before all words before it cost."""
        known = self.sums.get(name)
        if known is None:
            known = self.sums[name] = list(accumulate(map(costs.__getitem__, self.gaps)))
        return known

    def following(self, name: str, most: int) -> list[int]:
        """Return for each word the first word behind it that a gap wider than ``most`` parts from the one before."""
        known = self.sums.get(name)
        if known is None:
            known = self.sums[name] = []
            end = len(self.words)
            for index in range(len(self.words) - 1, -1, -1):
                known.append(end)
                if self.gaps[index] > most:
                    end = index
            known.reverse()
        return known

    def between(self, index: int) -> str:
        """Return the original characters before word ``index``, back to the word before it; at the end, the rest."""
        return self.signs[index]


@lru_cache(maxsize=REMEMBERED_WORDS)
def fold(word: str) -> str:
    """Return a word in lower case without diacritics; ``ä``, ``ae`` and ``a`` become one letter, ``ß`` is ``ss``."""
    if word in _FRACTURE:
        return _FRACTURE[word]
    lower = word[:_LONGEST_WORD].lower()
    if not lower.isascii():
        lower = lower.replace("ß", "ss").replace("ı", "i").replace("æ", "a").replace("œ", "o")
        lower = "".join(
            c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c) and c != "\u00ad"
        )
    for pair, letter in _DIGRAPHS.items():
        if pair in lower:
            lower = lower.replace(pair, letter)
    return lower


def cut(text: str) -> Words:
    """Cut a text of any length into words in one pass; a word broken by a hyphen at a line end is joined again."""
    if "#" in text:
        pieces = _SIGNED_WORD.split(text)
    elif text.isascii():
        pieces = _ASCII_WORD.split(text)
    else:
        pieces = (_WORD if _BEYOND_LATIN.search(text) else _LATIN_WORD).split(text)
    between, raw = pieces[:-1:2], pieces[1::2]
    places = list(accumulate(map(len, pieces)))
    starts, ends = places[:-1:2], places[1::2]
    if "\n" in text and _HYPHEN_AT_LINE_END.search(text):
        between, raw, starts, ends = _joined(text, between, raw, starts, ends)
    words = tuple(map(fold, raw))
    gaps = list(map(_SIGNS.get, between, repeat(_UNGRADED)))
    for index, known in enumerate(gaps):
        if known == _UNGRADED:
            gaps[index] = _gap(between[index], words[index - 1] if index else "", raw[index])
        elif known == Gap.COMMA and index and words[index] in _NOR and words[index - 1].startswith(_CONFIRMING):
            gaps[index] = Gap.SOFT
    between.append(pieces[-1])
    return Words(text, words, tuple(starts), tuple(ends), tuple(gaps), tuple(between))


def _joined(
    text: str, between: Sequence[str], raw: Sequence[str], starts: Sequence[int], ends: Sequence[int]
) -> tuple[list[str], list[str], list[int], list[int]]:
    """Return signs, words and places with the words joined that a hyphen breaks at a line end."""
    joined: tuple[list[str], list[str], list[int], list[int]] = ([], [], [], [])
    signs, words, firsts, lasts = joined
    for sign, word, start, end in zip(between, raw, starts, ends, strict=True):
        if words and "\n" in sign and _is_line_hyphen(sign, fold(words[-1]), word):
            # what is joined is only ever looked at in its beginning
            words[-1] = text[firsts[-1] : min(lasts[-1], firsts[-1] + _LONGEST_WORD)] + word
            lasts[-1] = end
            continue
        signs.append(sign)
        words.append(word)
        firsts.append(start)
        lasts.append(end)
    return joined


def _is_line_hyphen(between: str, before: str, after: str) -> bool:
    stripped = between.strip()
    return (
        stripped in {"-", "\u2010", "\u00ad"}
        and between[0] in "-\u2010\u00ad"
        and before.isalpha()
        and after[0].islower()
        and after not in _NEVER_JOINED
    )


def _gap(between: str, before: str, after: str) -> int:
    """Grade what stands between two words; full stops inside abbreviations and decimals separate nothing."""
    if "." not in between or "!" in between or "?" in between or between.count("\n") > 1:
        return _graded(between)
    inside = between == "." and (before[-1:].isdigit() == after[0].isdigit() or len(before) <= _ABBREVIATION)
    abbreviated = before in _ABBREVIATED or (len(before) <= _ABBREVIATION and before.isalpha())
    short = abbreviated and "\n" not in between and "," not in between
    return Gap.SOFT if inside or short else Gap.STOP


def _graded(between: str) -> int:
    """Grade signs that mean the same whatever stands beside them."""
    if "!" in between or "?" in between or between.count("\n") > 1:
        return Gap.STOP
    if ";" in between or ":" in between or " - " in between or ("–" in between and between != "–"):
        return Gap.CLAUSE
    return Gap.COMMA if any(c in between for c in ",()[]") else Gap.SOFT


_UNGRADED: Final = -1
# the signs between most words, graded once
_SIGNS: Final[dict[str, int]] = {
    sign: _graded(sign) for sign in ("", " ", ", ", "-", "/", "\n", " (", ") ", ": ", "; ", " - ", " – ", ",", "), ")
}
