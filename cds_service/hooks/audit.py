"""Notes down one call for the audit record: who, what, and with which outcome, with people as keyed hashes."""

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cds_service.hooks.answer import Answer
from cds_service.hooks.request import HookRequest
from cds_service.hooks.services import Service
from cds_service.security.tokens import Caller
from cds_service.store.audit import AuditedCard, AuditRecord
from cds_service.store.records import StoreError, patient_hash

_log = logging.getLogger("cds_service.audit")


class AuditSink(Protocol):
    """Where records are kept."""

    def record(self, record: AuditRecord) -> None:
        """Keep one record. Raises StoreError."""


@dataclass(slots=True)
class AuditNote:
    """What is known of a call that is being answered."""

    action: str
    caller: Caller
    service: Service
    request_id: str
    hook_instance: str = ""
    language: str = ""
    request: HookRequest | None = None
    answer: Answer | None = None


class AuditDesk:
    """Keeps one record for each authenticated call. ``sink`` is ``None`` where no record is kept."""

    def __init__(
        self, sink: AuditSink | None, hash_key: bytes, clock: Callable[[], datetime], knowledge_version: str
    ) -> None:
        self._sink = sink
        self._hash_key = hash_key
        self._clock = clock
        self._knowledge_version = knowledge_version
        self.unrecorded = 0

    def record(self, note: AuditNote, status: int) -> None:
        """Keep the record of an answered call. A failure is logged and counted; the answer is not held back."""
        if self._sink is None:
            return
        try:
            self._sink.record(self._record(note, status))
        except StoreError as error:
            self.unrecorded += 1
            _log.error("a call was not recorded: %s", error)

    def _record(self, note: AuditNote, status: int) -> AuditRecord:
        request = note.request
        written = note.answer.written if note.answer else ()
        return AuditRecord(
            at=self._clock(),
            request_id=note.request_id,
            action=note.action,
            status=status,
            service=note.service.id,
            hook=note.service.hook.value,
            hook_instance=note.hook_instance,
            issuer=note.caller.client.issuer,
            tenant=note.caller.tenant,
            user=self._user(note.caller, request.user_id) if request and request.user_id else "",
            patient=patient_hash(self._hash_key, request.patient_id) if request else "",
            knowledge_version=self._knowledge_version,
            language=note.language,
            cards=tuple(AuditedCard(one.card.uuid, one.plan.card_id, one.plan.rule_ids) for one in written),
        )

    def _user(self, caller: Caller, user_id: str) -> str:
        """Return the keyed hash of a user of one client; the prefix keeps it apart from the hashes of patients."""
        text = f"user\x1f{caller.client.issuer}\x1f{user_id}"
        return hmac.new(self._hash_key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
