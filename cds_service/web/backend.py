"""What the web layer needs of the rest of the service; the composition root fills it in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from flask import Request

from cds_service.config import Settings
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.audit import AuditDesk
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.results.desk import ResultDesk
from cds_service.hooks.review.handbook import Handbook
from cds_service.hooks.usage import UsageDesk
from cds_service.security.clients import ClientDirectory
from cds_service.security.quota import Quotas
from cds_service.security.tokens import Caller, CallerCheck
from cds_service.store.records import Store
from cds_service.telemetry.desk import Telemetry


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts of a running service."""

    settings: Settings
    hooks: HookDesk
    previews: PreviewDesk
    store: Store
    verifier: CallerCheck
    quotas: Quotas
    audit: AuditDesk
    clock: Callable[[], datetime]
    knowledge_version: str
    handbook: Handbook
    results: ResultDesk | None = None
    directory: ClientDirectory | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)
    usage: UsageDesk | None = None

    def caller(self, request: Request) -> Caller:
        """Return who made the call, before anything of its body is looked at. Raises TokenRefused.

        The audience is the configured public URL and the path called: the Host header is the caller's word only.
        """
        return self.verifier.verify(_authorization(request), f"{self.settings.base_url}{request.path}")

    def reader(self, request: Request) -> Caller:
        """Return who asks for something public; the token stays good for another call. Raises TokenRefused."""
        return self.verifier.examine(_authorization(request), f"{self.settings.base_url}{request.path}")


def _authorization(request: Request) -> list[str]:
    # The environment is asked: a list of the headers would look through all of it. Several stand in it as one.
    given = request.environ.get("HTTP_AUTHORIZATION")
    return [] if given is None else [given]
