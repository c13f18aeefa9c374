"""Which card was shown for which state of a patient, so that what a clinician acknowledged is not shown again at once.

A state is a keyed hash: it tells neither the patient nor the report nor any value.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Dialect, bindparam, func, select

from cds_service.store import schema
from cds_service.store.connection import Database
from cds_service.store.prepared import Prepared, from_driver, prepare


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One issued card (``card`` is its uuid) with the hash of the state that it was shown for."""

    card: str
    state: str


class RepeatStore:
    """Shown states in the database of the store, where the feedback on the cards stands as well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the states was last answered with feedback, accepted or overridden. Raises StoreError."""
        if not states:
            return {}

        dialect = self._database.engine.dialect
        look_up = _acknowledged(len(states), dialect)
        row = {_name(place): state for place, state in enumerate(states)}
        found = self._database.quick(
            "read shown states", lambda cursor: look_up.run(cursor, row).fetchall(), alone=True
        )
        moment = from_driver(schema.feedback.c.received_at.type, dialect)
        return {state: moment(at) for state, at in found}


def _name(place: int) -> str:
    return f"state_{place}"


@lru_cache(maxsize=64)
def _acknowledged(count: int, dialect: Dialect) -> Prepared:
    """Return the look-up of so many states: which of them were answered, and when last."""
    feedback = schema.feedback.c
    wanted = [bindparam(_name(place), type_=feedback.state.type) for place in range(count)]
    query = (
        select(feedback.state, func.max(feedback.received_at))
        .where(feedback.state.in_(wanted))
        .group_by(feedback.state)
    )
    return prepare(query, dialect)
