"""The body of a hook call as it was sent: small members are parsed, resources of the prefetch only outlined.

One pass over the bytes finds where everything stands. That is enough to tell whether the same was asked a moment ago.
Most resources of a chart are results that nobody asks for. Their JSON is looked into once, by a decoder that knows the
few elements that tell so, and never becomes an object of ours. A body that is not built as expected is parsed whole.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import orjson

from cds_service.fhir.bounds import Bounds, Room
from cds_service.fhir.outline import NOTHING, outline_of_json
from cds_service.fhir.received import ReceivedResource, parsed_resource
from cds_service.hooks.entries import Entry
from cds_service.hooks.services import SERVICES, Service

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


def _decoder(service: Service) -> Callable[[bytes], Any]:
    """Return the decoder of calls of one service: its searches bring Bundles, its reads one resource."""
    values = [
        (key.name, msgspec.Raw, NOTHING)
        if key.is_read
        else (key.name, _Bundle | None | msgspec.UnsetType, msgspec.UNSET)
        for key in service.prefetch
    ]
    prefetch = msgspec.defstruct("_Values", values, gc=False)
    members = [(name, msgspec.Raw, NOTHING) for name in _MEMBERS]
    call = msgspec.defstruct(
        "_Call", [*members, ("prefetch", prefetch | None | msgspec.UnsetType, msgspec.UNSET)], gc=False
    )
    return msgspec.json.Decoder(call).decode


# Made before there are threads: one that decodes a type which another is just taking apart ends the process.
_DECODERS: Final = {service.id: _decoder(service) for service in SERVICES}


class SentCall:
    """A call of a service of which is known where everything stands. Raises DecodeError for one built otherwise."""

    __slots__ = ("_bare", "_call", "_values")

    def __init__(self, raw: bytes, service: Service) -> None:
        self._call = _DECODERS[service.id](raw)
        sent = self._call.prefetch
        names = [key.name for key in service.prefetch] if isinstance(sent, msgspec.Struct) else []
        self._values = {name: getattr(sent, name) for name in names}
        # Where a Bundle was asked for and something else came, its JSON.
        self._bare: dict[str, msgspec.Raw] = {}
        bare = [name for name, one in self._values.items() if isinstance(one, _Bundle) and one.kind != "Bundle"]
        if bare:
            written = _prefetch_of(raw).prefetch
            self._bare = {name: written[name] for name in bare}

    def member(self, name: str) -> msgspec.Raw:
        """Return the JSON of a member other than the prefetch, empty when it was not sent."""
        found: msgspec.Raw = getattr(self._call, name)
        return found

    def beside(self, *names: str) -> tuple[bytes | msgspec.Raw, ...]:
        """Return all that is ever read of the call beside these members: calls of which it is the same ask the same."""
        rest = msgspec.structs.replace(self._call, **dict.fromkeys(names, NOTHING))
        return (msgspec.json.encode(rest), *self._bare.values())

    def body(self, bounds: Bounds) -> dict[str, Any] | None:
        """Return the members, the Bundles of the prefetch as ``SentBundle``; ``None`` where one is no JSON after all.

        Raises RequestError for what is nested too deep or too long.
        """
        try:
            body = {name: orjson.loads(bytes(value)) for name in _MEMBERS if (value := self.member(name))}
            bounds.check(body)
            if self._call.prefetch is not msgspec.UNSET:
                body["prefetch"] = None if self._call.prefetch is None else self._prefetch(bounds)
        except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError):
            return None
        return body

    def _prefetch(self, bounds: Bounds) -> dict[str, Any]:
        """Return what stands under the keys that the service asks for; what is no Bundle is parsed."""
        sent = self._values | self._bare
        bundles = {name: value for name, value in sent.items() if isinstance(value, _Bundle)}
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
            elif isinstance(value, msgspec.Raw) and value:
                found[name] = _parsed(bytes(value), bounds)
        return found


def sent_call(raw: bytes, service: Service) -> SentCall | None:
    """Take a body apart; ``None`` for one that is built otherwise than calls of the service are, or is no JSON."""
    try:
        if not raw.isascii():
            # the decoder passes over texts without looking whether they are UTF-8
            raw.decode()
        return SentCall(raw, service)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None


def _parsed(raw: bytes, bounds: Bounds) -> Any:
    value = orjson.loads(raw)
    Room(bounds, _ABOVE_VALUE).check(raw, value)
    return value
