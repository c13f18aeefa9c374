"""One finite patient state in, one outcome of each lane and the cards to show out; nothing else decides on cards.

S3 caps the cards at four and S5 puts the card on conflicting wording behind them. Pure: no facts, no words, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.rules.drafts import LaneDraft, drafts
from cds_service.rules.lanes import TABLES, Tables, row_catalogue
from cds_service.rules.lanes.plan import PlanInput
from cds_service.rules.lanes.row import first_match
from cds_service.rules.lines import dropped_lines, own_lines, shared_lines, text_id
from cds_service.rules.suppression import LaneOutcomes, Suppressed, suppress

MOST_CARDS = 4


@dataclass(slots=True, unsafe_hash=True)
class LaneCard:
    """A card that the tables give. ``text_id`` chooses the words, ``card_id`` is the card it is a variant of."""

    card_id: str
    text_id: str
    lane: Lane
    row: str
    indicator: Indicator
    add_lines: tuple[str, ...] = ()
    drop_lines: tuple[str, ...] = ()
    drafts: tuple[LaneDraft, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(slots=True, unsafe_hash=True)
class Decision:
    """One outcome of each lane, and the cards to show in order of precedence. Both are empty without a trigger."""

    lanes: tuple[LaneOutcome, ...] = ()
    cards: tuple[LaneCard, ...] = ()


CONFLICT_CARD = LaneCard(
    "C90", "C90", Lane.CONFLICT, "S5", Indicator.INFO, drafts=drafts("C90", LaneState(), Indicator.INFO)
)
# On every card: none of them answers what was found beside the spine.
OUTSIDE_LINES = ("extraspinal",)
# On the first card: neurology is unknown where nobody could see the cord.
UNSEEN_LINES = ("canal-unseen",)
UNCLEAR_CAUSE = TABLES.benign[-1].outcome(LaneState())
EVIDENCE = MappingProxyType({entry.id: entry.evidence for entry in row_catalogue()})


def evaluate_lanes(state: LaneState, tables: Tables = TABLES) -> LaneOutcomes:
    """Outcome of each table before suppression."""
    infection = first_match(tables.infection, state).outcome(state)
    malignancy = first_match(tables.malignancy, state).outcome(state)
    return LaneOutcomes(
        safety=first_match(tables.safety, state).outcome(state),
        infection=infection,
        malignancy=malignancy,
        benign=first_match(tables.benign, state).outcome(state),
        plan=first_match(tables.plan, PlanInput(state, infection, malignancy)).outcome(state),
    )


def shown_outcomes(suppressed: Suppressed) -> Iterator[LaneOutcome]:
    """Outcomes whose card is shown, in order of precedence, with "no clear cause" where lane D falls to it."""
    for outcome in suppressed.lanes:
        if outcome.card and not outcome.suppressed_by:
            yield outcome
        elif outcome.lane is Lane.BENIGN and suppressed.falls_to_unclear:
            yield UNCLEAR_CAUSE


def unsettled(state: LaneState) -> bool:
    """What no lane answers and a conservative plan must wait for."""
    unknown = state.canal_unseen or state.marker_raised_unsized
    return state.extraspinal_suspicion or state.serious_conflict or unknown


def _card(outcome: LaneOutcome, text: str, state: LaneState, suppressed: Suppressed) -> LaneCard:
    if outcome.indicator is None:
        raise LookupError(f"row {outcome.row} gives a card without an indicator")
    return LaneCard(
        card_id=text.partition("-")[0],
        text_id=text,
        lane=outcome.lane,
        row=outcome.row,
        indicator=outcome.indicator,
        add_lines=(*own_lines(text, state), *OUTSIDE_LINES) if state.extraspinal_suspicion else own_lines(text, state),
        drop_lines=dropped_lines(text, plan_lines_dropped=suppressed.plan_lines_dropped),
        drafts=drafts(text, state, outcome.indicator),
        evidence=EVIDENCE.get(outcome.row, ()),
    )


def _with_lines(card: LaneCard, lines: tuple[str, ...]) -> LaneCard:
    return replace(card, add_lines=(*card.add_lines, *lines)) if lines else card


def decide(state: LaneState, tables: Tables = TABLES) -> Decision:
    """Lane outcomes and cards of one state. Without a trigger nothing is evaluated and nothing is shown.

    ``lanes`` hold what each table gave, with ``suppressed_by`` where its card gave way; ``cards`` hold what is shown.
    """
    if not state.trigger:
        return Decision()
    suppressed = suppress(evaluate_lanes(state, tables), unsettled=unsettled(state))
    shown = tuple(shown_outcomes(suppressed))[:MOST_CARDS]
    texts = tuple(text_id(outcome, state, question_open=suppressed.question_open) for outcome in shown)
    shared = shared_lines(texts, state)
    cards = [_card(outcome, text, state, suppressed) for outcome, text in zip(shown, texts, strict=True)]
    cards = [_with_lines(card, shared.get(card.text_id, ())) for card in cards]
    if state.canal_unseen and cards:
        cards[0] = _with_lines(cards[0], UNSEEN_LINES)
    return Decision(tuple(suppressed.lanes), (*cards, CONFLICT_CARD) if state.conflict else tuple(cards))
