"""The body of a hook call as it was sent: small members are parsed, resources of the prefetch only outlined.

Most resources of a chart are results that nobody asks for. Their JSON is looked into once, by a decoder that knows the
few elements that tell so, and never becomes an object of ours. A body that is not built as expected is parsed whole.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec
import orjson

from cds_service.fhir.bounds import Bounds, Room
from cds_service.fhir.outline import NOTHING, outline_of_json
from cds_service.fhir.received import ReceivedResource, parsed_resource
from cds_service.hooks.entries import Entry
from cds_service.hooks.services import Service, service_by_id

_MEMBERS: Final = (
    "hook", "hookInstance", "hookVersion", "context", "fhirServer", "fhirAuthorization", "extension",
)  # fmt: skip
# levels above a resource: body, prefetch, Bundle, its entries, the entry
_ABOVE_RESOURCE: Final = 5
_ABOVE_VALUE: Final = 2


class _Slot(msgspec.Struct, gc=False):
    """One entry of a Bundle."""

    resource: msgspec.Raw = NOTHING
    full_url: str = msgspec.field(name="fullUrl", default="")


class _Bundle(msgspec.Struct, gc=False):
    """The members of a Bundle that are read; of another resource only its type is."""

    kind: str = msgspec.field(name="resourceType")
    entry: list[_Slot] | None = None
    total: msgspec.Raw = NOTHING
    link: msgspec.Raw = NOTHING


class _Prefetch(msgspec.Struct, gc=False):
    """The values of the prefetch as they stand."""

    prefetch: dict[str, msgspec.Raw]


_prefetch_of: Final = msgspec.json.Decoder(_Prefetch).decode


class SentBundle:
    """A Bundle of the prefetch whose resources are not parsed."""

    __slots__ = ("_room", "_slots", "link", "total")

    def __init__(self, bundle: _Bundle, bounds: Bounds) -> None:
        self._room = Room(bounds, _ABOVE_RESOURCE)
        self._slots = bundle.entry or []
        self.total: Any = orjson.loads(bytes(bundle.total)) if bundle.total else None
        self.link: Any = orjson.loads(bytes(bundle.link)) if bundle.link else None

    def entries(self) -> tuple[list[Entry | ReceivedResource], int]:
        """Return the entries, and how many of them hold no resource at all. Raises RequestError for what is no JSON."""
        found: list[Entry | ReceivedResource] = []
        broken = 0
        room = self._room
        for slot in self._slots:
            raw, address = slot.resource, slot.full_url
            try:
                outline = outline_of_json(raw)
            except msgspec.DecodeError:
                resource = parsed_resource(bytes(raw)) if raw else None
                if isinstance(resource, dict):
                    room.check(bytes(raw), resource)
                    found.append(Entry(resource, address))
                else:
                    broken += 1
                continue
            kind, identity = outline.kind, outline.id
            if address and identity and address.endswith(f"{kind}/{identity}"):
                # the address says no more than the id
                address = ""
            found.append(ReceivedResource(kind, identity, address, None, 0, outline, raw, room))
        return found, broken


@cache
def _decoder(service_id: str) -> Callable[[bytes], Any]:
    """Return the decoder of calls of one service: its searches bring Bundles, its reads one resource."""
    service = service_by_id(service_id)
    values = [
        (key.name, msgspec.Raw, NOTHING)
        if key.is_read
        else (key.name, _Bundle | None | msgspec.UnsetType, msgspec.UNSET)
        for key in (service.prefetch if service else ())
    ]
    prefetch = msgspec.defstruct("_Values", values, gc=False)
    members = [(name, msgspec.Raw, NOTHING) for name in _MEMBERS]
    call = msgspec.defstruct(
        "_Call", [*members, ("prefetch", prefetch | None | msgspec.UnsetType, msgspec.UNSET)], gc=False
    )
    return msgspec.json.Decoder(call).decode


def read_sent(raw: bytes, service: Service, bounds: Bounds) -> dict[str, Any] | None:
    """Return the members of a call, the Bundles of its prefetch as ``SentBundle``; ``None`` for a body built otherwise.

    Raises RequestError for what is nested too deep or too long.
    """
    try:
        if not raw.isascii():
            # the decoder passes over texts without looking whether they are UTF-8
            raw.decode()
        call = _decoder(service.id)(raw)
        body = {name: orjson.loads(bytes(value)) for name in _MEMBERS if (value := getattr(call, name))}
        bounds.check(body)
        if call.prefetch is not msgspec.UNSET:
            body["prefetch"] = None if call.prefetch is None else _values(raw, call.prefetch, service, bounds)
    except (UnicodeDecodeError, msgspec.DecodeError, orjson.JSONDecodeError, RecursionError):
        return None
    return body


def _values(raw: bytes, prefetch: Any, service: Service, bounds: Bounds) -> dict[str, Any]:
    """Return what stands under the keys that the service asks for; what is no Bundle is parsed."""
    sent = {key.name: getattr(prefetch, key.name) for key in service.prefetch}
    bundles = {name: value for name, value in sent.items() if isinstance(value, _Bundle) and value.kind == "Bundle"}
    lengths = [len(bundle.entry or ()) for bundle in bundles.values()]
    if max(lengths, default=0) > bounds.entries:
        bounds.refuse_list()
    if sum(lengths) > bounds.entries:
        bounds.refuse_resources()
    found: dict[str, Any] = {}
    for name, value in sent.items():
        if name in bundles:
            found[name] = SentBundle(value, bounds)
        elif value is None:
            found[name] = None
        elif isinstance(value, msgspec.Raw):
            if value:
                found[name] = _parsed(bytes(value), bounds)
        elif value is not msgspec.UNSET:
            found[name] = _parsed(bytes(_prefetch_of(raw).prefetch[name]), bounds)
    return found


def _parsed(raw: bytes, bounds: Bounds) -> Any:
    value = orjson.loads(raw)
    Room(bounds, _ABOVE_VALUE).check(raw, value)
    return value
