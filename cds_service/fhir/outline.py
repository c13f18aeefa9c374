"""What a look at the JSON of a resource tells before any of it is built: enough to know whether it is read at all."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

NOTHING: Final = msgspec.Raw(b"")


class Outline(msgspec.Struct, gc=False):
    """Type and id of a resource, and the JSON of the few elements that decide whether anybody reads it.

    An element that was not sent is empty; ``null`` was sent.
    """

    kind: str = msgspec.field(name="resourceType")
    id: str = ""
    code: msgspec.Raw = NOTHING
    category: msgspec.Raw = NOTHING
    subject: msgspec.Raw = NOTHING
    patient: msgspec.Raw = NOTHING
    recipient: msgspec.Raw = msgspec.field(name="for", default=NOTHING)
    beneficiary: msgspec.Raw = NOTHING
    component: msgspec.Raw = NOTHING
    contained: msgspec.Raw = NOTHING
    comment: msgspec.Raw = NOTHING
    comments: msgspec.Raw = NOTHING


outline_of_json: Final = msgspec.json.Decoder(Outline).decode
_LOOKED_AT: Final = tuple(field.encode_name for field in msgspec.structs.fields(Outline))


def outline_of(body: Mapping[str, Any]) -> Outline | None:
    """Return the outline of a resource that is parsed already, or ``None`` where it has none: it is read then."""
    try:
        return outline_of_json(orjson.dumps({name: body[name] for name in _LOOKED_AT if name in body}))
    except (TypeError, msgspec.DecodeError):
        # nested too deep for any JSON writer, or an id that is no text
        return None
