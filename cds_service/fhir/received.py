"""Takes in resources one by one as plain JSON, so that a broken one costs neither the request nor its neighbours."""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeAlias

import msgspec
import orjson

from cds_service.domain.facts import GapCode
from cds_service.errors import RequestError
from cds_service.fhir.bounds import Room
from cds_service.fhir.elements import R4_ELEMENTS, R5_ELEMENTS
from cds_service.fhir.node import Intake, Node
from cds_service.fhir.outline import Outline, outline_of

_VALID_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# Anything else would not be safe to show or to log.
_SHOWABLE_ID = re.compile(r"[A-Za-z0-9\-._~:@+]{1,200}")
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,40}")
_FAILED = frozenset({"error", "fatal"})
_DEEPEST_BUNDLE = 4
_DEEPEST_ELEMENT = 24
_MOST_ELEMENTS = 4_000
# null, an empty text, array or object, and a text that begins with a blank, an escape or the first byte of a blank
_SIGNS_OF_EMPTY = (b"null", b'""', b"[]", b"{}", b'" ', b'"\\', b'"\xc2', b'"\xe1', b'"\xe2', b'"\xe3')


class Survey(Enum):
    """How much of what was sent is looked through for flaws that no reading would meet."""

    WHOLE = "whole"
    """Every resource, every element of it: for those who want to know all that is wrong with their data."""
    READ = "read"
    """Nothing: only flaws that reading meets are noted. For a call that must be fast."""


class ReceivedResource(msgspec.Struct, eq=False, gc=False):
    """One resource as it came: parsed already, or still JSON that is parsed when its elements are asked for.

    ``position`` tells resources without a usable id apart. With an ``outline`` much is known without parsing. It is a
    struct because a chart has thousands, and leads to nothing that leads back, which a collector would look for.
    """

    kind: str
    id: str
    full_url: str = ""
    _body: Mapping[str, Any] | None = None
    position: int = 0
    outline: Outline | None = None
    _raw: msgspec.Raw | None = None
    _room: Room | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        """The elements. Raises RequestError when what was sent is no JSON or nested deeper than any resource is."""
        if self._body is None:
            self._body = self._parsed()
        return self._body

    def _parsed(self) -> Mapping[str, Any]:
        if self._raw is None or self._room is None:
            raise ValueError("a resource without any content")
        raw = bytes(self._raw)
        body: dict[str, Any] = parsed_resource(raw)
        self._room.check(raw, body)
        return body

    @property
    def reference(self) -> str:
        """``Type/id``, or ``Type[n]`` when it has no usable id."""
        if self.id and _SHOWABLE_ID.fullmatch(self.id):
            return f"{self.kind}/{self.id}"
        return f"{self.kind}[{self.position}]"

    @property
    def identity(self) -> tuple[str, str] | None:
        """Type and id, or ``None`` for a resource that cannot be recognised again."""
        return (self.kind, self.id) if self.id else None

    def node(self, intake: Intake) -> Node:
        """Return the resource ready for tolerant reading."""
        return Node(self.body, self.reference, intake)

    def contained(self, intake: Intake) -> Iterator[Node]:
        """Resources inside this one; they have no provenance of their own."""
        return self.node(intake).children("contained")

    def look_through(self, intake: Intake) -> None:
        """Note what is wrong wherever it stands: ids, names of elements, null and empty values. Nothing is lost."""
        identity = self.body.get("id")
        if identity is not None and not (isinstance(identity, str) and _VALID_ID.fullmatch(identity)):
            intake.log.add(GapCode.INVALID_ID, self.reference, "id")
        known = R4_ELEMENTS.get(self.kind)
        if known is not None and not known.issuperset(self.body):
            _note_unknown(self.body, self.kind, known, self.reference, intake)
        if isinstance(self.body, dict) and _may_hold_empty(self.body):
            _note_empty(self.body, self.reference, intake)
        narrative = self.body.get("text")
        if isinstance(narrative, Mapping) and "div" not in narrative:
            intake.log.add(GapCode.EMPTY_VALUE, self.reference, "text.div")


def parsed_resource(raw: bytes) -> Any:
    """Return what the JSON of a resource says. Raises RequestError for what no parser takes, a number too big, say."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"is not JSON: {error.msg}", field="body", code="structure") from None


def receive(items: Iterable[Any], intake: Intake, survey: Survey = Survey.WHOLE) -> list[ReceivedResource]:
    """Take in resources and Bundles of them; what is no resource becomes a gap."""
    found: list[ReceivedResource] = []
    for index, item in enumerate(items):
        if isinstance(item, ReceivedResource):
            item.position = len(found)
            found.append(item)
            continue
        before = len(found)
        _take(item, f"resource[{index}]", "", intake, found, 0)
        if survey is Survey.READ:
            for one in found[before:]:
                one.outline = outline_of(one.body)
    if survey is Survey.WHOLE:
        for one in found:
            one.look_through(intake)
    return found


def _take(item: Any, place: str, full_url: str, intake: Intake, found: list[ReceivedResource], depth: int) -> None:
    if item is None:
        intake.log.add(GapCode.NULL_VALUE, place)
        return
    kind = item.get("resourceType") if isinstance(item, Mapping) else None
    if not isinstance(kind, str) or not _TYPE_NAME.fullmatch(kind):
        intake.log.add(GapCode.RESOURCE_UNREADABLE, place, "resourceType", clinical=True)
        return
    if kind == "Bundle":
        _open_bundle(item, intake, found, depth)
    elif kind == "OperationOutcome":
        _outcome(item, place, intake)
    else:
        identity = item.get("id")
        named = identity if isinstance(identity, str) else ""
        found.append(ReceivedResource(kind, named, full_url, item, len(found)))


def _open_bundle(bundle: Mapping[str, Any], intake: Intake, found: list[ReceivedResource], depth: int) -> None:
    node = Node(bundle, "Bundle", intake)
    if depth >= _DEEPEST_BUNDLE:
        node.note(GapCode.RESOURCE_UNREADABLE, "entry", clinical=True)
        return
    if isinstance(bundle.get("entry"), list):
        for index, item in enumerate(bundle["entry"]):
            if not isinstance(item, Mapping):
                intake.log.add(GapCode.RESOURCE_UNREADABLE, "Bundle", f"entry[{index}]", clinical=True)
    for entry in node.children("entry"):
        resource = entry.body.get("resource")
        if resource is None:
            entry.note(GapCode.MISSING_VALUE, "resource")
        else:
            _take(resource, f"Bundle.{entry.path}", entry.text("fullUrl"), intake, found, depth + 1)


def _outcome(item: Mapping[str, Any], place: str, intake: Intake) -> None:
    issues = list(Node(item, place, intake).children("issue"))
    failed = not issues or any(issue.code("severity") in _FAILED for issue in issues)
    intake.log.add(GapCode.OPERATION_OUTCOME, place, clinical=failed)


def _note_unknown(body: Mapping[str, Any], kind: str, known: frozenset[str], reference: str, intake: Intake) -> None:
    newer = R5_ELEMENTS.get(kind, frozenset())
    for name in body.keys() - known:
        plain = name.removeprefix("_")
        if plain in newer:
            intake.log.add(GapCode.OTHER_VERSION_ELEMENT, reference, plain)
        elif plain not in known:
            intake.log.add(GapCode.UNKNOWN_ELEMENT, reference, plain if plain.isalnum() else "")


# the trail of the container, and the name in it; the compiler of native modules takes no alias of itself
_Trail: TypeAlias = "tuple[Any, str | int] | None"


def _may_hold_empty(body: dict[str, Any]) -> bool:
    """Tell from its JSON whether a resource can hold a null, an empty value or a text of blanks: mostly it cannot.

    Writing and searching the JSON runs in C, five times as fast as the walk over all elements, which follows only
    where a sign of one is found; too many signs cost time and nothing else.
    """
    try:
        written = orjson.dumps(body)
    except TypeError:
        # nested too deep, or holding what no JSON writer takes: the walk is bounded and looks for itself
        return True
    for sign in _SIGNS_OF_EMPTY:  # noqa: SIM110 - a generator would take as long as the search
        if sign in written:
            return True
    return False


def _note_empty(body: dict[str, Any], reference: str, intake: Intake) -> None:
    """Walk the resource without recursion, bounded in depth and number; paths are only written for what is found."""
    waiting: list[tuple[dict[str, Any] | list[Any], _Trail, int]] = [(body, None, 0)]
    visited = 0
    while waiting and visited < _MOST_ELEMENTS:
        container, trail, depth = waiting.pop()
        members = container.items() if isinstance(container, dict) else enumerate(container)
        for name, value in members:
            visited += 1
            kind = type(value)
            if kind is str:
                if not value or value.isspace():
                    intake.log.add(GapCode.EMPTY_VALUE, reference, _path((trail, name)))
            elif value is None:
                # arrays of primitive extensions hold nulls by design
                if not _is_extension(trail):
                    intake.log.add(GapCode.NULL_VALUE, reference, _path((trail, name)))
            elif kind is dict or kind is list:
                if not value:
                    intake.log.add(GapCode.EMPTY_VALUE, reference, _path((trail, name)))
                elif depth < _DEEPEST_ELEMENT:
                    waiting.append((value, (trail, name), depth + 1))


def _is_extension(trail: _Trail) -> bool:
    return trail is not None and isinstance(trail[1], str) and trail[1].startswith("_")


def _path(trail: _Trail) -> str:
    parts: list[str] = []
    while trail is not None:
        trail, name = trail
        parts.append(f"[{name}]" if isinstance(name, int) else f".{name}")
    return "".join(reversed(parts)).removeprefix(".")
