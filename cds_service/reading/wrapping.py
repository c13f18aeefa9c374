"""Tells line ends that only wrap a paragraph at a column from those that mean something."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cds_service.reading.words import Words

_NARROWEST: Final = 40
_WIDEST: Final = 132
_FEWEST: Final = 2
# share of line ends that must be full lines before a text counts as wrapped at a column
_SHARE: Final = 0.35
# a line that opens a list item, a heading or a level list stands for itself: "- ", "2) ", "IMPRESSION:", "L4/5:"
_OPENS: Final = re.compile(r"\s*(?:[-•*–·>►▪◦]|\(?\d{1,2}[.)]\s|[^\s:]+(?: [^\s:]+){0,3}\s?:)")
# the word and the number of a German level stand in one line
_PARTED_LEVEL: Final = re.compile(r"(?<=[BHLS]WK)\n(?=\d)")
_TITLE_WORDS: Final = 16
_EXAMINATION: Final = re.compile(r"\s*(?:MRI?|MRT|IRM|RMN)\b", re.IGNORECASE)
_WITHOUT: Final = frozenset({("w", "o"), ("without",), ("ohne",), ("fara",)})
_AGENT: Final = re.compile(r"(?:i\.?v\.?\s+)?(?:contrast|gad|gd\b|km\b|kontrast|substan)", re.IGNORECASE)


def unwrapped(text: str) -> str:
    """Return a text of the same length with a space for each line end that only wraps.

    A line was wrapped when the first word of the next line would not have fitted any more. Words that a hyphen
    breaks at a line end keep the line end, by which they are joined again.
    """
    if "WK\n" in text:
        text = _PARTED_LEVEL.sub(" ", text)
    lines = text.split("\n")
    width = max(map(len, lines))
    if len(lines) <= _FEWEST or not _NARROWEST <= width <= _WIDEST:
        return text
    full = [_is_full(line, following, width) for line, following in pairwise(lines)]
    ends = sum(bool(line.strip() and following.strip()) for line, following in pairwise(lines))
    if sum(full) < max(_FEWEST, _SHARE * ends):
        return text
    return _joined(lines, full)


def closes_title(words: Words, index: int) -> bool:
    """Tell the line end after "MRI lumbar spine w/o", a title that leaves the contrast agent to be understood."""
    if index > _TITLE_WORDS:
        return False
    title = words.text[: words.ends[index - 1]]
    last = {tuple(words.words[max(index - size, 0) : index]) for size in (1, 2)}
    following = words.text[words.starts[index] : words.starts[index] + _NARROWEST]
    opens = "\n" not in title.strip() and bool(_EXAMINATION.match(title))
    return opens and bool(last & _WITHOUT) and following[0].isupper() and not _AGENT.match(following)


def words_of_one_case(words: Words) -> frozenset[int]:
    """Return the words of the paragraphs all in small letters or all in capitals, which tell no beginning of a line."""
    found: set[int] = set()
    start = 0
    for paragraph in words.text.split("\n\n"):
        end = start + len(paragraph)
        if paragraph.islower() or paragraph.isupper():
            found.update(range(bisect_left(words.starts, start), bisect_left(words.starts, end)))
        start = end + 2
    return frozenset(found)


def _is_full(line: str, following: str, width: int) -> bool:
    words = following.split(maxsplit=1)
    return bool(line.strip() and words) and len(line.rstrip()) + 1 + len(words[0]) > width


def _joined(lines: Sequence[str], full: Sequence[bool]) -> str:
    parts = [lines[0]]
    for (line, following), wraps in zip(pairwise(lines), full, strict=True):
        hyphenated = line.rstrip().endswith(("-", "\u2010", "\u00ad")) and following.lstrip()[:1].islower()
        parts += [" " if wraps and not hyphenated and not _OPENS.match(following) else "\n", following]
    return "".join(parts)
