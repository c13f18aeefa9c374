"""Which card was shown for which state of a patient, so that what a clinician acknowledged is not shown again at once.

A state is a keyed hash: it tells neither the patient nor the report nor any value.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from cds_service.store import schema
from cds_service.store.connection import Database
from cds_service.store.keeper import Keeper


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One issued card (``card`` is its uuid) with the hash of the state that it was shown for."""

    card: str
    state: str


class RepeatStore:
    """Shown states in the database of the store, where the feedback on the cards stands as well."""

    def __init__(self, url: str, keeper: Keeper | None = None) -> None:
        self._keeper = keeper or Keeper(Database(url))
        self._database = self._keeper.database

    def open(self) -> None:
        """Make or change the tables where needed. Raises StoreError."""
        self._keeper.open()

    def close(self) -> None:
        """Give the connections back."""
        self._keeper.close()
        self._database.close()

    def record(self, shown: Sequence[ShownCard]) -> None:
        """Keep for which states cards were shown. Raises StoreError."""
        if shown:
            self._keeper.write("record shown states", schema.shown_card, [asdict(one) for one in shown])

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the states was last answered with feedback, accepted or overridden. Raises StoreError."""
        shown, feedback = schema.shown_card.c, schema.feedback.c
        query = (
            select(shown.state, func.max(feedback.received_at))
            .join(schema.feedback, feedback.card == shown.card)
            .where(shown.state.in_(states))
            .group_by(shown.state)
        )

        def read(connection: Connection) -> Mapping[str, datetime]:
            return {row[0]: row[1] for row in connection.execute(query)}

        return self._database.run("read shown states", read)
