"""What the service knows and what it is for, for people and programs; every card links to its rule on this page."""

from typing import Any

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.reasoning import plain
from cds_service.hooks.review.handbook import Handbook, NamedParameter, added_lines, card_texts
from cds_service.hooks.services import SERVICES
from cds_service.rules.catalogue import EntryKind
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.pages import page

_TITLES = {
    EntryKind.RULE: "Rules",
    EntryKind.ROW: "Rows of the decision tables",
    EntryKind.FRAME: "Around the tables",
    EntryKind.ORDER: "Advice on draft orders",
}


def _language() -> Language:
    """Language of the card texts on the page; the page itself is English."""
    wanted = request.args.get("lang", Language.EN)
    if wanted not in tuple(Language):
        raise RequestError(f"must be one of {', '.join(Language)}", field="lang")
    return Language(wanted)


def _wants_json() -> bool:
    """Whether JSON was asked for, by ``?format=json`` or by preference."""
    wanted = request.args.get("format")
    if wanted not in (None, "json", "html"):
        raise RequestError("must be json or html", field="format")
    if wanted is not None:
        return wanted == "json"
    return request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html") != "text/html"


def _parameter(each: NamedParameter) -> dict[str, Any]:
    return {"name": each.name} | each.number.model_dump(mode="json")


def _source_attributes(book: Handbook) -> dict[str, Any]:
    """Return what evidence-based decision support has to disclose of its source."""
    about = book.statements.about
    return {
        "bibliographicCitations": [plain(reference) for reference in book.references],
        "developer": about.developer,
        "fundingSource": about.funding,
        "releaseDate": about.first_release,
        "revisionDate": book.revised.isoformat(),
        "patientData": [attribute.model_dump() for attribute in book.statements.attributes],
    }


def knowledge_document(book: Handbook, language: Language) -> dict[str, Any]:
    """Return the page as JSON types; card texts in ``language``."""
    said = book.statements
    return {
        "name": said.about.name,
        "version": book.version,
        "software": book.software,
        "status": said.about.status,
        "review": said.review.model_dump(mode="json"),
        "intendedUse": said.about.intended_use,
        "users": said.about.users,
        "input": said.about.input,
        "output": said.about.output,
        "method": said.about.method,
        "notFor": list(said.about.not_for),
        "limits": list(said.about.limits),
        "sourceAttributes": _source_attributes(book),
        "siteOverlay": [_parameter(each) for each in book.overlaid],
        "switches": dict(book.switches),
        "parameters": [_parameter(each) for each in book.parameters],
        "rules": [plain(entry) for entry in book.entries],
        "notSuggested": [refusal.model_dump(mode="json", exclude={"words"}) for refusal in said.refusals],
        "background": [each.model_dump(mode="json") for each in said.background],
        "openPoints": [point.model_dump(mode="json") for point in said.open_points],
        "coverage": [row.model_dump(mode="json", exclude_defaults=True) for row in book.coverage.rows],
        "cards": {"language": language.value, "texts": [plain(text) for text in card_texts(language)]},
        "references": [plain(reference) for reference in book.references],
    }


def knowledge_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /about/knowledge`` as a page or, when JSON is asked for, as JSON; ``/`` leads to the preview."""
    blueprint = Blueprint("knowledge", __name__)
    book = backend.handbook
    entries = tuple((kind.value, title, book.of_kind(kind)) for kind, title in _TITLES.items())

    @blueprint.get("/")
    def start() -> AnyResponse:
        return redirect("/preview" if backend.settings.preview_open else "/about")

    @blueprint.get("/about")
    @blueprint.get("/about/knowledge")
    def knowledge() -> Response:
        language = _language()
        if _wants_json():
            return json_response(knowledge_document(book, language))
        return page(
            "knowledge.html",
            book=book,
            said=book.statements,
            entries=entries,
            services=SERVICES,
            language=language.value,
            languages=tuple(Language),
            texts=card_texts(language),
            extra=added_lines(language),
        )

    return blueprint
