"""Text from outside as it is shown on a page: what would act on the page without being seen is named instead."""

import unicodedata

import orjson

_HARMLESS = "\n\t"
# Joiners and the soft hyphen belong to words of some scripts and move nothing.
_KEPT = {"\u00ad", "\u200c", "\u200d"}


def visible(text: object) -> str:
    """Return ``text`` with control and direction characters written out, such as ``[U+202E]``."""
    written = str(text)
    if written.isascii() and written.isprintable():
        return written
    return "".join(_named(character) for character in written)


def _named(character: str) -> str:
    if character in _HARMLESS or character in _KEPT or character == "\r":
        return character
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}
    return f"[U+{ord(character):04X}]" if hidden else character


def pretty_json(value: object) -> str:
    """Return ``value`` as indented JSON to be read by people."""
    return visible(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
