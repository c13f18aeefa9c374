"""Whether an Observation that asks a question answers it with yes or no, by flag, code or word."""

from cds_service.fhir.node import Node

_ABSENT = frozenset({"373067005", "260385009", "2667000", "LA32-8", "N", "260415000"})
_PRESENT = frozenset({"373066001", "10828004", "52101004", "LA33-6", "Y", "260373001"})
_DENIAL = ("no", "nein", "nu", "negative", "negativ", "absent", "none", "keine", "never", "nie", "niciodată", "denies")
_CONFIRMATION = ("yes", "ja", "da", "present", "positive", "positiv", "pozitiv", "vorhanden", "prezent")


def answer_of(node: Node) -> bool | None:
    """Return yes or no; ``None`` when the value says something else or nothing. No outranks yes."""
    value = node.concept("valueCodeableConcept")
    word = (value.label or node.text("valueString")).lower().rstrip(".")
    flag = node.flag("valueBoolean") if "valueBoolean" in node.body else None
    codes = {coding.code for coding in value.codings}
    if flag is False or codes & _ABSENT or word in _DENIAL:
        return False
    return True if flag is True or codes & _PRESENT or word in _CONFIRMATION else None
