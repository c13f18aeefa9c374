"""What is kept after an answer: which cards were issued by which rules, and what clinicians did with them."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cds_service.errors import MarrowError


class StoreError(MarrowError):
    """The database could not be read or written. The message names the operation, never its contents."""


class StoreAway(StoreError):  # noqa: N818 - a state of the database, named as such
    """The database cannot be reached or does not take writes at present; the same may work later."""


class Outcome(StrEnum):
    """What a clinician did with a card, in the words of the feedback endpoint."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """One card as issued. ``patient`` is a keyed hash; nothing here names the patient or repeats the card's text.

    ``client`` is the issuer of the caller, "" where no registry is kept, ``report_at`` when the report was issued that
    the answer rests on; both are ``None`` in records of releases that did not keep them.
    """

    uuid: str
    service: str
    hook_instance: str
    card_id: str
    text_id: str
    indicator: str
    rule_ids: tuple[str, ...]
    suggestions: tuple[str, ...]
    language: str
    knowledge_version: str
    patient: str
    issued_at: datetime
    client: str | None = None
    report_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """One reported outcome. ``outcome_at`` is the client's time in UTC, ``received_at`` ours.

    ``reason_*`` is the coded reason for not following, as sent; ``comment`` may hold patient data and is never logged.
    """

    card: str
    service: str
    outcome: Outcome
    outcome_at: datetime
    received_at: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason_system: str = ""
    reason_code: str = ""
    reason_display: str = ""
    comment: str = ""

    @property
    def identity(self) -> str:
        """Hash that is equal for a repeat of the same report, whatever its time: a double click counts once."""
        parts = (
            self.card,
            self.outcome,
            *sorted(self.accepted_suggestions),
            self.reason_system,
            self.reason_code,
            self.comment,
        )
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class LinkedFeedback:
    """Feedback beside the card it is about; ``card`` is ``None`` when the card was not issued by this service."""

    feedback: Feedback
    repeats: int
    card: IssuedCard | None


class Store(Protocol):
    """Where issued cards and feedback are kept."""

    def record_feedback(self, items: Sequence[Feedback]) -> None:
        """Keep all items or none; a repeat of a known item adds nothing but its count. Raises StoreError."""

    def feedback(self) -> tuple[LinkedFeedback, ...]:
        """Return all feedback with the cards it is about, in order of arrival. Raises StoreError."""

    def check(self) -> None:
        """Raise StoreError unless the store answers."""

    def can_write(self) -> bool:
        """Whether what is recorded now would be kept, if need be until the store answers again."""


def patient_hash(key: bytes, patient_id: str) -> str:
    """Return the keyed hash that stands for a patient, so that the store alone does not tell who it was."""
    return hmac.digest(key, patient_id.encode("utf-8", "surrogatepass"), "sha256").hex()
