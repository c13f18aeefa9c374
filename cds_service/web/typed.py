"""The form of the preview as a browser without script sends it, as the JSON input that it stands for."""

import re
from collections.abc import Mapping
from typing import Any

from cds_service.hooks.request import FieldProblem, InvalidRequest

_LAB_LINE = re.compile(
    r"(?P<name>[^\d<>:=]{1,80}?)\s*[:=]?\s*(?P<value>[<>]?=?\s?\d+(?:[.,]\d+)?)\s*(?P<unit>[^\s\d][^\s]{0,20})?"
    r"(?:\s+(?P<date>\d{4}-\d\d-\d\d))?"
)
_MAX_LINE = 200


def _lab(line: str) -> dict[str, Any]:
    match = _LAB_LINE.fullmatch(line[:_MAX_LINE].strip())
    if match is None:
        problem = FieldProblem("labs", f'"{line[:40]}" is not like "CRP 12 mg/L 2026-03-31"')
        raise InvalidRequest((problem,))
    raw = match["value"].replace(",", ".").replace(" ", "")
    value: float | str = raw if raw[0] in "<>" else float(raw)
    return {"name": match["name"].strip(), "value": value, "unit": match["unit"], "date": match["date"]}


def _lines(form: Mapping[str, str], name: str) -> list[str]:
    return [line.strip() for line in form.get(name, "").splitlines() if line.strip()]


def form_body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON preview input that the submitted form stands for. Raises InvalidRequest naming a line."""
    if form.get("fixture", "").strip():
        return {"fixture": form["fixture"].strip()}
    age = form.get("age", "").strip()
    return {
        "text": form.get("text", ""),
        "language": form.get("language", ""),
        "title": form.get("title", ""),
        "patient": {
            "age": int(age) if age.isascii() and age.isdigit() else (age or None),
            "sex": form.get("sex", ""),
            "pregnant": {"yes": True, "no": False}.get(form.get("pregnant", "")),
            "onset": form.get("onset", "").strip(),
        },
        "labs": [_lab(line) for line in _lines(form, "labs")],
        "conditions": _lines(form, "conditions"),
        "medications": _lines(form, "medications"),
        "orders": _lines(form, "orders"),
    }
