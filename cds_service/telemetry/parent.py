"""Reads ``traceparent`` (W3C Trace Context): digits only, so that nothing else of a caller gets into log and trace."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NONE = frozenset({"0" * 32, "0" * 16})
_FIRST_VERSION = "00"


@dataclass(frozen=True, slots=True)
class TraceParent:
    """What a call is part of: trace and span as hexadecimal digits, and whether the caller keeps the trace."""

    trace: str
    span: str
    sampled: bool


def read_parent(header: str) -> TraceParent | None:
    """Return what the header says; ``None`` for one that is missing or not in form."""
    found = _FORM.fullmatch(header.strip())
    if found is None:
        return None
    version, trace, span, flags, rest = found.groups()
    if trace in _NONE or span in _NONE or (rest and version == _FIRST_VERSION):
        return None
    return TraceParent(trace, span, sampled=bool(int(flags, 16) & 1))
