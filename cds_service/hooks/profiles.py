"""The answers in the form of one specification: fields that a client of that version does not know are left out."""

from typing import Any

# What a client that is registered for 3.0 is told; older clients do not know the member.
_NEWEST = "3.0.0"
_CARD_1_0 = frozenset({"summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "links"})
_SOURCE_1_0 = frozenset({"label", "url", "icon"})
_SUGGESTION_1_0 = frozenset({"label", "uuid", "actions"})


def _only(known: frozenset[str], holder: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in holder.items() if name in known}


def _action_1_0(action: dict[str, Any]) -> dict[str, Any]:
    """Return an action as of 1.0, where what is to be deleted stands under ``resource`` as ``Type/id``."""
    if action.get("type") != "delete":
        return action
    return {name: value for name, value in action.items() if name != "resourceId"} | {"resource": action["resourceId"]}


def _suggestion_1_0(suggestion: dict[str, Any]) -> dict[str, Any]:
    kept = _only(_SUGGESTION_1_0, suggestion)
    return kept | {"actions": [_action_1_0(action) for action in suggestion["actions"]]}


def _card_1_0(card: dict[str, Any]) -> dict[str, Any]:
    kept = _only(_CARD_1_0, card)
    kept["source"] = _only(_SOURCE_1_0, card["source"])
    if "suggestions" in card:
        kept["suggestions"] = [_suggestion_1_0(suggestion) for suggestion in card["suggestions"]]
        # The only behaviour that this version has.
        kept["selectionBehavior"] = "at-most-one"
    return kept


def in_version(wire: dict[str, Any], version: str) -> dict[str, Any]:
    """Return an answer for a client of specification ``version``; the text of the cards is the same in all of them.

    Cards are written as of 2.0; 3.0 added nothing to them that this service uses.
    """
    if version != "1.0":
        return wire
    return {"cards": [_card_1_0(card) for card in wire["cards"]]}


def discovery_in_version(document: dict[str, Any], version: str) -> dict[str, Any]:
    """Return the discovery document for a client of specification ``version``; it is written as of 2.0."""
    services = document["services"]
    if version == "1.0":
        services = [{k: v for k, v in one.items() if k != "usageRequirements"} for one in services]
    if version == "3.0":
        services = [one | {"version": _NEWEST} for one in services]
    return {"services": services}
