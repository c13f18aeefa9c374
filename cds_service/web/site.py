"""The Flask application over a given backend: blueprints, error forms, cross-origin headers, access log."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from markupsafe import Markup

from cds_service.config import Settings
from cds_service.web.access_log import log_call
from cds_service.web.admission import recording
from cds_service.web.backend import Backend
from cds_service.web.cors import sharing
from cds_service.web.course_drawing import draw_course
from cds_service.web.current import After, Before, begin, current
from cds_service.web.discovery import discovery_blueprint
from cds_service.web.feedback import feedback_blueprint
from cds_service.web.headers import Harden, hardening
from cds_service.web.health import health_blueprint
from cds_service.web.hook import hook_blueprint
from cds_service.web.hosts import own_names_only
from cds_service.web.interface import interface_blueprint
from cds_service.web.knowledge import knowledge_blueprint
from cds_service.web.metrics import counting, metrics_blueprint, read_trace
from cds_service.web.preview import preview_blueprint
from cds_service.web.problems import register_problems
from cds_service.web.results import results_blueprint
from cds_service.web.spine_drawing import draw_spine
from cds_service.web.tls import refuse_plain
from cds_service.web.usage import usage_blueprint
from cds_service.web.visible import pretty_json, visible
from cds_service.web.words import words

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from markdown_it import MarkdownIt


@cache
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415 - sixty modules, needed for pages only

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _rendered(text: str) -> Markup:
    # The renderer lets no HTML of the text through (html is off), so its output is safe to show.
    return Markup(_markdown().render(text))  # noqa: S704 - see above


class Site(Flask):
    """The application. ``harden`` gives all that it answers the headers which every answer has."""

    def __init__(self, name: str, harden: Harden) -> None:
        super().__init__(name)
        self._harden = harden

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        return super().wsgi_app(environ, self._harden(start_response))

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: none is a coroutine, so none has to be asked at each call."""
        return func


def _is_https(settings: Settings) -> bool:
    return settings.base_url.startswith("https://")


def _register_duties(app: Flask, backend: Backend) -> None:
    """Do what every request needs, before and after it is answered, in one function each."""
    settings = backend.settings
    before: list[Before] = [read_trace]
    if _is_https(settings):
        before.append(refuse_plain)
    if settings.trial:
        before.append(own_names_only(settings.base_url))
    after: list[After] = [
        sharing(settings.cors_origins, local=settings.clients is None),
        recording(backend),
        # Last, because they tell what became of all of it.
        log_call,
        counting(backend.telemetry),
    ]

    def prepare() -> None:
        call = begin()
        for duty in before:
            duty(call)

    def finish(response: Response) -> Response:
        call = current()
        for duty in after:
            duty(call, response)
        return response

    app.before_request(prepare)
    app.after_request(finish)


def build_site(backend: Backend) -> Flask:
    """Return the application that answers for ``backend``."""
    app = Site("cds_service.web", hardening(https=_is_https(backend.settings)))
    # A doubled or missing slash is answered, never redirected: clients do not repeat a POST after a redirect.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = backend.settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = backend.settings.max_body_bytes
    app.jinja_env.filters |= {"markdown": _rendered, "visible": visible, "pretty_json": pretty_json}
    app.jinja_env.globals |= {"words": words, "draw_spine": draw_spine, "draw_course": draw_course}
    app.jinja_env.globals["preview_open"] = backend.settings.preview_open
    app.jinja_env.globals["usage_open"] = backend.settings.usage_open
    _register_duties(app, backend)
    register_problems(app)
    for build in (
        discovery_blueprint,
        hook_blueprint,
        feedback_blueprint,
        preview_blueprint,
        health_blueprint,
        metrics_blueprint,
        knowledge_blueprint,
        interface_blueprint,
        results_blueprint,
        usage_blueprint,
    ):
        app.register_blueprint(build(backend))
    return app
