"""What a look at the JSON of a resource tells before any of it is built: enough to know whether it is read at all."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

NOTHING: Final = msgspec.Raw(b"")


class Outline(msgspec.Struct, gc=False):
    """Type and id of a resource, and the JSON of the few elements that decide whether anybody reads it.

    An element that was not sent is empty; ``null`` was sent. One of another type than here has no outline. They stand
    in the order in which results are mostly written: the decoder looks for each behind the last one.
    """

    kind: str = msgspec.field(name="resourceType")
    id: str = ""
    status: str = ""
    category: msgspec.Raw = NOTHING
    code: msgspec.Raw = NOTHING
    subject: msgspec.Raw = NOTHING
    effective: str = msgspec.field(name="effectiveDateTime", default="")
    quantity: msgspec.Raw = msgspec.field(name="valueQuantity", default=NOTHING)
    interpretation: msgspec.Raw = NOTHING
    limits: msgspec.Raw = msgspec.field(name="referenceRange", default=NOTHING)
    component: msgspec.Raw = NOTHING
    contained: msgspec.Raw = NOTHING
    patient: msgspec.Raw = NOTHING
    recipient: msgspec.Raw = msgspec.field(name="for", default=NOTHING)
    beneficiary: msgspec.Raw = NOTHING
    comment: msgspec.Raw = NOTHING
    comments: msgspec.Raw = NOTHING
    member: msgspec.Raw = msgspec.field(name="hasMember", default=NOTHING)
    string: msgspec.Raw = msgspec.field(name="valueString", default=NOTHING)
    concept: msgspec.Raw = msgspec.field(name="valueCodeableConcept", default=NOTHING)
    integer: msgspec.Raw = msgspec.field(name="valueInteger", default=NOTHING)
    boolean: msgspec.Raw = msgspec.field(name="valueBoolean", default=NOTHING)
    range: msgspec.Raw = msgspec.field(name="valueRange", default=NOTHING)
    ratio: msgspec.Raw = msgspec.field(name="valueRatio", default=NOTHING)
    sampled: msgspec.Raw = msgspec.field(name="valueSampledData", default=NOTHING)
    decimal: msgspec.Raw = msgspec.field(name="valueDecimal", default=NOTHING)
    words: msgspec.Raw = msgspec.field(name="valueText", default=NOTHING)

    @property
    def numbers(self) -> tuple[msgspec.Raw, ...]:
        """The elements that say all there is of a result that is one quantity, or a panel; empty for any other."""
        if bool(self.quantity) is bool(self.component):
            return ()
        if self.concept or self.string or self.member or self.integer or self.boolean or self.range or self.ratio:
            return ()
        if self.sampled or self.decimal or self.words:
            return ()
        return (self.code, self.quantity, self.limits, self.interpretation, self.component)


# One name for the JSON of several elements, sent or not. It cannot be taken for that of others: no JSON value goes on
# after its end, and a zero byte is in none.
joined: Final = b"\0".join

outline_of_json: Final = msgspec.json.Decoder(Outline).decode
_LOOKED_AT: Final = tuple(field.encode_name for field in msgspec.structs.fields(Outline))


def outline_of(body: Mapping[str, Any]) -> Outline | None:
    """Return the outline of a resource that is parsed already, or ``None`` where it has none: it is read then."""
    try:
        return outline_of_json(orjson.dumps({name: body[name] for name in _LOOKED_AT if name in body}))
    except (TypeError, msgspec.DecodeError):
        # nested too deep for any JSON writer, or an id that is no text
        return None
