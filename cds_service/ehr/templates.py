"""Prefetch templates: the tokens in them are replaced by what the EHR knows at the moment of the call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from cds_service.ehr import fhirpath
from cds_service.errors import MarrowError

_TOKEN = re.compile(r"\{\{([^{}]*)\}\}")
_PLAIN = re.compile(r"context\.([A-Za-z][A-Za-z0-9]*)")
_TODAY = re.compile(r"today\(\)(?: ?([+-]) ?([0-9]{1,5}) days?)?")
_QUERY = re.compile(r"[A-Z][A-Za-z]{1,63}(?:/[A-Za-z0-9_.~%-]{1,300}|\?[^\s{}#]{1,4000})")
_USERS = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}


class Unfilled(MarrowError):  # noqa: N818 - an EHR leaves such a key out, which is no fault
    """A template that cannot be asked for this call; the message says why."""


def _nothing(reference: str) -> None:
    del reference


@dataclass(frozen=True, slots=True)
class Known:
    """What tokens are filled from: context of the hook, the day, earlier answers by key, resources by reference."""

    context: Mapping[str, Any]
    today: date
    earlier: Mapping[str, Any] = field(default_factory=dict)
    resolve: fhirpath.Resolve = _nothing


def _token_values(token: str, known: Known) -> list[str]:
    plain = _PLAIN.fullmatch(token)
    if plain and isinstance(known.context.get(plain[1], ""), str):
        value = known.context.get(plain[1], "")
        return [value] if value else []
    if token in _USERS:
        kind, _, user_id = str(known.context.get("userId", "")).partition("/")
        return [user_id] if kind == _USERS[token] and user_id else []
    day = _TODAY.fullmatch(token)
    if day:
        shift = timedelta(days=int(day[2] or 0) * (-1 if day[1] == "-" else 1))
        return [(known.today + shift).isoformat()]
    return fhirpath.values(token, known.context, known.earlier, known.resolve)


def earlier_keys(template: str) -> frozenset[str]:
    """Return the keys whose answers a template builds upon; none for a template that cannot be read."""
    try:
        return frozenset(
            key
            for match in _TOKEN.finditer(template)
            if "%" in match[1]
            for key in fhirpath.keys_named(match[1].strip())
        )
    except fhirpath.NotAllowed:
        return frozenset()


def fill(template: str, known: Known) -> str:
    """Return the query of a template; several values of a token become one list. Raises Unfilled.

    A token without value leaves nothing to ask for: with an empty parameter a server would answer about everybody.
    """

    def replace(match: re.Match[str]) -> str:
        token = match[1].strip()
        try:
            found = _token_values(token, known)
        except fhirpath.NotAllowed as refused:
            raise Unfilled(f"{{{{{token}}}}}: {refused}") from None
        except OverflowError:
            raise Unfilled(f"{{{{{token}}}}} is no day of the calendar") from None
        if not found:
            raise Unfilled(f"{{{{{token}}}}} has no value here")
        return ",".join(quote(value, safe="/") for value in found)

    query = _TOKEN.sub(replace, template)
    if not _QUERY.fullmatch(query) or ".." in query.partition("?")[0]:
        raise Unfilled("is neither a read nor a search")
    return query
