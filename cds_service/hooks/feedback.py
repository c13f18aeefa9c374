"""Reads feedback bodies leniently where clients differ and strictly where an outcome would otherwise be guessed.

Choice left open by the specification: of a body with good and bad items the good ones are kept and the bad ones named.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.store.records import Feedback, Outcome

_MAX_ID = 200
_MAX_TEXT = 400
_MAX_COMMENT = 4000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _text(holder: Mapping[str, Any], name: str, limit: int) -> str:
    value = holder.get(name)
    return value[:limit] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        # Seven digits and more of a second occur; six are what a datetime can hold.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _site_reason(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a coding from the extension in which some clients send the reason of their own list."""
    extension = given.get("extension")
    for value in extension.values() if isinstance(extension, dict) else ():
        for candidate in value if isinstance(value, list) else [value]:
            if isinstance(candidate, dict) and isinstance(candidate.get("code"), str):
                return candidate
    return {}


def _override(item: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the coded reason and the comment; ``overrideReasons`` is how one large client spells the member."""
    for name in ("overrideReason", "overrideReasons"):
        given = item.get(name)
        if isinstance(given, list):
            given = given[0] if given else None
        if isinstance(given, dict):
            reason = given.get("reason")
            coding = reason if isinstance(reason, dict) else given if "code" in given else _site_reason(given)
            return coding, _text(given, "userComment", _MAX_COMMENT)
    return {}, ""


def _accepted(item: Mapping[str, Any], path: str, problems: list[FieldProblem]) -> tuple[str, ...]:
    suggestions = item.get("acceptedSuggestions")
    ids = [one.get("id") for one in suggestions if isinstance(one, dict)] if isinstance(suggestions, list) else []
    texts = tuple(one for one in ids if isinstance(one, str) and 0 < len(one) <= _MAX_ID)
    if not texts or len(texts) != len(suggestions or ()):
        problems.append(
            FieldProblem(f"{path}.acceptedSuggestions", "must name the accepted suggestions by id", "required")
        )
    return texts


def _read_item(
    item: Any, path: str, service: str, received_at: datetime, problems: list[FieldProblem]
) -> Feedback | None:
    if not isinstance(item, dict):
        problems.append(FieldProblem(path, "must be an object"))
        return None
    before = len(problems)
    card, outcome = item.get("card"), item.get("outcome")
    if not isinstance(card, str) or not 0 < len(card) <= _MAX_ID:
        problems.append(FieldProblem(f"{path}.card", "must be the uuid of a card", "required"))
    if outcome not in tuple(Outcome):
        problems.append(FieldProblem(f"{path}.outcome", "must be accepted or overridden", "required"))
    outcome_at = _moment(item.get("outcomeTimestamp"))
    if outcome_at is None:
        problems.append(
            FieldProblem(f"{path}.outcomeTimestamp", "must be a date-time with zone (RFC 3339)", "required")
        )
    accepted = _accepted(item, path, problems) if outcome == Outcome.ACCEPTED else ()
    if len(problems) > before or outcome_at is None:
        return None
    reason, comment = _override(item) if outcome == Outcome.OVERRIDDEN else ({}, "")
    return Feedback(
        card=str(card),
        service=service,
        outcome=Outcome(str(outcome)),
        outcome_at=outcome_at,
        received_at=received_at,
        accepted_suggestions=accepted,
        reason_system=_text(reason, "system", _MAX_TEXT),
        reason_code=_text(reason, "code", _MAX_ID),
        reason_display=_text(reason, "display", _MAX_TEXT),
        comment=comment,
    )


def read_feedback(
    body: Any, service: str, received_at: datetime
) -> tuple[tuple[Feedback, ...], tuple[FieldProblem, ...]]:
    """Return the usable items of a feedback body and what is wrong with the others.

    Raises InvalidRequest when there is no ``feedback`` array at all.
    """
    if not isinstance(body, dict):
        raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
    listed = body.get("feedback")
    if not isinstance(listed, list):
        raise InvalidRequest((FieldProblem("feedback", "must be an array", "required"),))
    problems: list[FieldProblem] = []
    items = [
        _read_item(item, f"feedback[{index}]", service, received_at, problems) for index, item in enumerate(listed)
    ]
    return tuple(item for item in items if item is not None), tuple(problems)
