"""The preview over HTTP: a page for people, JSON for programs, the same evaluation as a hook call; nothing is kept."""

import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import NotFound

from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.preview.catalogue import catalogue
from cds_service.hooks.preview.changes import Changes
from cds_service.hooks.preview.compare import compared
from cds_service.hooks.preview.desk import Preview
from cds_service.hooks.preview.export import exported
from cds_service.hooks.preview.time import CallTime
from cds_service.hooks.preview.view import answer
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.security.clients import OPEN
from cds_service.security.tokens import TokenRefused
from cds_service.web.admission import refuse_when_full
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response, read_json
from cds_service.web.languages import choose_language, mark_language
from cds_service.web.pages import page
from cds_service.web.typed import form_body

_YEARS = range(1900, 2200)
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_HTML, _JSON = "text/html", "application/json"
_A_DAY = 86_400


def _moment(wanted: str | None, now: datetime) -> datetime:
    """Return the moment of evaluation; ``2026-03-31`` looks at the chart as on that day."""
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


def _wants_html() -> bool:
    """Whether the caller would rather have a part of a page; programs that name nothing get JSON."""
    accepted = request.accept_mimetypes
    return accepted.quality(_HTML) > accepted.quality(_JSON)


def _problems(error: RequestError) -> list[dict[str, Any]]:
    """Return what is wrong with a call, with the place in its JSON where it has none."""
    listed = (
        error.problems if isinstance(error, InvalidRequest) else (FieldProblem(error.field, str(error), error.code),)
    )
    return [
        {
            "field": one.field,
            "text": one.text,
            "code": one.code,
            "line": getattr(error, "line", None),
            "column": getattr(error, "column", None),
        }
        for one in listed
    ]


class _Desk:
    """What the routes share: who may call, in which language, and in which form the answer goes out."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._settings = backend.settings
        # All callers together: however many they are, places are left for hook calls.
        self._callers = replace(OPEN, issuer="preview", concurrent=max(1, backend.settings.threads // 2))

    def admit(self) -> None:
        """Let the call in. Raises NotFound where the preview is off, TokenRefused without the secret, Throttled."""
        if not self._settings.preview_open:
            # It is for trials: where nobody opened it, there is nothing to be found.
            raise NotFound
        refuse_when_full(self._backend)
        if request.method == "POST" and not self.knows_secret():
            raise TokenRefused("the secret of the preview is missing or wrong")

    def knows_secret(self) -> bool:
        """Whether the caller gives the secret, where there is one."""
        secret = self._settings.preview_secret
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return not secret or hmac.compare_digest(given.encode(), secret.encode())

    def place(self) -> AbstractContextManager[None]:
        """Hold a place for the call while it runs. Raises Throttled where previews have taken all of theirs."""
        return self._backend.quotas.admitted(self._callers, request.remote_addr or "")

    def in_time(self) -> CallTime:
        """Return the time of the call: one for all that it evaluates and fetches."""
        if "preview_time" not in g:
            g.preview_time = self._backend.previews.start()
        found: CallTime = g.preview_time
        return found

    def language(self) -> Language:
        """Return the language of the answer: asked for, accepted, or set."""
        wanted = request.args.get("language", "")
        if wanted and wanted not in tuple(Language):
            raise RequestError(f"must be one of {', '.join(Language)}", field="language")
        return Language(wanted) if wanted else choose_language(request, None, self._settings.language)

    def body(self) -> Any:
        """Return the JSON body within the limits of the service."""
        return read_json(request, max_depth=self._settings.max_depth, max_entries=self._settings.max_entries)

    def preview(self, body: Any, language: Language, as_of: str | None = None) -> Preview:
        """Evaluate an input at the moment asked for."""
        wanted = as_of or request.args.get("asOf")
        moment = _moment(wanted, self._backend.clock())
        return self._backend.previews.preview(body, language, moment, dated=bool(wanted), in_time=self.in_time())

    def changes(self, language: Language) -> dict[str, Any]:
        """Return what would change the answer to the body; the time of one evaluation is for all of them."""
        return Changes(self._backend.previews, self.preview(self.body(), language)).answer(self.in_time())

    def answered(self, template: str, make: Callable[[Language], dict[str, Any]]) -> Response:
        """Return an answer as JSON or as a part of the page; a fault of the call in the same form."""
        self.admit()
        with self.place():
            html = bool(template) and _wants_html()
            chosen = choose_language(request, None, self._settings.language)
            try:
                chosen = self.language()
                found = make(chosen)
            except RequestError as error:
                if not html:
                    raise
                return self._marked(self._part("preview/problems.html", chosen, error.status, error=error), chosen)
            shown = self._part(template, chosen, 200, answer=found) if html else json_response(found)
            return self._marked(shown, chosen)

    def _part(
        self, template: str, language: Language, status: int, *, answer: Any = None, error: RequestError | None = None
    ) -> Response:
        problems = _problems(error) if error else []
        return page(template, status, answer=answer, problems=problems, language=language.value, languages=_languages())

    @staticmethod
    def _marked(response: Response, language: Language) -> Response:
        response.vary.add("Accept")
        return mark_language(response, language)


def _languages() -> list[str]:
    return [language.value for language in Language]


class _Page:
    """The page around the parts: empty, or filled by a form that was sent without script."""

    def __init__(self, backend: Backend, desk: _Desk) -> None:
        self._backend = backend
        self._desk = desk

    def whole(self, language: Language, status: int = 200, **values: Any) -> Response:
        """Return the whole page."""
        shown = page(
            "preview.html",
            status,
            **{"given": {}, "problems": [], "answer": None} | values,
            language=language.value,
            languages=_languages(),
            secret_needed=bool(self._backend.settings.preview_secret),
        )
        return mark_language(shown, language)

    def submitted(self) -> Response:
        """Return the page with the answer to the form that was sent, or with what is wrong with it."""
        self._desk.admit()
        with self._desk.place():
            language = choose_language(request, None, self._backend.settings.language)
            try:
                chosen = request.form.get("cards", "")
                language = Language(chosen) if chosen in tuple(Language) else self._desk.language()
                found = answer(self._desk.preview(form_body(request.form), language))
            except RequestError as error:
                return self.whole(language, error.status, given=request.form, problems=_problems(error))
            return self.whole(language, given=request.form, answer=found)


def preview_blueprint(backend: Backend) -> Blueprint:
    """Answer everything below ``/preview``."""
    blueprint = Blueprint("preview", __name__)
    desk, previews = _Desk(backend), backend.previews
    pages = _Page(backend, desk)

    @blueprint.get("/preview")
    def form() -> Response:
        desk.admit()
        return pages.whole(desk.language())

    @blueprint.post("/preview")
    def preview() -> Response:
        if request.mimetype in _FORMS:
            return pages.submitted()
        return desk.answered("preview/result.html", lambda language: answer(desk.preview(desk.body(), language)))

    @blueprint.post("/preview/changes")
    def changes() -> Response:
        return desk.answered("preview/changes.html", desk.changes)

    @blueprint.post("/preview/compare")
    def compare() -> Response:
        return desk.answered("preview/compare.html", lambda language: compared(desk.body(), language, desk.preview))

    @blueprint.post("/preview/export")
    def export() -> Response:
        return desk.answered("", lambda language: exported(desk.body(), desk.preview, language, backend.clock()))

    @blueprint.post("/preview/patients")
    def patients() -> Response:
        return desk.answered("", lambda _language: previews.servers.patients(desk.body(), desk.in_time()))

    @blueprint.get("/preview/catalogue")
    def pickers() -> Response:
        desk.admit()
        response = json_response(catalogue(previews, servers=desk.knows_secret()))
        response.vary.add("Authorization")
        response.headers["Cache-Control"] = f"private, max-age={_A_DAY}"
        return response

    return blueprint
