"""How cards are taken up, at ``GET /about/usage``: a page for people, JSON and CSV for programs; for operators only.

Counts of clinicians' answers are nothing for strangers: the page answers where nobody from elsewhere can call, and
otherwise only who knows the secret that the operator set.
"""

import base64
import binascii
import csv
import hmac
import io
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from flask import Blueprint, Response, request
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.exceptions import NotFound

from cards.catalogue import override_reasons
from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.preview.words import preview_words
from cds_service.hooks.request import FieldProblem
from cds_service.hooks.review.handbook import card_texts
from cds_service.hooks.usage import COLUMNS, FEW_ANSWERS, FURTHER, NO_REASON, NO_REGISTRY, NOT_KEPT, usage_rows
from cds_service.web.admission import refuse_when_full
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.languages import choose_language, mark_language
from cds_service.web.pages import page
from cds_service.web.problems import problem_response
from cds_service.web.usage_drawing import draw_columns, draw_rates
from cds_service.web.words import words

_FORMS = {"html": "text/html", "json": "application/json", "csv": "text/csv"}
_ANSWERS = ("accepted", "overridden", "unanswered")
_DRAWN_MONTHS = 36
_LISTED = 60
_DAY_MINUTES = 1440


def csv_text(report: Mapping[str, Any]) -> str:
    """Return the counts of a report as CSV."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(COLUMNS)
    # A spreadsheet would run what begins like a formula.
    table.writerows(
        [f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in row] for row in usage_rows(report)
    )
    return written.getvalue()


def _span(minutes: int, said: Mapping[str, str]) -> str:
    """Return a time in the largest unit that it fills."""
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} {said['minutes']}"
    if minutes < _DAY_MINUTES:
        return f"{minutes / 60:.3g} {said['hours']}"
    return f"{minutes / _DAY_MINUTES:.3g} {said['days']}"


def page_values(report: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return what the template needs to show a report in a language."""
    said = words(language)["usage_name"]
    sentences = preview_words()[language]
    waits = report["reportToCard"]
    classes = []
    for number, one in enumerate(waits["classes"]):
        limit = one["belowMinutes"]
        edge = limit if limit is not None else waits["classes"][number - 1]["belowMinutes"]
        classes.append((f"{'<' if limit is not None else '≥'} {_span(edge, said)}", [("shown", one["reports"])]))
    titles = {text.id: text.title for text in card_texts(language)}
    return {
        "report": report,
        "language": language.value,
        "languages": [one.value for one in Language],
        "listed": _LISTED,
        "few": FEW_ANSWERS,
        "answers": _ANSWERS,
        "labels": _labels(said, language),
        "titles": {one["id"]: titles.get(one["id"], "") for one in report["cards"]},
        "sentences": {one["id"]: sentences.sentence(one["id"])[0] for one in report["rules"]},
        "rates": draw_rates(report["rules"], report["total"]["overrideRate"]["value"]),
        "months": draw_columns(
            [
                (one["id"], [(name, one[name]) for name in reversed(_ANSWERS)])
                for one in report["months"][-_DRAWN_MONTHS:]
            ]
        ),
        "waits": draw_columns(classes),
        "median": None if waits["medianMinutes"] is None else _span(waits["medianMinutes"], said),
        "ninetieth": None if waits["ninetiethMinutes"] is None else _span(waits["ninetiethMinutes"], said),
    }


def _labels(said: Mapping[str, str], language: Language) -> Mapping[str, str]:
    """Return the words for reasons and for what has no name of its own."""
    own = {reason.code: reason.display for reason in override_reasons()[language]}
    return own | {
        NO_REASON: said["no_reason"],
        FURTHER: said["further"],
        NO_REGISTRY: said["no_registry"],
        NOT_KEPT: said["not_kept"],
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cds_service.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    environment.globals["words"] = words
    return environment


def usage_file(report: Mapping[str, Any], language: Language) -> str:
    """Return the page as one file that needs nothing beside it."""
    static = resources.files("cds_service.web").joinpath("static")
    styles = [static.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "usage.css")]
    return _environment().get_template("usage/file.html").render(styles=styles, **page_values(report, language))


class _Door:
    """Who may look."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._secret = backend.settings.usage_secret

    def refusal(self) -> Response | None:
        """Return the answer to who may not. Raises Throttled."""
        refuse_when_full(self._backend)
        if not self._secret or any(hmac.compare_digest(one, self._secret.encode()) for one in self._given()):
            return None
        # Basic, so that a browser asks for it: any name, and the secret as the password.
        problem = FieldProblem("", "The caller is not authenticated.", "login")
        return problem_response(401, [problem], headers={"WWW-Authenticate": 'Basic realm="usage", charset="UTF-8"'})

    @staticmethod
    def _given() -> Iterator[bytes]:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            yield value.strip().encode()
        elif scheme.lower() == "basic":
            try:
                yield base64.b64decode(value.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return


def _form() -> str:
    """Return the form asked for by ``?format=`` or by preference."""
    wanted = request.args.get("format")
    if wanted is None:
        best = request.accept_mimetypes.best_match(list(_FORMS.values()), default="text/html")
        return next(name for name, label in _FORMS.items() if label == best)
    if wanted not in _FORMS:
        raise RequestError(f"must be one of {', '.join(_FORMS)}", field="format")
    return wanted


def _language(backend: Backend) -> Language:
    wanted = request.args.get("language", "")
    if wanted and wanted not in tuple(Language):
        raise RequestError(f"must be one of {', '.join(Language)}", field="language")
    return Language(wanted) if wanted else choose_language(request, None, backend.settings.language)


def usage_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /about/usage``."""
    blueprint = Blueprint("usage", __name__)
    door = _Door(backend)

    @blueprint.get("/about/usage")
    def usage() -> Response:
        desk = backend.usage
        if desk is None or not backend.settings.usage_open:
            # Where nobody opened it, there is nothing to be found.
            raise NotFound
        refused = door.refusal()
        if refused is not None:
            return refused
        form, language, asked = _form(), _language(backend), request.args
        report = desk.report(asked.get("from", ""), asked.get("to", ""), asked.get("client") or None)
        if form == "json":
            response = json_response(report)
        elif form == "csv":
            response = Response(csv_text(report), mimetype="text/csv")
            response.headers |= {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="usage.csv"'}
        else:
            response = page("usage.html", **page_values(report, language))
        response.vary.add("Accept")
        response.vary.add("Authorization")
        return mark_language(response, language)

    return blueprint
