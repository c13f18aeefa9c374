"""The preview: a form for people, JSON for programs, the same evaluation as a hook call."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotFound

from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.preview import Preview
from cds_service.hooks.reasoning import reasoning
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.security.clients import OPEN
from cds_service.web.admission import refuse_when_full
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response, read_json
from cds_service.web.languages import choose_language, mark_language

_LAB_LINE = re.compile(
    r"(?P<name>[^\d<>:=]{1,80}?)\s*[:=]?\s*(?P<value>[<>]?=?\s?\d+(?:[.,]\d+)?)\s*(?P<unit>[^\s\d][^\s]{0,20})?"
    r"(?:\s+(?P<date>\d{4}-\d\d-\d\d))?"
)
_MAX_LINE = 200
_YEARS = range(1900, 2200)
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page that loads nothing from elsewhere, runs no script and is not stored."""
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _lab(line: str) -> dict[str, Any]:
    match = _LAB_LINE.fullmatch(line[:_MAX_LINE].strip())
    if match is None:
        problem = FieldProblem("labs", f'"{line[:40]}" is not like "CRP 12 mg/L 2026-03-31"')
        raise InvalidRequest((problem,))
    raw = match["value"].replace(",", ".").replace(" ", "")
    value: float | str = raw if raw[0] in "<>" else float(raw)
    return {"name": match["name"].strip(), "value": value, "unit": match["unit"], "date": match["date"]}


def _lines(name: str) -> list[str]:
    return [line.strip() for line in request.form.get(name, "").splitlines() if line.strip()]


def _form_body() -> dict[str, Any]:
    """Return the JSON preview input that the submitted form stands for."""
    age = request.form.get("age", "").strip()
    pregnant = {"yes": True, "no": False}.get(request.form.get("pregnant", ""))
    return {
        "text": request.form.get("text", ""),
        "language": request.form.get("language", ""),
        "patient": {
            "age": int(age) if age.isascii() and age.isdigit() else (age or None),
            "sex": request.form.get("sex", ""),
            "pregnant": pregnant,
        },
        "labs": [_lab(line) for line in _lines("labs")],
        "conditions": _lines("conditions"),
        "medications": _lines("medications"),
        "orders": _lines("orders"),
    }


def _moment(now: datetime) -> datetime:
    """Return the moment of evaluation; ``?asOf=2026-03-31`` looks at the chart as on that day."""
    wanted = request.args.get("asOf")
    if not wanted:
        return now
    try:
        day = date.fromisoformat(wanted)
    except ValueError:
        day = date.min
    # Windows of time are counted from here in both directions, and the calendar ends somewhere.
    if day.year not in _YEARS:
        raise RequestError("must be a date such as 2026-03-31", field="asOf")
    return datetime.combine(day, time(23, 59), tzinfo=UTC)


def preview_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /preview`` with the form and ``POST /preview`` with cards and reasoning."""
    blueprint = Blueprint("preview", __name__)
    settings = backend.settings

    def evaluate(body: Any, language: Language) -> Preview:
        return backend.previews.preview(body, language, _moment(backend.clock()))

    def read_form() -> Response:
        language = choose_language(request, None, settings.language)
        given = request.form
        values: dict[str, Any] = {"languages": tuple(Language), "given": given, "card_language": language.value}
        try:
            chosen = given.get("cards", "")
            language = Language(chosen) if chosen in tuple(Language) else language
            found = evaluate(_form_body(), language)
        except InvalidRequest as error:
            return page("preview.html", 400, problems=error.problems, **values)
        values["card_language"] = language.value
        shown = page("preview.html", preview=found, reasoning=reasoning(found.evaluations), **values)
        return mark_language(shown, language)

    @blueprint.get("/preview")
    def form() -> Response:
        language = choose_language(request, None, settings.language)
        return page("preview.html", languages=tuple(Language), given={}, card_language=language.value)

    @blueprint.post("/preview")
    def preview() -> Response:
        if not settings.preview_open:
            # It asks for no token, so beyond a trial it evaluates nothing for anybody.
            raise NotFound
        refuse_when_full(backend)
        with backend.quotas.admitted(OPEN, request.remote_addr or ""):
            return evaluated()

    def evaluated() -> Response:
        if request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            return read_form()
        body = read_json(request, max_depth=settings.max_depth, max_entries=settings.max_entries)
        language = choose_language(request, None, settings.language)
        found = evaluate(body, language)
        cards = [written.card.to_wire() for written in found.written]
        return mark_language(json_response({"cards": cards, "reasoning": reasoning(found.evaluations)}), language)

    return blueprint
