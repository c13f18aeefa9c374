"""Which lane cards give way to more serious ones: nothing reassuring stands beside an open serious question.

S3, the cap of four cards, and S5, the place of the conflict card, are applied where the cards are put together. S6,
that no card says "no infection" or "no cancer", is a rule for the words and has nothing to take away here.
Source: suppression paragraph of the algorithm.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.vocabulary import Indicator
from cds_service.rules.lanes.row import NO_CARD

LIGHT_CARDS = frozenset({"C50", "C60", "C61", "C62", "C63", "C70"})
KEPT_BESIDE_OPEN_QUESTION = frozenset({"C30", "C31", "C32", "C40", "C41"})
CONSERVATIVE_CAUSES = frozenset({"C50", "C60", "C63"})
INFECTION_PROBABLE = frozenset({"C11", "C12"})
INFECTION_OPEN = INFECTION_PROBABLE | {"C14"}
# The laboratory variant is the same work-up; the low-T1 variant is none and lets conservative cards stand.
TUMOUR_OPEN = frozenset({"C20", "C21", "C21-L"})
RECHECK_ROWS_OF_RISK = frozenset({"B11.1", "B11.4"})


class LaneOutcomes(NamedTuple):
    """One outcome of each lane, in order of precedence."""

    safety: LaneOutcome
    infection: LaneOutcome
    malignancy: LaneOutcome
    benign: LaneOutcome
    plan: LaneOutcome


@dataclass(slots=True, unsafe_hash=True)
class Suppressed:
    """Lane outcomes after suppression. A dropped or replaced card names the rule in ``suppressed_by``.

    ``falls_to_unclear``: lane D shows the card "no clear cause" instead. ``plan_lines_dropped``: lines of
    conservative advice are taken out of the cards that remain. ``question_open``: safety, infection or tumour is open,
    so that a fracture card must not read like routine care.
    """

    lanes: LaneOutcomes
    falls_to_unclear: bool
    plan_lines_dropped: bool
    question_open: bool


@dataclass(slots=True, unsafe_hash=True)
class _Open:
    """Which serious questions are open."""

    safety: bool
    infection_or_tumour: bool
    probable: bool
    infection_unknown: bool
    known_disease: bool


def _open_questions(lanes: LaneOutcomes) -> _Open:
    infection, tumour = lanes.infection.card, lanes.malignancy.card
    return _Open(
        safety=lanes.safety.card != NO_CARD,
        infection_or_tumour=infection in INFECTION_OPEN or tumour in TUMOUR_OPEN,
        probable=infection in INFECTION_PROBABLE or tumour in TUMOUR_OPEN,
        infection_unknown=infection == "C10" and lanes.infection.indicator is Indicator.WARNING,
        known_disease=infection == "C17" or tumour == "C24",
    )


def _dropped_infection(lanes: LaneOutcomes) -> str:
    """A recheck of markers for a risk factor is part of the tumour work-up and not shown beside it."""
    if lanes.infection.card != "C15" or lanes.infection.row not in RECHECK_ROWS_OF_RISK:
        return ""
    return "C15" if lanes.malignancy.card in TUMOUR_OPEN else ""


def _dropped_benign(card: str, opened: _Open) -> str:
    """S1 and S2 for lane D: only fractures and inflammatory patterns stand beside an open serious question."""
    if opened.safety and card in LIGHT_CARDS:
        return "S1"
    beside_open = opened.infection_or_tumour and card not in KEPT_BESIDE_OPEN_QUESTION
    beside_known = opened.known_disease and card in LIGHT_CARDS
    unclear_infection = opened.infection_unknown and card in CONSERVATIVE_CAUSES
    return "S2" if beside_open or beside_known or unclear_infection else ""


def _dropped_plan(plan: LaneOutcome, opened: _Open, *, unsettled: bool) -> str:
    """S1 and S2 for lane E: no conservative plan beside an open question; time alone adds nothing to a work-up.

    What is ``unsettled`` is an open question as well; a re-evaluation stands beside it.
    """
    if plan.card == NO_CARD:
        return ""
    if opened.safety:
        return "S1"
    if plan.card == "C81" and plan.indicator is Indicator.WARNING:
        return "S2" if opened.probable and plan.row != "E1" else ""
    open_question = opened.infection_or_tumour or opened.infection_unknown or (unsettled and plan.card != "C81")
    return "S2" if open_question or (opened.known_disease and plan.card == "C80") else ""


def _inherits_urgency(lanes: LaneOutcomes, plan: str) -> bool:
    """Whether the tumour work-up takes over the urgency of a re-evaluation that gives way to it.

    S2 removes the warning "unchanged for months" beside an open work-up. Where that work-up is only for information
    and nothing else warns, a suspicious finding would make the answer less urgent than no finding; so it warns instead.
    """
    gives_way = plan == "S2" and lanes.plan.card == "C81" and lanes.plan.indicator is Indicator.WARNING
    others = (lanes.infection, lanes.benign)
    return gives_way and lanes.malignancy.card in TUMOUR_OPEN and Indicator.WARNING not in {o.indicator for o in others}


def _giving_way(outcome: LaneOutcome, to: str) -> LaneOutcome:
    return replace(outcome, suppressed_by=to) if to else outcome


def _as_urgent(outcome: LaneOutcome, indicator: Indicator | None) -> LaneOutcome:
    return outcome if indicator is outcome.indicator else replace(outcome, indicator=indicator)


def suppress(lanes: LaneOutcomes, *, unsettled: bool = False) -> Suppressed:
    """Apply S1, S2 and the rule on C15 to the outcomes of the tables.

    ``unsettled``: a suspicion beside the spine, or a report that contradicts itself on a serious finding.
    """
    opened = _open_questions(lanes)
    benign = _dropped_benign(lanes.benign.card, opened)
    plan = _dropped_plan(lanes.plan, opened, unsettled=unsettled)
    urgent = Indicator.WARNING if _inherits_urgency(lanes, plan) else lanes.malignancy.indicator
    stays_empty = opened.safety or opened.infection_or_tumour or opened.known_disease
    return Suppressed(
        lanes=LaneOutcomes(
            safety=lanes.safety,
            infection=_giving_way(lanes.infection, _dropped_infection(lanes)),
            malignancy=_as_urgent(lanes.malignancy, urgent),
            benign=_giving_way(lanes.benign, benign),
            plan=_giving_way(lanes.plan, plan),
        ),
        falls_to_unclear=bool(benign) and not stays_empty,
        # The text names S1 and S2 for the plan lines and keeps fracture cards beside an unanswered infection question
        # without a word on their plan lines; "no conservative advice beside an open infection question" decides.
        plan_lines_dropped=opened.safety or opened.infection_or_tumour or opened.infection_unknown or unsettled,
        question_open=opened.safety or opened.infection_or_tumour,
    )
