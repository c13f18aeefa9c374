"""The promises of the algorithm hold in every state, not only in the cases.

By default some ten thousand consistent states are drawn with a fixed seed and decided as in production. With ``--full``
every state is covered exactly: the tables are run on a state whose variables have no value yet, and each variable that
a table asks for is branched into all its values. A path through a table stands for every state that agrees with it on
the variables read, so that the paths of a table together are the whole product (their sizes are added up and compared).
Lanes are joined one after another; paths that agree in their outcomes and in the variables that later lanes read are
merged, which keeps exactly the reachable combinations of outcomes. Words and drafts of a card depend on that card and
the state alone and are branched card by card. The states covered include ones that no patient can have.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import partial
from itertools import product
from math import prod
from typing import Any

import pytest

from cds_service.domain.assessment import DraftKind, LaneOutcome, Priority
from cds_service.domain.state import ClinicalInfection, Emergency, ImagingInfection, Labs, LaneState
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.rules.arbitration import decide, shown_outcomes, unsettled
from cds_service.rules.drafts import LaneDraft, drafts
from cds_service.rules.lanes import TABLES
from cds_service.rules.lanes.plan import PlanInput
from cds_service.rules.lanes.row import first_match
from cds_service.rules.lines import text_id
from cds_service.rules.suppression import LaneOutcomes, suppress

SAMPLE = 5_000
LANES = (Lane.SAFETY, Lane.INFECTION, Lane.MALIGNANCY, Lane.BENIGN, Lane.PLAN)
LANE_A = {"C01", "C01-W", "C02", "C03", "C03-A"}
SUSPECTED_INFECTION = {"C11", "C11-E", "C11-EDEMA"}
REASSURING = {"C50", "C50-F", "C60", "C63"}
HARMLESS = REASSURING | {"C61", "C62", "C70", "C80"}
TUMOUR = {"C20", "C21", "C21-L"}
PROBABLE = SUSPECTED_INFECTION | {"C12"} | TUMOUR
OPEN = LANE_A | PROBABLE | {"C14"}
CULTURED = SUSPECTED_INFECTION | {"C12", "C02"}
BESIDE = ("extraspinal_suspicion", "serious_conflict", "canal_unseen", "marker_raised_unsized")
HASTY = {Priority.URGENT, Priority.ASAP, Priority.STAT}


@dataclass(frozen=True)
class Shown:
    """The cards of one state: text ids, the row of each lane, and the state as far as a promise asks for it."""

    state: Any
    rows: Mapping[Lane, str]
    texts: frozenset[str]

    def beside(self, these: Collection[str], those: Collection[str]) -> bool:
        return not self.texts.isdisjoint(these) and not self.texts.isdisjoint(those)


@dataclass(frozen=True)
class Offered:
    """The draft orders of one card."""

    state: Any
    text: str
    drafts: tuple[LaneDraft, ...]

    def kinds(self) -> list[DraftKind]:
        return [draft.kind for draft in self.drafts]

    def priorities(self, kind: DraftKind) -> set[Priority]:
        return {draft.priority for draft in self.drafts if draft.kind is kind}


def plan_beside(name: str, shown: Shown) -> bool:
    return shown.beside({"C80", "C82", "C83"}, shown.texts) and getattr(shown.state, name)


BROKEN_BY_CARDS: Mapping[str, Callable[[Shown], bool]] = {
    "no card at all": lambda s: not s.texts,
    "more than four cards": lambda s: len(s.texts) > 4,
    "plan beside an open question": lambda s: s.beside({"C80", "C82"}, OPEN | {"C10-W"}),
    "plan beside a fracture of open cause": lambda s: s.beside({"C80", "C82"}, {"C30-P"}),
    **{f"plan beside {name}": partial(plan_beside, name) for name in BESIDE},
    "marker raised by an unknown amount explained away": lambda s: (
        s.rows[Lane.INFECTION] in {"B15", "B15.1"} and s.state.marker_raised_unsized
    ),
    "diagnosis of exclusion beside a suspicion outside the spine": lambda s: (
        "C60" in s.texts and s.state.extraspinal_suspicion
    ),
    "reassuring cause beside an open question": lambda s: s.beside(REASSURING, OPEN | {"C10-W"}),
    "time alone adds to an open work-up": lambda s: s.beside({"C81"}, PROBABLE) and s.rows[Lane.PLAN] != "E1",
    "re-evaluation beside an emergency": lambda s: s.beside({"C81"}, LANE_A),
    "plain fracture card beside an open question": lambda s: s.beside({"C30"}, OPEN),
    "antibiotics told to wait in an emergency": lambda s: s.beside({"C11", "C11-EDEMA"}, s.texts) and emergent(s.state),
    "follow-up of a treated infection in an emergency": lambda s: "C17" in s.texts and emergent(s.state),
    "recheck for risk beside a tumour work-up": lambda s: (
        s.beside({"C15"}, TUMOUR) and s.rows[Lane.INFECTION].startswith("B11.")
    ),
    "two plans": lambda s: len(s.texts & {"C80", "C81", "C82", "C83"}) > 1,
    "augmentation without normal markers": lambda s: "C82" in s.texts and s.state.labs is not Labs.N,
    "harmless cause beside known infection or metastases": lambda s: s.beside({"C17", "C24"}, HARMLESS),
}

BROKEN_BY_DRAFTS: Mapping[str, Callable[[Offered], bool]] = {
    "markers are unknown and not drafted": lambda o: (
        o.text in CULTURED | {"C10", "C10-W"}
        and not {DraftKind.CRP, DraftKind.ESR} <= set(o.kinds())
        and o.state.labs is Labs.U
    ),
    "CRP is missing and not drafted": lambda o: (
        o.text in CULTURED | {"C10-W"}
        and DraftKind.CRP not in o.kinds()
        and (o.state.esr_only or o.state.labs is Labs.U)
    ),
    "no blood cultures": lambda o: (
        o.text in CULTURED
        and DraftKind.BLOOD_CULTURE not in o.kinds()
        and not (o.text in SUSPECTED_INFECTION and o.state.culture_sets_resulted_7d)
    ),
    "not two culture sets": lambda o: any(d.kind is DraftKind.BLOOD_CULTURE and d.quantity != 2 for d in o.drafts),
    "no urgent referral": lambda o: (
        o.text in LANE_A and o.priorities(DraftKind.SPINE_SURGERY_REFERRAL).isdisjoint(HASTY)
    ),
    "cord emergency or sepsis not immediate": lambda o: (
        o.text in {"C01", "C02"} and o.priorities(DraftKind.SPINE_SURGERY_REFERRAL) != {Priority.STAT}
    ),
    "biopsy without target or need": lambda o: (
        o.text in {"C10", "C10-W", "C11-EDEMA", "C12", "C21-S", "C21-L"} and DraftKind.SPINE_BIOPSY in o.kinds()
    ),
    "abscess not looked for after a native study": lambda o: (
        o.text in {"C10", "C10-W", "C14", "C02"}
        and DraftKind.MRI_WHOLE_SPINE_CONTRAST not in o.kinds()
        and o.state.native_study
        and suspected(o.state)
        and not o.state.whole_spine_contrast_done
    ),
    "tissue before cultures and surgery": lambda o: o.text == "C11-E" and o.kinds()[-1] is not DraftKind.SPINE_BIOPSY,
    "the same order twice": lambda o: len(o.kinds()) != len(set(o.kinds())),
}


def emergent(state: Any) -> bool:
    return state.emergency in {Emergency.NEURO, Emergency.SEPSIS}


def suspected(state: Any) -> bool:
    on_images = state.imaging_infection >= ImagingInfection.M
    return on_images or state.clinical_infection is ClinicalInfection.SIGN


def broken_by_cards(shown: Shown) -> list[str]:
    return [promise for promise, is_broken in BROKEN_BY_CARDS.items() if is_broken(shown)]


def broken_by_drafts(offered: Offered) -> list[str]:
    return [promise for promise, is_broken in BROKEN_BY_DRAFTS.items() if is_broken(offered)]


def broken(state: LaneState) -> list[str]:
    decision = decide(state)
    cards = [card for card in decision.cards if card.card_id != "C90"]
    rows = {outcome.lane: outcome.row for outcome in decision.lanes}
    found = broken_by_cards(Shown(state, rows, frozenset(card.text_id for card in cards)))
    for card in cards:
        found += broken_by_drafts(Offered(state, card.text_id, card.drafts))
    if tuple(rows) != LANES or len(decision.lanes) != len(LANES):
        found.append("not one outcome for each lane")
    if [card.lane for card in cards] != sorted((card.lane for card in cards), key=LANES.index):
        found.append("cards out of order")
    if state.conflict != (decision.cards[-1].card_id == "C90"):
        found.append("conflict card missing or not last")
    return found


@pytest.mark.parametrize("seed", range(6))
def test_sampled_states_keep_every_promise(
    consistent_states: Callable[[int, int], Iterator[LaneState]], seed: int
) -> None:
    failures = [(state, found) for state in consistent_states(SAMPLE, seed) if (found := broken(state))]
    assert failures[:3] == []


def test_sampled_states_are_possible(
    consistent_states: Callable[[int, int], Iterator[LaneState]], is_consistent: Callable[[LaneState], bool]
) -> None:
    assert all(is_consistent(state) for state in consistent_states(SAMPLE, 0))


def test_safety_cases_keep_every_promise(table_cases: Any) -> None:
    failures = {case.id: found for case in table_cases if case.state.trigger and (found := broken(case.state))}
    assert failures == {}


def test_each_promise_on_cards_can_be_broken() -> None:
    state = PathState({"emergency": Emergency.NEURO, "labs": Labs.U, **dict.fromkeys(BESIDE, True)})
    all_at_once = frozenset({"C01", "C11", "C20", "C15", "C30", "C30-P", "C50", "C60", "C80", "C81", "C82", "C17"})
    shown = [
        Shown(state, {Lane.INFECTION: row, Lane.PLAN: "E4"}, texts)
        for row, texts in (("B11.4", all_at_once), ("B15", all_at_once), ("B11.4", frozenset[str]()))
    ]
    assert {promise for each in shown for promise in broken_by_cards(each)} == set(BROKEN_BY_CARDS)


def test_each_promise_on_drafts_can_be_broken() -> None:
    state = LaneState(native_study=True, imaging_infection=ImagingInfection.S)
    wrong = (
        LaneDraft(DraftKind.SPINE_BIOPSY),
        LaneDraft(DraftKind.BLOOD_CULTURE),
        LaneDraft(DraftKind.BLOOD_CULTURE),
    )
    offers = [Offered(state, text, wrong) for text in ("C02", "C12", "C11-E")] + [Offered(state, "C02", ())]
    assert {promise for offered in offers for promise in broken_by_drafts(offered)} == set(BROKEN_BY_DRAFTS)


# ---------------------------------------------------------------- every state


class UndecidedError(Exception):
    """A table asked for a variable that has no value on this path yet."""


class PathState:
    """A state of which only the variables on the path have a value."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def __getattr__(self, name: str) -> Any:
        if name not in self._known:
            raise UndecidedError(name)
        return self._known[name]


def _values(name: str) -> tuple[Any, ...]:
    kind = type(getattr(LaneState(), name))
    return tuple(kind) if issubclass(kind, Enum) else (False, True)


DOMAINS = {field.name: _values(field.name) for field in fields(LaneState)}


def paths(run: Callable[[Any], Any], known: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every path of ``run``: the variables it read with their values, and its result."""
    waiting = [dict(known)]
    while waiting:
        path = waiting.pop()
        try:
            result = run(PathState(path))
        except UndecidedError as undecided:
            name = str(undecided)
            waiting.extend({**path, name: value} for value in DOMAINS[name])
        else:
            yield path, result


def lane(rows: Any) -> Callable[[Any], LaneOutcome]:
    return lambda state: first_match(rows, state).outcome(state)


LANE_RUNS = {
    "A": lane(TABLES.safety),
    "B": lane(TABLES.infection),
    "C": lane(TABLES.malignancy),
    "D": lane(TABLES.benign),
}


def lane_e(infection: LaneOutcome, malignancy: LaneOutcome) -> Callable[[Any], LaneOutcome]:
    def run(state: Any) -> LaneOutcome:
        return first_match(TABLES.plan, PlanInput(state, infection, malignancy)).outcome(state)

    return run


def variables(runs: Iterable[Callable[[Any], Any]]) -> set[str]:
    return {name for run in runs for path, _ in paths(run, {}) for name in path}


def whole_product(run: Callable[[Any], Any]) -> bool:
    found = [path for path, _ in paths(run, {})]
    names = {name for path in found for name in path}
    sizes = (prod(len(DOMAINS[name]) for name in names - path.keys()) for path in found)
    return sum(sizes) == prod(len(DOMAINS[name]) for name in names)


@pytest.mark.parametrize("letter", sorted(LANE_RUNS))
def test_paths_of_a_table_are_the_whole_product(letter: str) -> None:
    assert whole_product(LANE_RUNS[letter])


def pairs() -> Iterator[tuple[LaneOutcome, LaneOutcome]]:
    infections, malignancies = ({outcome for _, outcome in paths(LANE_RUNS[name], {})} for name in "BC")
    return product(infections, malignancies)


def test_paths_of_the_plan_table_are_the_whole_product() -> None:
    assert all(whole_product(lane_e(*pair)) for pair in pairs())


Joined = dict[tuple[tuple[LaneOutcome, ...], tuple[tuple[str, Any], ...]], dict[str, Any]]


def joined(before: Joined, runs: Callable[[tuple[LaneOutcome, ...]], Any], needed: set[str]) -> Joined:
    """Append the outcomes of one lane. Paths that agree in outcomes and needed variables become one."""
    after: Joined = {}
    for (outcomes, _), known in before.items():
        for path, outcome in paths(runs(outcomes), known):
            values = {name: value for name, value in path.items() if name in needed}
            after[(*outcomes, outcome), tuple(sorted(values.items()))] = values
    return after


def reachable() -> Joined:
    """Every combination of outcomes that some state gives, lanes in the order B, C, D, E, A.

    A key holds the outcomes and the variables that are needed later; the value is those variables as a mapping.
    """
    promised = {"emergency", "labs", "fracture_pathologic", "malignancy_at_fracture_stated", *BESIDE}
    for_e = variables(lane_e(*pair) for pair in pairs()) | promised
    for_d = variables([LANE_RUNS["D"]]) | for_e
    for_c = variables([LANE_RUNS["C"]]) | for_d
    states: Joined = {((), ()): {}}
    states = joined(states, lambda _: LANE_RUNS["B"], for_c)
    states = joined(states, lambda _: LANE_RUNS["C"], for_d)
    states = joined(states, lambda _: LANE_RUNS["D"], for_e)
    states = joined(states, lambda outcomes: lane_e(outcomes[0], outcomes[1]), promised)
    return joined(states, lambda _: LANE_RUNS["A"], promised)


def with_what_stands_beside(combinations: Joined) -> Iterator[tuple[tuple[LaneOutcome, ...], dict[str, Any]]]:
    """Each combination with and without what no lane, or only one path of a lane, has asked for.

    Suppression knows only whether any of these holds and a promise speaks of one, so that one at a time is enough.
    """
    for (outcomes, _), inputs in combinations.items():
        known = dict.fromkeys(BESIDE, False) | inputs
        yield outcomes, known
        if not any(known[name] for name in BESIDE):
            for name in BESIDE:
                if name not in inputs:
                    yield outcomes, {**known, name: True}


def test_whatever_stands_beside_leaves_the_plan_unsettled() -> None:
    for values in product((False, True), repeat=len(BESIDE)):
        state: Any = PathState(dict(zip(BESIDE, values, strict=True)))
        assert unsettled(state) is any(values)


def test_pressure_alone_hides_no_sign_of_infection_and_no_raised_marker() -> None:
    calm: dict[str, Any] = {
        "labs": Labs.U,
        "imaging_infection": ImagingInfection.N,
        "clinical_infection": ClinicalInfection.NONE,
    }
    calm |= {"pressure_without_bone": True, "marker_raised_unsized": False}
    hidden = [path for path, outcome in paths(LANE_RUNS["B"], {}) if outcome.row == "B15.1"]
    assert hidden
    assert all(path.items() >= calm.items() for path in hidden)


@pytest.mark.full
def test_every_state_keeps_every_promise() -> None:
    failures: list[Any] = []
    cards: set[tuple[LaneOutcome, bool]] = set()
    combinations = reachable()
    for (b, c, d, e, a), known in with_what_stands_beside(combinations):
        beside = any(known[name] for name in BESIDE)
        suppressed = suppress(LaneOutcomes(a, b, c, d, e), unsettled=beside)
        rows = {outcome.lane: outcome.row for outcome in (a, b, c, d, e)}
        outcomes = tuple(shown_outcomes(suppressed))
        cards.update((outcome, suppressed.question_open) for outcome in outcomes)
        check = promises_of(outcomes, rows, question_open=suppressed.question_open)
        failures.extend((a, b, c, d, e, path, found) for path, found in paths(check, known) if found)
    for outcome, question_open in cards:
        check = drafts_of(outcome, question_open=question_open)
        failures.extend((outcome, path, found) for path, found in paths(check, {}) if found)
    assert len(combinations) > 100_000
    assert failures[:3] == []


def promises_of(
    outcomes: tuple[LaneOutcome, ...], rows: Mapping[Lane, str], *, question_open: bool
) -> Callable[[Any], list[str]]:
    def run(state: Any) -> list[str]:
        texts = frozenset(text_id(outcome, state, question_open=question_open) for outcome in outcomes)
        return broken_by_cards(Shown(state, rows, texts))

    return run


def drafts_of(outcome: LaneOutcome, *, question_open: bool) -> Callable[[Any], list[str]]:
    def run(state: Any) -> list[str]:
        text = text_id(outcome, state, question_open=question_open)
        return broken_by_drafts(Offered(state, text, drafts(text, state, outcome.indicator or Indicator.INFO)))

    return run
