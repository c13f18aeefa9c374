"""The engine as its callers see it: which report leads, which cards come, what is never passed over in silence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment, DraftKind, FindingCause, Pathway
from cds_service.domain.facts import (
    Conflict,
    ConflictKind,
    Demographics,
    Gap,
    GapCode,
    OrderFact,
    PatientFacts,
    Provenance,
    Report,
)
from cds_service.domain.vocabulary import BodyRegion, FindingId, Indicator, Modality, OrderKind
from cds_service.knowledge.load import Knowledge
from cds_service.rules.engine import Engine
from cds_service.rules.rule import Outcome, Rule

Case = Mapping[str, Any]
Facts = Callable[[Case], PatientFacts]
MakeReport = Callable[..., Report]


def texts(assessment: Assessment) -> list[str]:
    return [card.text_id for card in assessment.cards]


@pytest.fixture
def engine(knowledge: Knowledge) -> Engine:
    return Engine(knowledge)


def with_reports(facts: PatientFacts, *reports: Report) -> PatientFacts:
    return replace(facts, reports=reports)


def test_edema_without_labs_asks_for_them_and_plans_a_review(engine: Engine, facts_of: Facts) -> None:
    assessment = engine.assess(facts_of({"findings": ["F-EDEMA L3"], "age": 64, "sex": "male"}))
    assert texts(assessment) == ["C10", "C70", "C80"]
    assert assessment.cards[0].levels == ("L3",)
    assert assessment.cards[0].params["finding_word"] == "edema"
    assert "crp_esr" in assessment.cards[0].missing


def test_stated_discitis_cites_its_sentence_and_references(engine: Engine, facts_of: Facts) -> None:
    assessment = engine.assess(facts_of({"findings": ["F-IMPR-INFECTION L3-L4"], "labs": ["CRP 80"]}))
    card = assessment.cards[0]
    assert (card.text_id, card.row, card.levels) == ("C11", "B1", ("L3-L4",))
    assert any(isinstance(c, FindingCause) and c.finding.finding is FindingId.INFECTION_STATED for c in card.causes)
    assert set(card.evidence) <= set(assessment.citations)
    assert "IMG-INFECTION-STATED" in card.rule_ids


def test_nothing_triggers_nothing_is_shown_and_the_explanation_remains(engine: Engine, facts_of: Facts) -> None:
    assessment = engine.assess(facts_of({"findings": ["-F-EDEMA", "F-DISC-DEGEN L4-L5"]}))
    assert texts(assessment) == []
    assert assessment.state is not None
    assert assessment.state.trigger is False
    assert assessment.leading_report is not None
    assert len(assessment.rules) > 100


def test_no_report_gives_no_card_and_no_state(engine: Engine, facts_of: Facts) -> None:
    assessment = engine.assess(with_reports(facts_of({})))
    assert (assessment.cards, assessment.state, assessment.leading_report) == ((), None, None)


def test_the_newest_report_leads(engine: Engine, facts_of: Facts, make_report: MakeReport) -> None:
    old = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=60, name="old")
    new = make_report(["F-EDEMA L3-L4"], days_ago=2, name="new")
    assessment = engine.assess(with_reports(facts_of({}), old, new))
    assert assessment.leading_report is new
    assert "C11" not in texts(assessment)


def test_a_normal_report_of_the_same_region_replaces_the_older_one(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    old = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=60, name="old")
    new = make_report(["-F-EDEMA", "-F-IMPR-INFECTION"], days_ago=2, name="new")
    assert texts(engine.assess(with_reports(facts_of({}), old, new))) == []


def test_a_normal_report_of_another_region_hides_nothing(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    lumbar = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=20, name="lumbar")
    cervical = make_report(["-F-EDEMA"], days_ago=2, name="cervical", region="cervical")
    assessment = engine.assess(with_reports(facts_of({}), lumbar, cervical))
    assert assessment.leading_report is lumbar
    assert texts(assessment)[0] == "C11"


def test_reports_of_one_examination_are_read_together(engine: Engine, facts_of: Facts, make_report: MakeReport) -> None:
    lumbar = make_report(["F-EDEMA L3"], days_ago=1, name="lumbar")
    thoracic = make_report(["F-METASTASIS T8"], days_ago=2, name="thoracic", region="thoracic")
    assert "C21" in texts(engine.assess(with_reports(facts_of({}), lumbar, thoracic)))


def test_a_report_older_than_the_window_is_named_and_not_used(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    old = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=200)
    assessment = engine.assess(with_reports(facts_of({}), old))
    assert texts(assessment) == ["C92-O"]
    assert assessment.cards[0].params["weeks"] == 28
    assert assessment.state is None
    newer = make_report(["F-DISC-BULGE L4-L5"], days_ago=3, name="newer")
    assert texts(engine.assess(with_reports(facts_of({}), old, newer))) == []


def test_an_old_report_matters_by_what_it_says_or_by_a_sign_of_today(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    harmless = make_report(["F-DISC-BULGE L4-L5"], days_ago=200)
    years_ago = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=900)
    fever = facts_of({"conditions": ["FEVER @1d"]})
    weak = facts_of({"conditions": ["LIMB_WEAKNESS @2d"]})
    for old in (harmless, years_ago):
        assert texts(engine.assess(with_reports(facts_of({}), old))) == []
        assert texts(engine.assess(with_reports(fever, old))) == ["C92-O"]
        assert texts(engine.assess(with_reports(weak, old))) == ["C92-O"]


def test_a_report_without_date_is_used_and_said_so(engine: Engine, facts_of: Facts, make_report: MakeReport) -> None:
    undated = make_report(["F-IMPR-INFECTION L3-L4"], days_ago=None)
    assessment = engine.assess(with_reports(facts_of({}), undated))
    assert texts(assessment)[0] == "C11"
    assert [gap.code for gap in assessment.gaps if gap.clinical and gap.code is GapCode.MISSING_DATE]
    assert "report_date" in assessment.cards[0].missing


def test_final_leads_over_preliminary_of_the_same_moment_and_preliminary_is_said(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    first = make_report(["F-EDEMA L3"], name="a", status="preliminary")
    final = make_report(["F-EDEMA L3"], name="b")
    assert engine.assess(with_reports(facts_of({}), first, final)).leading_report is final
    alone = engine.assess(with_reports(facts_of({}), first))
    assert GapCode.REPORT_PRELIMINARY in {gap.code for gap in alone.gaps}


@pytest.mark.parametrize("modality", ["CT", "XR", "NM", "PET"])
def test_other_modalities_never_trigger(
    modality: str, engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    other = make_report(["F-FX L1", "F-LYSIS L2"], modality=modality)
    assert texts(engine.assess(with_reports(facts_of({}), other))) == []


def test_another_body_region_counts_only_at_a_vertebra(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    hip = make_report(["F-EDEMA"], region="pelvis")
    sacrum = make_report(["F-EDEMA S1"], region="pelvis")
    assert texts(engine.assess(with_reports(facts_of({}), hip))) == []
    assert texts(engine.assess(with_reports(facts_of({}), sacrum))) != []


def test_a_child_gets_one_card_and_nothing_else(engine: Engine, facts_of: Facts, make_report: MakeReport) -> None:
    child = replace(facts_of({"findings": ["F-IMPR-INFECTION L3-L4"]}), demographics=Demographics(17, None))
    assessment = engine.assess(child)
    assert texts(assessment) == ["C91"]
    assert assessment.rules == ()
    assert texts(engine.assess(with_reports(child))) == []
    knee = make_report(["F-EDEMA"], region="other")
    assert texts(engine.assess(with_reports(child, knee))) == []
    assert texts(engine.assess_orders(child, signing=False)) == ["C91"]
    assert texts(engine.assess_orders(child, signing=True)) == []


def test_unknown_age_is_treated_as_adult_and_said(engine: Engine, facts_of: Facts) -> None:
    assessment = engine.assess(facts_of({"findings": ["F-EDEMA L3"], "age": 0}))
    assert "C10" in texts(assessment)
    assert {GapCode.AGE_UNKNOWN, GapCode.SEX_UNKNOWN} <= {gap.code for gap in assessment.gaps if gap.clinical}


def test_gaps_that_are_known_already_are_not_doubled(engine: Engine, facts_of: Facts) -> None:
    known = Gap(GapCode.AGE_UNKNOWN, "Patient/p1", "birthDate", clinical=True)
    facts = replace(facts_of({"findings": ["F-EDEMA L3"], "age": 0, "sex": "male"}), gaps=(known,))
    assert engine.assess(facts).gaps == (known,)


def test_a_spine_report_that_could_not_be_read_is_said(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    unread = make_report([], language=None)
    assessment = engine.assess(with_reports(facts_of({}), unread))
    assert texts(assessment) == ["C92"]
    assert GapCode.REPORT_LANGUAGE_UNKNOWN in {gap.code for gap in assessment.gaps}
    empty = replace(unread, texts=())
    codes = {gap.code for gap in engine.assess(with_reports(facts_of({}), empty)).gaps}
    assert GapCode.REPORT_WITHOUT_TEXT in codes


def test_an_unreadable_report_stands_beside_a_readable_one(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    unread = make_report([], language=None, name="unread")
    read = make_report(["F-EDEMA L3"], name="read")
    assert texts(engine.assess(with_reports(facts_of({}), unread, read)))[-1] == "C92"


def test_no_calm_advice_stands_while_the_newest_report_is_unread(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    modic = ["F-MODIC1 L4-L5", "F-ENDPLATE-INTACT L4-L5"]
    calm = {"C50", "C63", "C80", "C82", "C83"}
    read = make_report(modic, name="read")
    assert "C80" in texts(engine.assess(with_reports(facts_of({}), read)))
    unread = make_report([], language=None, name="unread")
    shown = texts(engine.assess(with_reports(facts_of({}), unread, read)))
    assert shown[-1] == "C92"
    assert not calm & set(shown)
    undated = replace(unread, effective=None, issued=None)
    assert not calm & set(texts(engine.assess(with_reports(facts_of({}), undated, read))))


def test_no_calm_advice_rests_on_a_report_that_was_cut_short(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    read = make_report(["F-MODIC1 L4-L5"], name="read")
    cut = (Gap(GapCode.REPORT_TRUNCATED, read.provenance.reference, "conclusion", clinical=True),)
    shown = texts(engine.assess(replace(with_reports(facts_of({}), read), gaps=cut)))
    assert shown[-1] == "C92"
    assert "C80" not in shown


def test_a_report_resource_that_was_lost_is_said(engine: Engine, facts_of: Facts) -> None:
    lost = Gap(GapCode.RESOURCE_UNREADABLE, "DiagnosticReport/x", clinical=True)
    facts = replace(with_reports(facts_of({})), gaps=(lost,))
    assert texts(engine.assess(facts)) == ["C92"]
    assert texts(engine.assess_orders(facts, signing=False)) == ["C92"]
    assert texts(engine.assess_orders(facts, signing=True)) == []


@pytest.mark.parametrize("code", [GapCode.FETCH_INCOMPLETE, GapCode.PREFETCH_MISSING, GapCode.OPERATION_OUTCOME])
def test_an_incomplete_list_of_reports_is_said_where_no_card_comes(
    engine: Engine, facts_of: Facts, make_report: MakeReport, code: GapCode
) -> None:
    incomplete = (Gap(code, "DiagnosticReport", clinical=True),)
    without = replace(with_reports(facts_of({})), gaps=incomplete)
    assert texts(engine.assess(without)) == ["C92-L"]
    assert texts(engine.assess_orders(without, signing=False)) == ["C92-L"]
    assert texts(engine.assess_orders(without, signing=True)) == []
    judged = replace(without, orders=(order(OrderKind.VERTEBRAL_AUGMENTATION),))
    assert texts(engine.assess_orders(judged, signing=True)) == ["C92-L"]
    other = replace(without, orders=(replace(order(OrderKind.NSAID), kinds=frozenset()),))
    assert texts(engine.assess_orders(other, signing=True)) == []
    child = replace(without, demographics=Demographics(9, None))
    assert texts(engine.assess(child)) == ["C92-L"]
    with_card = replace(with_reports(facts_of({}), make_report(["F-EDEMA L3"])), gaps=incomplete)
    assert "C92-L" not in texts(engine.assess(with_card))
    assert texts(engine.assess(replace(without, gaps=(Gap(code, "Observation", clinical=True),)))) == []


@pytest.mark.parametrize("kind", ["DiagnosticReport", "DocumentReference"])
def test_a_report_of_another_patient_is_said_where_no_card_comes(
    engine: Engine, facts_of: Facts, make_report: MakeReport, kind: str
) -> None:
    foreign = (Gap(GapCode.FOREIGN_PATIENT, f"{kind}/x", clinical=True),)
    alone = replace(with_reports(facts_of({})), gaps=foreign)
    assert texts(engine.assess(alone)) == ["C92-F"]
    assert texts(engine.assess(replace(alone, demographics=Demographics(9, None)))) == ["C92-F"]
    assert texts(engine.assess_orders(alone, signing=False)) == ["C92-F"]
    assert texts(engine.assess_orders(alone, signing=True)) == []
    judged = replace(alone, orders=(order(OrderKind.VERTEBRAL_AUGMENTATION),))
    assert texts(engine.assess_orders(judged, signing=True)) == ["C92-F"]
    with_card = replace(with_reports(facts_of({}), make_report(["F-EDEMA L3"])), gaps=foreign)
    assert "C92-F" not in texts(engine.assess(with_card))
    assert texts(engine.assess(replace(alone, gaps=(replace(foreign[0], resource="Condition/x"),)))) == []


def test_an_unread_report_is_said_beside_an_order_that_it_would_judge(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    read, unread = make_report(["F-EDEMA L3"], name="read"), make_report([], language=None, name="unread")
    both = with_reports(facts_of({}), read, unread)
    cut = (Gap(GapCode.REPORT_TRUNCATED, read.provenance.reference, "conclusion", clinical=True),)
    short = replace(with_reports(facts_of({}), make_report(["-F-EDEMA L3"], name="read")), gaps=cut)
    for facts in (both, short):
        silent = replace(facts, orders=(order(OrderKind.SPINE_REFERRAL),))
        assert texts(engine.assess_orders(silent, signing=True)) == []
        judged = replace(facts, orders=(order(OrderKind.HYPERBARIC_OXYGEN),))
        assert texts(engine.assess_orders(judged, signing=True)) == ["C92"]
    warned = replace(both, orders=(order(OrderKind.VERTEBRAL_AUGMENTATION),))
    assert texts(engine.assess_orders(warned, signing=True)) == ["O-VP-b"]


def test_an_unread_report_that_does_not_say_what_was_examined_is_said(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    unnamed = replace(make_report([], language=None), texts=(), title="", codes=(), modality=Modality.UNKNOWN)
    unnamed = replace(unnamed, region=BodyRegion.UNKNOWN)
    assert texts(engine.assess(with_reports(facts_of({}), unnamed))) == ["C92"]
    named = replace(unnamed, title="Report")
    assert texts(engine.assess(with_reports(facts_of({}), named))) == []


def test_an_unreadable_report_of_another_region_is_not_about_the_spine(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    knee = make_report([], language=None, region="other")
    assert texts(engine.assess(with_reports(facts_of({}), knee))) == []


def test_contradicting_sentences_give_the_conflict_card(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    report = make_report(["F-EDEMA L3 #one", "-F-EDEMA L3 #two"])
    conflict = Conflict(ConflictKind.STATUS, FindingId.EDEMA, ("Sentence one.", "Sentence two."), ("L3",))
    torn = replace(report, reading=replace(report.reading, conflicts=(conflict,)))
    assessment = engine.assess(with_reports(facts_of({}), torn))
    assert texts(assessment)[-1] == "C90"
    assert len(assessment.cards[-1].causes) == 2
    assert assessment.conflicts == (conflict,)


def test_a_contradiction_on_degeneration_gives_no_conflict_card(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    report = make_report(["F-EDEMA L3"])
    conflict = Conflict(ConflictKind.STATUS, FindingId.DISC_BULGE, ("a", "b"))
    mild = replace(report, reading=replace(report.reading, conflicts=(conflict,)))
    assert "C90" not in texts(engine.assess(with_reports(facts_of({}), mild)))


def test_two_reports_of_one_day_that_disagree(engine: Engine, facts_of: Facts, make_report: MakeReport) -> None:
    morning = make_report(["-F-EDEMA L3", "F-FX L3"], days_ago=1.2, name="a")
    noon = make_report(["F-EDEMA L3", "F-FX L3"], days_ago=1, name="b")
    assessment = engine.assess(with_reports(facts_of({}), morning, noon))
    assert assessment.leading_report is noon
    assert texts(assessment)[-1] == "C90"
    assert assessment.conflicts[0].kind is ConflictKind.REPORTS


def test_a_rule_that_fails_fails_the_answer(knowledge: Knowledge, facts_of: Facts) -> None:
    def broken(_context: object) -> Outcome:
        raise ZeroDivisionError

    rule = Rule("TST-BROKEN", Pathway.READING, "TRIGGER", (), broken)
    with pytest.raises(ZeroDivisionError):
        Engine(knowledge, (rule,)).assess(facts_of({"findings": ["F-EDEMA L3"]}))


def order(kind: OrderKind) -> OrderFact:
    return OrderFact(Provenance("ServiceRequest/1"), "ServiceRequest", frozenset({kind}), "draft", ())


def test_cement_is_warned_against_while_infection_is_open(engine: Engine, facts_of: Facts) -> None:
    facts = facts_of({"findings": ["F-IMPR-INFECTION L3-L4"]})
    ordered = replace(facts, orders=(order(OrderKind.VERTEBRAL_AUGMENTATION),))
    assessment = engine.assess_orders(ordered, signing=True)
    assert texts(assessment) == ["O-VP-a"]
    assert "O-VP-a" in {result.rule_id for result in assessment.rules if result.fired}
    assert assessment.cards[0].indicator is Indicator.CRITICAL


def test_signing_keeps_no_information_cards(engine: Engine, facts_of: Facts) -> None:
    facts = facts_of({"findings": ["F-EDEMA L3"]})
    ordered = replace(facts, orders=(order(OrderKind.HYPERBARIC_OXYGEN),))
    assert texts(engine.assess_orders(ordered, signing=False)) == ["O-NOTREC"]
    assert texts(engine.assess_orders(ordered, signing=True)) == []


def test_the_same_facts_give_the_same_answer_in_any_order(
    engine: Engine, facts_of: Facts, all_cases: tuple[tuple[str, Case], ...]
) -> None:
    for _, case in all_cases[::15]:
        facts = facts_of(case)
        turned = replace(facts, labs=facts.labs[::-1], conditions=facts.conditions[::-1], reports=facts.reports[::-1])
        one, other = engine.assess(facts), engine.assess(turned)
        assert one.state == other.state
        assert texts(one) == texts(other)


def test_markers_are_shown_with_the_word_whether_they_count(engine: Engine, facts_of: Facts) -> None:
    case = {"findings": ["F-EDEMA L3"], "labs": ["CRP 48 @60d", "ESR 12", "WBC 9"]}
    shown = {cause.lab.analyte.value: cause.fresh for cause in engine.assess(facts_of(case)).labs}
    assert shown == {"CRP": False, "ESR": True, "WBC": True}


@pytest.mark.parametrize(
    ("days_ago", "visit", "mri"),
    [(0, (14, 21), (42, 56)), (2, (12, 19), (40, 54)), (16, (0, 5), (26, 40)), (30, (14, 21), (12, 26))],
)
def test_controls_count_from_the_examination_and_never_lie_in_the_past(
    engine: Engine,
    facts_of: Facts,
    make_report: MakeReport,
    days_ago: int,
    visit: tuple[int, int],
    mri: tuple[int, int],
) -> None:
    """A window that has passed counts from today, so that the plan still has its visit."""
    facts = facts_of({"labs": ["CRP 2", "ESR 6"]})
    assessment = engine.assess(with_reports(facts, make_report(["F-EDEMA L3"], days_ago=days_ago)))
    today = facts.as_of.date()
    due = {
        d.kind: ((d.occurrence - today).days, (d.occurrence_end - today).days)
        for card in assessment.cards
        for d in card.drafts
        if card.text_id == "C80" and d.occurrence and d.occurrence_end
    }
    assert due[DraftKind.FOLLOW_UP_VISIT] == visit
    assert due[DraftKind.MRI_FOLLOW_UP] == mri


@pytest.mark.parametrize("signing", [False, True])
def test_a_charted_cord_emergency_speaks_on_any_order_without_any_report(
    engine: Engine, facts_of: Facts, *, signing: bool
) -> None:
    facts = with_reports(facts_of({"conditions": ["CAUDA_EQUINA_SYNDROME @1d"]}))
    ordered = replace(facts, orders=(order(OrderKind.NSAID),))
    assessment = engine.assess_orders(ordered, signing=signing)
    (card,) = assessment.cards
    assert (card.text_id, card.row, card.indicator) == ("C01", "O-CES", Indicator.CRITICAL)
    assert DraftKind.SPINE_SURGERY_REFERRAL in {draft.kind for draft in card.drafts}
    assert set(card.evidence) <= set(assessment.citations)
    assert (assessment.state, assessment.leading_report) == (None, None)


@pytest.mark.parametrize(
    ("deficit", "kind", "priority"),
    [
        ("CAUDA_EQUINA_SYNDROME @1d", OrderKind.SPINE_REFERRAL, "urgent"),
        ("CAUDA_EQUINA_SYNDROME @1d", OrderKind.MRI_SPINE, "stat"),
        ("PARAPLEGIA @900d", OrderKind.NSAID, ""),
        ("BACK_PAIN @1d", OrderKind.NSAID, ""),
    ],
)
def test_without_a_report_and_without_an_open_emergency_no_order_card_comes(
    engine: Engine, facts_of: Facts, deficit: str, kind: OrderKind, priority: str
) -> None:
    facts = with_reports(facts_of({"conditions": [deficit]}))
    ordered = replace(facts, orders=(replace(order(kind), priority=priority),))
    assert texts(engine.assess_orders(ordered, signing=False)) == []


def test_an_old_report_or_another_modality_hides_no_charted_emergency(
    engine: Engine, facts_of: Facts, make_report: MakeReport
) -> None:
    for other in (make_report(["F-EDEMA L3"], days_ago=400), make_report(["F-FX L1"], modality="CT")):
        facts = with_reports(facts_of({"conditions": ["SADDLE_ANESTHESIA @1d"]}), other)
        ordered = replace(facts, orders=(order(OrderKind.OPIOID),))
        assert texts(engine.assess_orders(ordered, signing=False)) == ["C01"]
