"""Which card was shown for which state of a patient, so that what a clinician acknowledged is not shown again at once.

A state is a keyed hash: it tells neither the patient nor the report nor any value.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from cds_service.store import schema
from cds_service.store.database import named, open_engine


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One issued card (``card`` is its uuid) with the hash of the state that it was shown for."""

    card: str
    state: str


class RepeatStore:
    """Shown states in the database of the store, where the feedback on the cards stands as well."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    def open(self) -> None:
        """Create the tables where they are missing. Raises StoreError."""
        with named("open the shown states"), self._engine.begin() as connection:
            schema.metadata.create_all(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def record(self, shown: Sequence[ShownCard]) -> None:
        """Keep for which states cards were shown. Raises StoreError."""
        if shown:
            with named("record shown states"), self._engine.begin() as connection:
                connection.execute(insert(schema.shown_card), [asdict(one) for one in shown])

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the states was last answered with feedback, accepted or overridden. Raises StoreError."""
        shown, feedback = schema.shown_card.c, schema.feedback.c
        query = (
            select(shown.state, func.max(feedback.received_at))
            .join(schema.feedback, feedback.card == shown.card)
            .where(shown.state.in_(states))
            .group_by(shown.state)
        )
        with named("read shown states"), self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
