"""Makes text from the chart harmless: readable as plain text, and inert as Markdown, HTML, link or control code."""

import re
import unicodedata

_MARKDOWN = re.compile(r"[\\`*_\[\]|~]")
# "<" begins a tag only before a letter, "/", "!" or "?"; "<5 mg/L" stays as it is
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]{1,32};)")
_SCHEME = re.compile(r"://")
_WWW = re.compile(r"\b(www)\.", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
# "://" and "www." are looked for beside these, which is quicker than in one pattern
_ACTIVE = re.compile(r"[\\`*_\[\]|~<>#&@]")
_PLAIN_UNWANTED = re.compile(r"[\\`*_\[\]|~<>#]")
ELLIPSIS = "…"


def one_line(text: str) -> str:
    """``text`` on one line without control, bidirectional, invisible, private-use or unpaired surrogate characters."""
    if text.isprintable():
        # the ordinary case: of all spaces only the blank is printable, and no control character is
        return " ".join(text.split()) if "  " in text else text.strip()
    spaced = _SPACES.sub(" ", text)
    return _SPACES.sub(" ", "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))).strip()


def shortened(text: str, limit: int) -> str:
    """``text`` with at most ``limit`` characters, cut between words and marked with an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    kept = head.rsplit(" ", 1)[0] if " " in head else head
    return kept.rstrip(" ,;:.-") + ELLIPSIS


def _unlinked(text: str) -> str:
    """Break what Markdown renderers turn into links by themselves: addresses with a scheme, www names and e-mail."""
    return _WWW.sub(r"\1 .", _SCHEME.sub(": //", text)).replace("@", " (at) ")


def _is_inert(line: str) -> bool:
    """Whether one line holds nothing that could be markup or become a link, as nearly every line of a chart."""
    return _ACTIVE.search(line) is None and "://" not in line and "www." not in line.lower()


def markdown_text(text: str, limit: int = 400) -> str:
    """Untrusted ``text`` as inline Markdown that shows literally: no element, no link, no table cell, no line break."""
    line = one_line(text)
    if _is_inert(line):
        return shortened(line, limit)
    cleaned = shortened(one_line(_unlinked(line)), limit)
    escaped = _MARKDOWN.sub(r"\\\g<0>", _ENTITY.sub("&amp;", cleaned))
    return _TAG.sub("&lt;", escaped)


def plain_text(text: str, limit: int) -> str:
    """Untrusted ``text`` for a summary or label: one line, no character that any renderer could act upon."""
    line = one_line(text)
    return shortened(line if _is_inert(line) else one_line(_PLAIN_UNWANTED.sub(" ", _unlinked(line))), limit)
