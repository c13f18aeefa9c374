"""Text from outside as it is shown on a page: what would act on the page without being seen is named instead."""

import re

import orjson

# Control characters but line break and tab, characters of direction and of no width, private use, surrogates, tags.
# Joiners and the soft hyphen belong to words of some scripts and move nothing.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def visible(text: object) -> str:
    """Return ``text`` with control and direction characters written out, such as ``[U+202E]``."""
    return _HIDDEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", str(text))


def pretty_json(value: object) -> str:
    """Return ``value`` as indented JSON to be read by people."""
    return visible(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
