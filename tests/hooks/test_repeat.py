"""The repeat lock: what was acknowledged stays away while nothing changes, and never an emergency."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.facts import (
    Demographics,
    Gap,
    GapCode,
    KnownCondition,
    LabValue,
    Medication,
    PatientFacts,
    Provenance,
    Reading,
    Report,
    ReportText,
)
from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Analyte, BodyRegion, ConditionGroup, Indicator, Lane, Language, Modality
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.repeat import RepeatLock, fingerprint
from cds_service.knowledge.thresholds import load_thresholds
from cds_service.rules.repeat import repeat_span
from cds_service.store.records import StoreError

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
LIMITS = load_thresholds()


@dataclass
class States:
    """Shown states in memory; ``broken`` fails like a database that is away."""

    shown: dict[str, str] = field(default_factory=dict)
    answered: dict[str, datetime] = field(default_factory=dict)
    broken: bool = False

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        if self.broken:
            raise StoreError("read shown states: OperationalError")
        return {self.shown[card]: at for card, at in self.answered.items() if self.shown[card] in states}


def lab(value: float, identity: str = "o-1") -> LabValue:
    taken = NOW - timedelta(days=1)
    return LabValue(Analyte.CRP, value, "mg/L", taken, Provenance(f"Observation/{identity}"))


def condition(identity: str = "c-1") -> KnownCondition:
    groups = frozenset({ConditionGroup.DIABETES, ConditionGroup.FALL})
    return KnownCondition(groups, "Diabetes", (), None, None, None, active=True, provenance=Provenance(f"Condition/{identity}"))  # fmt: skip  # noqa: E501


def drug() -> Medication:
    return Medication(frozenset(), "Ibuprofen", (), None, None, running=True, provenance=Provenance("Medication/1"))


def report(text: str = "Edema of L4.", status: str = "final", identity: str = "mri") -> Report:
    return Report(
        Provenance(f"DiagnosticReport/{identity}"), status, NOW - timedelta(days=2), None, "MRI", (), Modality.MR,
        BodyRegion.LUMBAR, (ReportText(text, "conclusion"),), Reading(Language.EN),
    )  # fmt: skip


CARDS = (
    PlannedCard("C10", "C10", Lane.INFECTION, "B16", Indicator.INFO),
    PlannedCard("C70", "C70", Lane.BENIGN, "D12", Indicator.INFO),
)


def evaluation(cards: tuple[PlannedCard, ...] = CARDS, **facts: Any) -> Evaluation:
    version, gaps = facts.pop("version", "1"), facts.pop("gaps", ())
    known: dict[str, Any] = {"labs": (lab(4),), "conditions": (condition(),), "reports": (report(),), **facts}
    patient = PatientFacts(known.pop("as_of", NOW), Demographics(50, None), **known)
    return Evaluation(
        patient,
        Assessment(
            as_of=patient.as_of,
            knowledge_version=version,
            state=LaneState(),
            variables=(),
            rules=(),
            lanes=(),
            cards=cards,
            gaps=gaps,
            leading_report=patient.reports[0] if patient.reports else None,
        ),
    )


@dataclass(frozen=True)
class Shown:
    """What a clinician saw, and the text ids of what was held back."""

    cards: list[PlannedCard]
    locked: tuple[str, ...]


class Desk:
    """Shows cards as the hook does and lets a clinician answer all of them."""

    def __init__(self, **options: Any) -> None:
        self.states = States()
        self.lock = RepeatLock(self.states, b"k" * 32, lambda card: repeat_span(card, LIMITS), **options)
        self.calls = 0

    def show(self, given: Evaluation, days: float = 0, patient: str = "pt-1", *, wanted: bool | None = None) -> Shown:
        planned = given.assessment.cards
        if not self.lock.holds(wanted=wanted):
            return Shown(list(planned), ())
        states = self.lock.states(given, patient)
        held = self.lock.held_back(states, NOW + timedelta(days=days))
        shown = [(card, state) for card, state in zip(planned, states, strict=True) if state.name not in held]
        self.calls += 1
        self.states.shown |= {f"{self.calls}-{place}": state.name for place, (_, state) in enumerate(shown)}
        locked = tuple(card.text_id for card, state in zip(planned, states, strict=True) if state.name in held)
        return Shown([card for card, _ in shown], locked)

    def answer(self, days: float = 0) -> None:
        self.states.answered |= dict.fromkeys(self.states.shown, NOW + timedelta(days=days))


def texts(shown: Shown) -> list[str]:
    return [card.text_id for card in shown.cards]


def test_nothing_acknowledged_is_nothing_locked() -> None:
    desk = Desk()
    assert [texts(desk.show(evaluation())) for _ in range(3)] == [["C10", "C70"]] * 3


@pytest.mark.parametrize(("days", "shown"), [(0.1, []), (13.9, []), (14.1, ["C10", "C70"])])
def test_an_acknowledged_card_stays_away_for_two_weeks(days: float, shown: list[str]) -> None:
    desk = Desk()
    desk.show(evaluation())
    desk.answer()
    again = desk.show(evaluation(), days)
    assert texts(again) == shown
    assert set(again.locked) == {"C10", "C70"} - set(shown)


@pytest.mark.parametrize("card_id", ["C11", "C12", "C20", "C92"])
@pytest.mark.parametrize(("days", "locked"), [(2.9, True), (3.1, False)])
def test_serious_cards_come_back_after_three_days(card_id: str, days: float, *, locked: bool) -> None:
    desk = Desk()
    card = PlannedCard(card_id, card_id, Lane.INFECTION, "B1", Indicator.WARNING)
    desk.show(evaluation((card,)))
    desk.answer()
    assert (texts(desk.show(evaluation((card,)), days)) == []) is locked


@pytest.mark.parametrize(
    "card",
    [
        PlannedCard("C02", "C02", Lane.SAFETY, "A2", Indicator.CRITICAL),
        PlannedCard("C03", "C03", Lane.SAFETY, "A5", Indicator.WARNING),
        PlannedCard("C11", "C11-E", Lane.INFECTION, "B1", Indicator.CRITICAL),
        PlannedCard("O-NSAID", "O-NSAID", Lane.ORDER, "O-NSAID-b", Indicator.WARNING),
    ],
)
def test_emergencies_and_advice_on_orders_are_always_shown(card: PlannedCard) -> None:
    desk = Desk()
    desk.show(evaluation((card,)))
    desk.answer()
    assert texts(desk.show(evaluation((card,)), 0.1)) == [card.text_id]
    assert repeat_span(card, LIMITS) is None


CHANGES: dict[str, dict[str, Any]] = {
    "new result": {"labs": (lab(4), lab(60, "o-2"))},
    "corrected result": {"labs": (lab(44),)},
    "new problem": {"conditions": (condition(), condition("c-2"))},
    "new drug": {"medications": (drug(),)},
    "new text of the report": {"reports": (report("Abscess at L4."),)},
    "report became final": {"reports": (report(status="amended"),)},
    "another report": {"reports": (report(identity="mri-2"),)},
    "a second report": {"reports": (report(), report("CT.", identity="ct"))},
    "other rule set": {"version": "2"},
    "another card": {"cards": (*CARDS, PlannedCard("C80", "C80", Lane.PLAN, "E6", Indicator.INFO))},
    "another urgency": {"cards": (replace(CARDS[0], indicator=Indicator.WARNING), CARDS[1])},
    "something could not be read": {
        "gaps": (Gap(GapCode.RESOURCE_UNREADABLE, "DiagnosticReport/x", clinical=True),)
    },
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_shows_every_card_again(change: str) -> None:
    desk = Desk()
    desk.show(evaluation())
    desk.answer()
    changed = evaluation(**CHANGES[change])
    assert texts(desk.show(changed, 1)) == [card.text_id for card in changed.assessment.cards]


def test_another_patient_with_the_same_state_sees_every_card() -> None:
    desk = Desk()
    desk.show(evaluation())
    desk.answer()
    assert texts(desk.show(evaluation(), 1, patient="pt-2")) == ["C10", "C70"]


def test_the_passing_of_time_and_the_order_of_entries_are_no_change() -> None:
    one = evaluation(labs=(lab(4), lab(5, "o-2")), conditions=(condition(), condition("c-2")))
    later = evaluation(
        labs=(lab(5, "o-2"), lab(4)), conditions=(condition("c-2"), condition()), as_of=NOW + timedelta(days=1)
    )
    assert fingerprint(one.facts, one.assessment) == fingerprint(later.facts, later.assessment)


ENTRIES: dict[str, Any] = {"labs": lab(4), "conditions": condition(), "medications": drug()}


@pytest.mark.parametrize(
    ("listed", "member"), [(name, member.name) for name, entry in ENTRIES.items() for member in fields(entry)]
)
def test_every_member_of_an_entry_counts(listed: str, member: str) -> None:
    one = evaluation(**{listed: (ENTRIES[listed],)})
    other = evaluation(**{listed: (replace(ENTRIES[listed], **{member: "another"}),)})
    assert fingerprint(one.facts, one.assessment) != fingerprint(other.facts, other.assessment)


def test_an_entry_of_another_list_is_a_change() -> None:
    same: dict[str, Any] = {"reports": (), "labs": (), "conditions": (), "medications": (), "procedures": ()}
    one = evaluation(**same | {"medications": (drug(),)})
    other = evaluation(**same | {"procedures": (drug(),)})
    assert fingerprint(one.facts, one.assessment) != fingerprint(other.facts, other.assessment)


def test_gaps_that_change_no_advice_are_no_change() -> None:
    silent = evaluation(gaps=(Gap(GapCode.UNKNOWN_ELEMENT, "Patient"),))
    plain = evaluation()
    assert fingerprint(silent.facts, silent.assessment) == fingerprint(plain.facts, plain.assessment)


def test_only_what_was_acknowledged_is_held_back() -> None:
    desk = Desk()
    desk.show(evaluation())
    desk.states.answered["1-0"] = NOW
    again = desk.show(evaluation(), 1)
    assert (texts(again), again.locked) == (["C70"], ("C10",))


@pytest.mark.parametrize(
    ("enabled", "wanted", "locked"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_the_client_decides_before_the_setting(*, enabled: bool, wanted: bool | None, locked: bool) -> None:
    desk = Desk(enabled=enabled)
    desk.show(evaluation(), wanted=True)
    desk.answer()
    assert bool(desk.show(evaluation(), 1, wanted=wanted).locked) is locked


def test_a_store_that_fails_shows_every_card() -> None:
    desk = Desk()
    desk.show(evaluation())
    desk.answer()
    desk.states.broken = True
    assert texts(desk.show(evaluation(), 1)) == ["C10", "C70"]
    assert desk.lock.failures == 1


def test_nothing_of_the_patient_is_kept() -> None:
    desk = Desk()
    desk.show(evaluation(), patient="pt-secret")
    kept = " ".join([*desk.states.shown, *desk.states.shown.values()])
    assert all(len(state) == 64 for state in desk.states.shown.values())
    assert not [word for word in ("pt-secret", "mri", "Diabetes", "Edema") if word in kept]


def test_no_report_and_no_card_are_no_trouble() -> None:
    desk = Desk()
    assert texts(desk.show(evaluation(()))) == []
    child = PlannedCard("C91", "C91", Lane.SCOPE, "SCOPE", Indicator.INFO)
    desk.show(evaluation((child,), reports=()))
    desk.answer()
    assert desk.show(evaluation((child,), reports=()), 1).locked == ("C91",)
