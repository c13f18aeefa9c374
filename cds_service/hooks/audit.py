"""Notes down one call: who, what, and with which outcome, with people as keyed hashes; and the cards it was given."""

import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cds_service.hooks.answer import Answer
from cds_service.hooks.request import HookRequest
from cds_service.hooks.services import Service
from cds_service.security.tokens import Caller
from cds_service.store import schema
from cds_service.store.audit import AuditedCard, AuditRecord
from cds_service.store.calls import NotKept
from cds_service.store.records import IssuedCard, patient_hash
from cds_service.store.repeats import ShownCard

_log = logging.getLogger("cds_service.audit")
_FAILED = 400
# Without them a card is only shown once more than it had to be.
_SHOWN_ONLY = frozenset({schema.shown_card.name})


class Calls(Protocol):
    """Where calls are kept."""

    def keep(
        self, issued: Sequence[IssuedCard], shown: Sequence[ShownCard] = (), record: AuditRecord | None = None
    ) -> None:
        """Keep what one call leaves behind. Raises NotKept naming what is kept nowhere."""


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
    """Keeps what each authenticated call leaves behind: issued cards, the states they were shown for, its record.

    ``calls`` is ``None`` where nothing is kept. A call of which something can be kept nowhere is refused, unless
    ``answer_unrecorded``.
    """

    def __init__(
        self,
        calls: Calls | None,
        hash_key: bytes,
        clock: Callable[[], datetime],
        knowledge_version: str,
        *,
        answer_unrecorded: bool = False,
    ) -> None:
        self._calls = calls
        self._answer_unrecorded = answer_unrecorded
        self._hash_key = hash_key
        self._clock = clock
        self._knowledge_version = knowledge_version
        self.unrecorded_cards = 0
        self.unrecorded_calls = 0

    def record(self, note: AuditNote, status: int) -> bool:
        """Keep a call before its answer leaves; false when it is kept in part only.

        Raises NotKept when the answer must not leave for that.
        """
        if self._calls is None:
            return True
        # Cards of an answer that failed after all were never issued.
        answer = note.answer if note.answer is not None and status < _FAILED else Answer()
        try:
            self._calls.keep(answer.issued, answer.shown, self._record(note, answer, status))
        except NotKept as error:
            self._count(error, len(answer.issued))
            if not self._answer_unrecorded and error.tables != _SHOWN_ONLY:
                raise
            return False
        return True

    def _count(self, error: NotKept, cards: int) -> None:
        if schema.issued_card.name in error.tables:
            self.unrecorded_cards += cards
            _log.error("%d issued cards were not recorded: %s", cards, error)
        if schema.audit_event.name in error.tables:
            self.unrecorded_calls += 1
            _log.error("a call was not recorded: %s", error)
        if error.tables == _SHOWN_ONLY:
            _log.error("repeat lock: %s; the cards show again", error)

    def _record(self, note: AuditNote, answer: Answer, status: int) -> AuditRecord:
        request = note.request
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
            cards=tuple(AuditedCard(card.uuid, card.card_id, card.rule_ids) for card in answer.cards),
        )

    def _user(self, caller: Caller, user_id: str) -> str:
        """Return the keyed hash of a user of one client; the prefix keeps it apart from the hashes of patients."""
        text = f"user\x1f{caller.client.issuer}\x1f{user_id}"
        return hmac.digest(self._hash_key, text.encode("utf-8", "surrogatepass"), "sha256").hex()
