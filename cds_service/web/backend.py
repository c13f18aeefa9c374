"""What the web layer needs of the rest of the service; the composition root fills it in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Request

from cds_service.config import Settings
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.preview import PreviewDesk
from cds_service.hooks.review.handbook import Handbook
from cds_service.security.clients import Client
from cds_service.security.tokens import TokenVerifier
from cds_service.store.records import Store


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts of a running service. ``verifier`` is ``None`` where callers need no token."""

    settings: Settings
    hooks: HookDesk
    previews: PreviewDesk
    store: Store
    verifier: TokenVerifier | None
    clock: Callable[[], datetime]
    knowledge_version: str
    handbook: Handbook

    def caller(self, request: Request) -> Client | None:
        """Return who signed the call, before anything of its body is looked at. Raises TokenRefused.

        The audience is the configured public URL and the path called: the Host header is the caller's word only.
        """
        if self.verifier is None:
            return None
        return self.verifier.verify(request.headers.getlist("Authorization"), f"{self.settings.base_url}{request.path}")
