"""Two previews side by side – two languages, two sets of site values, two reports – and what differs between them."""

from collections.abc import Callable, Mapping
from typing import Any

from cards.phrases import number, unit_text
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.desk import Preview
from cds_service.hooks.preview.view import answer
from cds_service.hooks.preview.words import Words, preview_words
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.knowledge.thresholds import Parameter, Parameters

Evaluate = Callable[[Any, Language, str | None], Preview]
Answer = Mapping[str, Any]

_SIDE = frozenset({"input", "language", "overlay", "asOf"})
_COMPARED = ("indicator", "text", "summary", "detail", "suggestions")
# Between two languages only what does not depend on the language is a difference.
_WORDS = frozenset({"summary", "detail", "suggestions"})


def _side(body: Mapping[str, Any], name: str, default: Any) -> Mapping[str, Any]:
    """Return one side with its input. Raises InvalidRequest naming the member."""
    given = body.get(name)
    if not isinstance(given, dict):
        raise InvalidRequest((FieldProblem(name, "must be an object", "required"),))
    if unknown := sorted(map(str, given.keys() - _SIDE)):
        shown = unknown[0] if unknown[0].isidentifier() and len(unknown[0]) <= 40 else "?"  # noqa: PLR2004 - a name
        raise InvalidRequest((FieldProblem(f"{name}.{shown}", "is not a member of this form"),))
    language = given.get("language")
    if language not in (None, "", *Language):
        raise InvalidRequest((FieldProblem(f"{name}.language", f"must be one of {', '.join(Language)}"),))
    chosen = given.get("input", default)
    if not isinstance(chosen, dict):
        raise InvalidRequest((FieldProblem(f"{name}.input", "must be a JSON object", "required"),))
    as_of = given.get("asOf")
    if as_of is not None and not isinstance(as_of, str):
        raise InvalidRequest((FieldProblem(f"{name}.asOf", "must be a date such as 2026-03-31"),))
    return {**given, "input": chosen}


def _evaluated(side: Mapping[str, Any], name: str, language: Language, evaluate: Evaluate) -> Preview:
    chosen = side["input"] | ({"overlay": side["overlay"]} if "overlay" in side else {})
    wanted = side.get("language")
    try:
        return evaluate(chosen, Language(wanted) if wanted else language, side.get("asOf"))
    except InvalidRequest as error:
        at = f"{name}.input"
        problems = [FieldProblem(f"{at}.{one.field}", one.text, one.code) for one in error.problems]
        raise InvalidRequest(tuple(problems)) from None


def compared(body: Any, language: Language, evaluate: Evaluate) -> dict[str, Any]:
    """Return both answers and their difference. Raises RequestError naming the side and member at fault."""
    if not isinstance(body, dict):
        raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
    left = _side(body, "left", None)
    right = _side(body, "right", left["input"])
    first = _evaluated(left, "left", language, evaluate)
    second = _evaluated(right, "right", language, evaluate)
    one, other = answer(first), answer(second)
    words = preview_words()[first.language]
    parts: dict[str, Any] = {
        "cards": _cards(one, other),
        "findings": _findings(one, other),
        "rules": _rules(one, other, words),
        "values": _values(first, second, words),
    }
    changed = [card for card in parts["cards"] if card["mark"] != "same"]
    same = not (changed or parts["findings"] or parts["rules"] or parts["values"])
    return {"left": one, "right": other, "difference": {"same": same, **parts}}


# ---- differences ----


def _indexed(side: Answer) -> dict[tuple[str, int], int]:
    """Return the place of each card by its id; the second card of one id is another card."""
    found: dict[tuple[str, int], int] = {}
    for index, card in enumerate(side["view"]["cards"]):
        number_of_it = sum(1 for name, _ in found if name == card["card"])
        found[card["card"], number_of_it] = index
    return found


def _shown(side: Answer, index: int, part: str) -> Any:
    wire, behind = side["cards"][index], side["view"]["cards"][index]
    match part:
        case "text":
            return behind["text"]
        case "suggestions":
            return [step["label"] for step in wire.get("suggestions", ())]
        case _:
            return wire.get(part)


def _cards(left: Answer, right: Answer) -> list[dict[str, Any]]:
    before, after = _indexed(left), _indexed(right)
    same_language = left["view"]["language"] == right["view"]["language"]
    found = []
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        what: list[str] = []
        if one is not None and other is not None:
            parts = [part for part in _COMPARED if same_language or part not in _WORDS]
            what = [part for part in parts if _shown(left, one, part) != _shown(right, other, part)]
            mark = "changed" if what else "same"
        else:
            mark = "added" if one is None else "removed"
        found.append({"card": key[0], "mark": mark, "left": one, "right": other, "what": what})
    return found


def _read(side: Answer) -> dict[tuple[str, str, tuple[str, ...]], Mapping[str, Any]]:
    used = [report for report in side["view"]["reports"] if report["used"]] or side["view"]["reports"]
    return {(one["finding"], one["status"], tuple(one["levels"])): one for report in used for one in report["findings"]}


def _findings(left: Answer, right: Answer) -> list[dict[str, Any]]:
    before, after = _read(left), _read(right)
    marked = [(before[key], "removed") for key in before if key not in after]
    marked += [(after[key], "added") for key in after if key not in before]
    return [
        {
            "finding": one["finding"],
            "label": one["label"],
            "status": one["status"],
            "statusLabel": one["statusLabel"],
            "kind": one["kind"],
            "levelLabels": one["levelLabels"],
            "mark": mark,
        }
        for one, mark in marked
    ]


def _rules(left: Answer, right: Answer, words: Words) -> list[dict[str, str]]:
    before = {rule["id"] for rule in left["view"]["rules"] if rule["fired"]}
    after = {rule["id"] for rule in right["view"]["rules"] if rule["fired"]}
    return [
        {"rule": rule, "label": words.sentence(rule)[0], "mark": "fired" if rule in after else "silent"}
        for rule in sorted(before ^ after)
    ]


def _values(left: Preview, right: Preview, words: Words) -> list[dict[str, str]]:
    def shown(parameter: Parameter) -> str:
        return f"{number(parameter.value, words.cards)} {unit_text(parameter.unit)}".strip()

    one, other = left.knowledge.thresholds, right.knowledge.thresholds
    found = [
        {"name": name, "left": shown(getattr(one, name)), "right": shown(getattr(other, name))}
        for name in Parameters.model_fields
        if name in type(one).model_fields and getattr(one, name) != getattr(other, name)
    ]
    switches = (one.switches.model_dump(), other.switches.model_dump())
    found += [
        {"name": name, "left": _switch(switches[0][name], words), "right": _switch(switches[1][name], words)}
        for name in switches[0]
        if switches[0][name] != switches[1][name]
    ]
    return found


def _switch(value: object, words: Words) -> str:
    return words.name("states", "yes" if value else "no")
