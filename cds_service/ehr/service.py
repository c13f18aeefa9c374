"""The CDS service as an EHR calls it: discovery, one call for one hook, feedback."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.ehr.calls import Answer, CallFailed, Calls, outcome_text

_OK = 200
_UNKNOWN_CALLER = 401

Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """One service of the discovery answer."""

    id: str
    hook: str
    prefetch: Mapping[str, str]


class CdsService:
    """One CDS service.

    ``authorization`` returns the header for an audience, "" for none. ``public`` is the base address that tokens are
    made out to, where the service knows itself by another one than ``base``.
    """

    def __init__(
        self, base: str, calls: Calls, authorization: Callable[[str], str], *, public: str = "", language: str = ""
    ) -> None:
        self.base = base.rstrip("/").removesuffix("/cds-services")
        self._public = public.rstrip("/") or self.base
        self._calls = calls
        self._authorization = authorization
        self._language = language
        self._name = f"CDS service {self.base}"

    def offer(self, hook: str, service_id: str = "") -> Offer:
        """Return the first service for ``hook``, or the one called ``service_id``. Raises CallFailed."""
        body = self._good(self._send("GET", "/cds-services"), "GET /cds-services")
        listed = body.get("services") if isinstance(body, dict) else None
        if not isinstance(listed, list):
            raise CallFailed(f"{self._name} is no CDS Hooks service: /cds-services lists no services")
        offers = [_offer(entry) for entry in listed if isinstance(entry, dict) and entry.get("id")]
        fitting = [one for one in offers if one.hook == hook and service_id in {"", one.id}]
        if not fitting:
            there = ", ".join(f"{one.id} ({one.hook})" for one in offers) or "nothing"
            raise CallFailed(f"{self._name} offers no {service_id or 'service'} for {hook}; there is {there}")
        return fitting[0]

    def cards(self, offer: Offer, request: Mapping[str, Any]) -> list[Card]:
        """Call the service. Raises CallFailed with what it says, also when its answer is none of CDS Hooks."""
        body = self._good(self._send("POST", f"/cds-services/{offer.id}", request), offer.id)
        cards = body.get("cards") if isinstance(body, dict) else None
        if not isinstance(cards, list) or not all(_is_card(card) for card in cards):
            raise CallFailed(f"{self._name} answered with something else than cards")
        return cards

    def feedback(self, offer: Offer, items: list[dict[str, Any]]) -> None:
        """Tell what became of cards. Raises CallFailed when the service did not take it."""
        answer = self._send("POST", f"/cds-services/{offer.id}/feedback", {"feedback": items})
        if not _OK <= answer.status < _OK + 100:
            self._good(answer, "the feedback")

    def _send(self, method: str, path: str, body: Any = None) -> Answer:
        fixed = {"Accept": "application/json"}
        if body is not None:
            fixed["Content-Type"] = "application/json"
        if self._language:
            fixed["Accept-Language"] = self._language

        def headers() -> Mapping[str, str]:
            signed = self._authorization(f"{self._public}{path}")
            return fixed | ({"Authorization": signed} if signed else {})

        return self._calls.send(method, f"{self.base}{path}", name=self._name, headers=headers, body=body)

    def _good(self, answer: Answer, asked: str) -> Any:
        if answer.status == _UNKNOWN_CALLER:
            raise CallFailed(
                f"{self._name} does not accept the caller (HTTP 401): give --client-key and --issuer as they stand in "
                "its registry, and --public-url where it knows itself by another address",
                answer.status,
            )
        if answer.status != _OK:
            said = outcome_text(answer.body)
            raise CallFailed(f"{self._name} answered {asked} with HTTP {answer.status}{f': {said}' if said else ''}")
        return answer.body


def _offer(entry: Mapping[str, Any]) -> Offer:
    templates = entry.get("prefetch")
    named = templates if isinstance(templates, dict) else {}
    return Offer(
        id=str(entry["id"]),
        hook=str(entry.get("hook", "")),
        prefetch={str(key): text for key, text in named.items() if isinstance(text, str)},
    )


def _is_card(card: Any) -> bool:
    """Whether a card has what every version of CDS Hooks wants of it."""
    if not isinstance(card, dict) or not isinstance(card.get("summary"), str):
        return False
    source = card.get("source")
    return card.get("indicator") in {"info", "warning", "critical"} and isinstance(source, dict)
