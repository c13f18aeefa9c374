"""Who is let in: the caller of a request, within its share, for a hook that was agreed with it; each call on record."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, g, request

from cds_service.errors import RequestError
from cds_service.hooks.audit import AuditNote
from cds_service.hooks.services import Service
from cds_service.security.quota import Throttled
from cds_service.store.records import StoreError
from cds_service.telemetry.laps import Stage
from cds_service.web.access_log import note
from cds_service.web.backend import Backend
from cds_service.web.metrics import seen
from cds_service.web.problems import not_kept

_FORBIDDEN = 403
# Where the server tells how many calls wait for a place to be answered.
WAITING = "marrow.waiting"
_FULL_RETRY_SECONDS = 2


def request_id() -> str:
    """Return the id of the current call: a UUID that a proxy gave it, else a new one."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        try:
            g.request_id = str(uuid.UUID(given))
        except ValueError:
            # Whatever else stands there could be data of a patient.
            g.request_id = str(uuid.uuid4())
    return str(g.request_id)


@contextmanager
def admitted(backend: Backend, service: Service, action: str) -> Iterator[AuditNote]:
    """Let the current call in for as long as it runs, and open its audit note.

    Raises TokenRefused (401), Throttled (429, 503) and RequestError (403) before the body is looked at.
    """
    refuse_when_full(backend)
    caller = backend.caller(request)
    seen().client = caller.client.name
    note(issuer=caller.client.issuer, tenant=caller.tenant, token=caller.token_id[:100])
    with backend.quotas.admitted(caller.client, request.remote_addr or ""):
        # Calls beyond the share of a client are not on record, or they would fill it.
        g.audit = AuditNote(action, caller, service, request_id())
        if service.hook.value not in caller.client.hooks:
            raise RequestError("is not agreed with this caller", field="hook", status=_FORBIDDEN, code="forbidden")
        yield g.audit


def refuse_when_full(backend: Backend) -> None:
    """Turn the current call away while too many wait: a quick 503 is worth more at the bedside than a late answer.

    Raises Throttled.
    """
    if request.environ.get(WAITING, 0) > backend.settings.max_waiting:
        raise Throttled(503, _FULL_RETRY_SECONDS)


def _turn_into(response: Response, refusal: Response) -> None:
    """Send the refusal instead of an answer whose headers are complete already."""
    response.status_code = refusal.status_code
    response.headers.update(refusal.headers)
    response.set_data(refusal.get_data())


def register_admission(app: Flask, backend: Backend) -> None:
    """Give each call its id, tell it in the answer, and put the call on record once its status is known."""

    def begin() -> None:
        request_id()

    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        opened = g.pop("audit", None)
        if opened is not None:
            try:
                note(recorded=backend.audit.record(opened, response.status_code))
            except StoreError as error:
                _turn_into(response, not_kept(error))
            seen().laps.done(Stage.RECORD)
        return response

    app.before_request(begin)
    app.after_request(finish)
