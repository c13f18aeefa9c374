"""Which language the cards of one answer are written in."""

from flask import Request, Response

from cds_service.domain.vocabulary import Language
from cds_service.security.clients import Client
from cds_service.web.headers import varies


def choose_language(request: Request, client: Client | None, default: Language) -> Language:
    """Return the language of the client's registration, else the best accepted one that exists, else ``default``."""
    if client is not None and client.language is not None:
        return client.language
    for wanted, quality in request.accept_languages:
        primary = wanted.partition("-")[0].lower()
        if quality > 0 and primary in tuple(Language):
            return Language(primary)
    return default


def mark_language(response: Response, language: Language) -> Response:
    """Say in which language the answer is, and that it depends on what the caller accepts."""
    response.headers.add("Content-Language", language)
    varies(response, "Accept-Language")
    return response
