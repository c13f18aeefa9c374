"""The Flask application over a given backend: blueprints, error forms, cross-origin headers, access log."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from markdown_it import MarkdownIt
from markupsafe import Markup

from cds_service.web.access_log import register_access_log
from cds_service.web.admission import register_admission
from cds_service.web.backend import Backend
from cds_service.web.cors import register_cors
from cds_service.web.course_drawing import draw_course
from cds_service.web.discovery import discovery_blueprint
from cds_service.web.feedback import feedback_blueprint
from cds_service.web.headers import register_headers
from cds_service.web.health import health_blueprint
from cds_service.web.hook import hook_blueprint
from cds_service.web.hosts import register_hosts
from cds_service.web.interface import interface_blueprint
from cds_service.web.knowledge import knowledge_blueprint
from cds_service.web.metrics import metrics_blueprint, register_telemetry
from cds_service.web.preview import preview_blueprint
from cds_service.web.problems import register_problems
from cds_service.web.results import results_blueprint
from cds_service.web.spine_drawing import draw_spine
from cds_service.web.tls import register_tls
from cds_service.web.usage import usage_blueprint
from cds_service.web.visible import pretty_json, visible
from cds_service.web.words import words

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _rendered(text: str) -> Markup:
    # The renderer lets no HTML of the text through (html is off), so its output is safe to show.
    return Markup(_markdown.render(text))  # noqa: S704 - see above


class Site(Flask):
    """The application. None of its functions is a coroutine, so none has to be asked at each call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def build_site(backend: Backend) -> Flask:
    """Return the application that answers for ``backend``."""
    app = Site("cds_service.web")
    # A doubled or missing slash is answered, never redirected: clients do not repeat a POST after a redirect.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = backend.settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = backend.settings.max_body_bytes
    app.jinja_env.filters |= {"markdown": _rendered, "visible": visible, "pretty_json": pretty_json}
    app.jinja_env.globals |= {"words": words, "draw_spine": draw_spine, "draw_course": draw_course}
    app.jinja_env.globals["preview_open"] = backend.settings.preview_open
    app.jinja_env.globals["usage_open"] = backend.settings.usage_open
    # Answers are counted and logged last, so this is registered first: Flask runs these in reverse order.
    register_telemetry(app, backend)
    register_access_log(app)
    register_admission(app, backend)
    register_tls(app, https=backend.settings.base_url.startswith("https://"))
    register_hosts(app, backend.settings.base_url, local=backend.settings.trial)
    register_headers(app, https=backend.settings.base_url.startswith("https://"))
    register_cors(app, backend.settings.cors_origins, local=backend.settings.clients is None)
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
