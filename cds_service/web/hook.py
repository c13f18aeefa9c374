"""The hook endpoint: one POST, one list of cards."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from cds_service.fhir.bounds import Bounds
from cds_service.hooks.answer import Answer
from cds_service.hooks.audit import AuditNote
from cds_service.hooks.request import read_request
from cds_service.hooks.sent import sent_call
from cds_service.hooks.services import Service, service_by_id
from cds_service.telemetry.laps import Stage
from cds_service.web.admission import admitted
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response, read_body, read_call
from cds_service.web.current import Current, current, instance_for_log
from cds_service.web.languages import choose_language, mark_language
from cds_service.web.metrics import see_answer


def known_service(call: Current, service_id: str) -> Service:
    """Return the service of a path. Raises the framework's 404."""
    service = service_by_id(service_id)
    if service is None:
        raise NotFound
    call.note(service=service.id, hook=service.hook.value)
    return service


def _note_instance(call: Current, audited: AuditNote) -> None:
    """Say which hook instance it is before anything can fail."""
    if audited.request is not None:
        audited.hook_instance = instance_for_log(audited.request.hook_instance)
        call.note(instance=audited.hook_instance)


def _note_answer(call: Current, answer: Answer) -> None:
    call.note(
        cards=[card.uuid for card in answer.cards],
        rules=sorted({rule for card in answer.cards for rule in card.rule_ids}),
        missing=list(answer.missing),
        fetched=list(answer.fetched),
        locked=list(answer.locked),
    )


def hook_blueprint(backend: Backend) -> Blueprint:
    """Answer ``POST /cds-services/{id}``; a client that was given the address with a slash doubles it."""
    blueprint = Blueprint("hook", __name__)
    settings = backend.settings

    @blueprint.post("/cds-services/<service_id>")
    @blueprint.post("/cds-services//<service_id>")
    def call(service_id: str) -> Response:
        this = current()
        service = known_service(this, service_id)
        with admitted(this, backend, service, "hook") as audited:
            laps = this.seen.laps
            laps.done(Stage.ADMIT)
            client = audited.caller.client
            language = choose_language(this.request, client, settings.language)
            audited.language, now = language.value, backend.clock()
            this.note(language=language.value)
            raw = read_body(this.request)
            sent = sent_call(raw, service)
            digest = backend.hooks.digest(sent, service, language, audited.caller, now) if sent is not None else None
            again = backend.hooks.answer_again(digest, language, now, client, laps) if digest is not None else None
            if again is not None:
                audited.request, answer = again
                _note_instance(this, audited)
            else:
                body = read_call(raw, sent, Bounds(settings.max_depth, settings.max_entries))
                audited.request = hook_request = read_request(service, body)
                _note_instance(this, audited)
                laps.done(Stage.PARSE)
                answer = backend.hooks.answer(hook_request, language, now, client, laps, digest)
            audited.answer = answer
            _note_answer(this, answer)
            see_answer(this.seen, answer)
            return mark_language(json_response(answer.body), language)

    return blueprint
