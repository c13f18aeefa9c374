"""Problems, symptoms and history of the patient from chart and report, read the same way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cds_service.domain.assessment import ConditionCause, StatedCause
from cds_service.domain.facts import KnownCondition, Report, StatedFact
from cds_service.domain.vocabulary import ConditionGroup, Qualifier, Status


@dataclass(slots=True, unsafe_hash=True)
class HistoryItem:
    """One problem, symptom or history entry.

    ``started`` is when it began, ``ended`` when it was over, ``recorded`` when it was written down; ``current`` is
    three-valued. ``charted`` tells a problem-list entry from a sentence of a report's history.
    """

    groups: frozenset[ConditionGroup]
    status: Status
    started: date | None
    ended: date | None
    recorded: date | None
    current: bool | None
    charted: bool
    qualifiers: frozenset[Qualifier]
    cause: ConditionCause | StatedCause

    @property
    def over(self) -> bool:
        """Tell whether the entry says itself that it is past."""
        return self.status is Status.HISTORICAL or self.current is False

    @property
    def text(self) -> str:
        """The entry as charted, or the sentence of the report."""
        return self.cause.condition.text if isinstance(self.cause, ConditionCause) else self.cause.fact.sentence

    def last_day(self) -> date | None:
        """Latest day on which it is known to have existed: its end, else its start, else when it was written down."""
        return self.ended or self.started or self.recorded


def from_condition(condition: KnownCondition) -> HistoryItem:
    """Read a charted problem."""
    return HistoryItem(
        groups=condition.groups,
        status=condition.status,
        started=condition.onset,
        ended=condition.abated,
        recorded=condition.recorded,
        current=condition.active,
        charted=True,
        qualifiers=condition.qualifiers,
        cause=ConditionCause(condition),
    )


def from_stated(fact: StatedFact, report: Report) -> HistoryItem:
    """Read a sentence of a report's history; ``days_ago`` counts back from the day of the report."""
    day = report.date.date() if report.date else None
    started = day - timedelta(days=fact.days_ago) if day and fact.days_ago is not None else None
    return HistoryItem(
        groups=frozenset({fact.group}),
        status=fact.status,
        started=started,
        ended=None,
        recorded=day,
        current=None if fact.status is Status.PRESENT else False,
        charted=False,
        qualifiers=fact.qualifiers,
        cause=StatedCause(fact, report.provenance),
    )


def histories(conditions: Iterable[KnownCondition], reports: Iterable[Report]) -> Iterator[HistoryItem]:
    """All entries of the chart, then of the given reports."""
    for condition in conditions:
        yield from_condition(condition)
    for report in reports:
        for fact in report.reading.stated:
            yield from_stated(fact, report)
