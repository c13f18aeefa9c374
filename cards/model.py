"""Cards as the writer makes them. What a call puts into one is checked here; the shipped words and codes are tested.

:mod:`cards.protocol` says in full what the protocol allows; every card and order in every language is held against it
by the tests. Making its models for each call would take longer than writing the cards.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

SUMMARY_LIMIT: Final = 139
_LABEL_LIMIT: Final = 100
# Wider than FHIR's id rule: drafts have long, opaque, temporary ids that must come back exactly as they were sent.
REFERENCE_PATTERN: Final = r"^[A-Z][A-Za-z]+/[^\s/?#]{1,512}$"
ABSOLUTE_URL_PATTERN: Final = r"^https?://[^\s/?#]+[^\s]*$"
_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_ABSOLUTE_URL: Final = re.compile(ABSOLUTE_URL_PATTERN)
_ONE_LINE: Final = re.compile(r"[^\r\n\t]*\S[^\r\n\t]*")


def counted_length(text: str) -> int:
    """Code points or UTF-16 units, whichever is more: clients of CDS Hooks count either."""
    return len(text) if text.isascii() else max(len(text), len(text.encode("utf-16-le")) // 2)


def is_absolute(address: str) -> bool:
    """Whether a browser can open ``address`` as it is."""
    return _ABSOLUTE_URL.fullmatch(address) is not None


def is_reference(text: str) -> bool:
    """Whether ``text`` is ``Type/id`` and can be sent as the target of an action."""
    return _REFERENCE.fullmatch(text) is not None


def _check_line(text: str, limit: int) -> None:
    if counted_length(text) > limit or not _ONE_LINE.fullmatch(text):
        raise ValueError(f"not one line of at most {limit} characters")


# The parts of a card are kept from being changed by the type checker: a frozen dataclass takes twice as long to make.


@dataclass(slots=True)
class Topic:
    """What the card is about; the code is stable and alphanumeric, clients remember acknowledgements by it."""

    system: Final[str]
    code: Final[str]
    display: Final[str]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(slots=True)
class OverrideReason:
    """A coded reason for not following a card."""

    system: Final[str]
    code: Final[str]
    display: Final[str]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(slots=True)
class Source:
    """Where the guidance comes from."""

    label: Final[str]
    url: Final[str | None] = None
    topic: Final[Topic | None] = None

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        wire: dict[str, Any] = {"label": self.label}
        if self.url:
            wire["url"] = self.url
        if self.topic:
            wire["topic"] = self.topic.to_wire()
        return wire


@dataclass(slots=True)
class Link:
    """A link that opens in a browser. SMART launches are not offered."""

    label: Final[str]
    url: Final[str]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        return {"label": self.label, "url": self.url, "type": "absolute"}


@dataclass(slots=True)
class Action:
    """One change to the chart that a clinician may accept: a new order, a changed draft, or a draft to take back.

    A changed draft is the complete resource with the id that the client knows, never a patch. ``create`` and ``update``
    carry a resource, ``delete`` the reference of its target, and none has both.
    """

    type: Final[str]
    description: Final[str]
    resource: Final[dict[str, Any] | None] = None
    resource_id: Final[str | None] = None

    def __post_init__(self) -> None:
        """Raise ValueError where type and target do not belong together."""
        resource, target = self.resource, self.resource_id
        if self.type == "delete":
            fits = resource is None and target is not None and is_reference(target)
        else:
            fits = resource is not None and target is None and (self.type == "create" or bool(resource.get("id")))
        if not fits:
            raise ValueError(f"an action that cannot {self.type} anything")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        if self.resource is None:
            return {"type": self.type, "description": self.description, "resourceId": self.resource_id}
        return {"type": self.type, "description": self.description, "resource": self.resource}


@dataclass(slots=True)
class Suggestion:
    """One coherent step with its actions."""

    label: Final[str]
    uuid: Final[str]
    actions: Final[tuple[Action, ...]]
    is_recommended: Final[bool] = False

    def __post_init__(self) -> None:
        """Raise ValueError where the label cannot stand on a button or nothing is to be done."""
        _check_line(self.label, _LABEL_LIMIT)
        if not self.actions:
            raise ValueError("a suggestion without an action")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent."""
        wire: dict[str, Any] = {"label": self.label, "uuid": self.uuid}
        if self.is_recommended:
            wire["isRecommended"] = True
        wire["actions"] = [action.to_wire() for action in self.actions]
        return wire


@dataclass(slots=True)
class Card:
    """One CDS Hooks card; of its suggestions any number may be taken."""

    uuid: Final[str]
    summary: Final[str]
    indicator: Final[str]
    detail: Final[str]
    source: Final[Source]
    override_reasons: Final[tuple[OverrideReason, ...]]
    suggestions: Final[tuple[Suggestion, ...]] = ()
    links: Final[tuple[Link, ...]] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where summary or detail cannot be shown."""
        _check_line(self.summary, SUMMARY_LIMIT)
        if not self.detail or self.detail.isspace():
            raise ValueError("a card without a detail")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object as sent: no member without a value, resources as they are."""
        wire: dict[str, Any] = {
            "uuid": self.uuid,
            "summary": self.summary,
            "indicator": self.indicator,
            "detail": self.detail,
            "source": self.source.to_wire(),
        }
        if self.suggestions:
            wire["suggestions"] = [step.to_wire() for step in self.suggestions]
            wire["selectionBehavior"] = "any"
        wire["overrideReasons"] = [reason.to_wire() for reason in self.override_reasons]
        if self.links:
            wire["links"] = [link.to_wire() for link in self.links]
        return wire
