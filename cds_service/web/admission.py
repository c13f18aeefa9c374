"""Who is let in: the caller of a request, within its share, for a hook that was agreed with it; each call on record."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response

from cds_service.errors import RequestError
from cds_service.hooks.audit import AuditNote
from cds_service.hooks.services import Service
from cds_service.security.quota import Throttled
from cds_service.store.records import StoreError
from cds_service.telemetry.laps import Stage
from cds_service.web.backend import Backend
from cds_service.web.current import After, Current, current
from cds_service.web.problems import not_kept

_FORBIDDEN = 403
# Where the server tells how many calls wait for a place to be answered.
WAITING = "marrow.waiting"
_FULL_RETRY_SECONDS = 2


@contextmanager
def admitted(call: Current, backend: Backend, service: Service, action: str) -> Iterator[AuditNote]:
    """Let a call in for as long as it runs, and open its audit note.

    Raises TokenRefused (401), Throttled (429, 503) and RequestError (403) before the body is looked at.
    """
    _refuse_when_full(call, backend)
    caller = backend.caller(call.request)
    call.seen.client = caller.client.name
    call.note(issuer=caller.client.issuer, tenant=caller.tenant, token=caller.token_id[:100])
    with backend.quotas.admitted(caller.client, call.request.remote_addr or ""):
        # Calls beyond the share of a client are not on record, or they would fill it.
        audited = call.audit = AuditNote(action, caller, service, call.id)
        if service.hook.value not in caller.client.hooks:
            raise RequestError("is not agreed with this caller", field="hook", status=_FORBIDDEN, code="forbidden")
        yield audited


def refuse_when_full(backend: Backend) -> None:
    """Turn the current call away while too many wait: a quick 503 is worth more at the bedside than a late answer.

    Raises Throttled.
    """
    _refuse_when_full(current(), backend)


def _refuse_when_full(call: Current, backend: Backend) -> None:
    if call.request.environ.get(WAITING, 0) > backend.settings.max_waiting:
        raise Throttled(503, _FULL_RETRY_SECONDS)


def _turn_into(response: Response, refusal: Response) -> None:
    """Send the refusal instead of an answer whose headers are complete already."""
    response.status_code = refusal.status_code
    response.headers.update(refusal.headers)
    response.set_data(refusal.get_data())


def recording(backend: Backend) -> After:
    """Tell each call its id in the answer, and put it on record now that its status is known."""

    def finish(call: Current, response: Response) -> None:
        response.headers.add("X-Request-Id", call.id)
        opened, call.audit = call.audit, None
        if opened is None:
            return
        try:
            call.note(recorded=backend.audit.record(opened, response.status_code))
        except StoreError as error:
            _turn_into(response, not_kept(error))
        call.seen.laps.done(Stage.RECORD)

    return finish
