"""Facts in words: findings, values, history, reasons, dates."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cards.catalogue import catalogue
from cards.phrases import (
    canonical_value,
    chart_escape,
    day,
    evidence_text,
    finding_phrases,
    findings_text,
    history_text,
    lab_phrase,
    levels_text,
    missing_name,
    newest,
    source_name,
    status_word,
)
from cards.values import placeholder_values
from cards.wording import CARD_PLACEHOLDERS, wordings
from cards.writing import Writing
from cds_service.domain.assessment import ChartCause, Draft, DraftKind, MedicationCause, OrderCause, StatedCause
from cds_service.domain.facts import Comparator, Provenance
from cds_service.domain.vocabulary import Analyte, Certainty, ConditionGroup, FindingId, Language, OrderKind, Status

EN, DE, RO = (wordings()[language] for language in Language)


@pytest.mark.parametrize(
    ("levels", "limit", "english", "german"),
    [
        ((), 2, "", ""),
        (("L4",), 2, "L4", "L4"),
        (("T11", "T12", "L1"), 2, "T11-L1", "Th11-L1"),
        (("T8", "T9", "L1", "L2", "L3", "S1"), 2, "T8, T9…", "Th8, Th9…"),
        (("T8", "T9", "L1", "L2", "L3", "S1"), 4, "T8, T9, L1-L3, S1", "Th8, Th9, L1-L3, S1"),
        (("SACRUM", "S1"), 2, "sacrum, S1", "Kreuzbein, S1"),
        (("T11-T12",), 2, "T11-T12", "Th11-Th12"),
        (("L4", "L5", "L4-L5"), 2, "L4, L5", "L4, L5"),
        (("L4", "L4-L5", "L4"), 3, "L4, L4-L5", "L4, L4-L5"),
    ],
)
def test_levels(levels: tuple[str, ...], limit: int, english: str, german: str) -> None:
    assert (levels_text(levels, EN, limit), levels_text(levels, DE, limit)) == (english, german)


def test_day_is_iso_or_said_to_be_missing() -> None:
    assert day(datetime(2026, 11, 3, 23, tzinfo=UTC), EN) == "2026-11-03"
    assert day(date(2026, 11, 3), DE) == "2026-11-03"
    assert day(None, DE) == "Datum nicht angegeben"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "48 mg/L"),
        ({"value": 0.125, "unit": "{ratio}"}, "0,125"),
        ({"value": 5.0, "comparator": Comparator.LT}, "<5 mg/L"),
        ({"value": 39.25, "unit": "Cel"}, "39,25 °C"),
        ({"value": None, "text": "Staphylococcus aureus"}, "Staphylococcus aureus"),
        ({"value": None, "positive": True}, "positiv"),
        ({"value": None, "positive": False}, "negativ"),
        ({"value": None, "reported": "trace"}, "trace"),
        ({"value": None}, "–"),
    ],
)
def test_value_in_the_notation_of_the_language(make: Any, changes: dict[str, Any], text: str) -> None:
    assert canonical_value(make.lab(**changes).lab, DE, chart_escape) == text


def test_value_with_date_and_age(make: Any) -> None:
    assert lab_phrase(make.lab(), EN, chart_escape, dated=True) == "48 mg/L (2026-11-03)"
    old = make.lab(fresh=False, collected=None)
    assert lab_phrase(old, EN, chart_escape, dated=True) == "48 mg/L (date not stated, not current)"
    assert lab_phrase(old, EN, chart_escape, dated=False) == "48 mg/L"


def test_current_value_wins_over_a_later_one_that_does_not_count(make: Any) -> None:
    current = make.lab(collected=datetime(2026, 10, 1, tzinfo=UTC))
    later = make.lab(collected=datetime(2026, 11, 4, tzinfo=UTC), fresh=False)
    undated = make.lab(collected=None)
    assert newest([later, current, undated], Analyte.CRP) is current
    assert newest([later, undated], Analyte.ESR) is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"status": Status.POSSIBLE, "certainty": Certainty.POSSIBLE}, "möglich"),
        ({"certainty": Certainty.PROBABLE}, "wahrscheinlich"),
        ({"status": Status.ABSENT, "certainty": Certainty.UNLIKELY}, "unwahrscheinlich"),
        ({"status": Status.ABSENT}, "verneint"),
        ({"status": Status.UNKNOWN}, "nicht beurteilbar"),
    ],
)
def test_status_in_a_word(make: Any, changes: dict[str, Any], word: str) -> None:
    assert status_word(make.finding(**changes).finding, DE) == word


def test_evidence_names_findings_first_and_the_most_important_of_them_first(make: Any) -> None:
    causes = (
        make.condition(),
        make.finding(),
        make.finding(levels=("S1",)),
        make.finding(FindingId.ABSCESS_EPIDURAL, levels=("L4",), status=Status.POSSIBLE),
        make.finding(FindingId.PSOAS, status=Status.ABSENT),
    )
    text = evidence_text(causes, RO, catalogue(), chart_escape)
    assert text == "abces epidural L4 (statut: posibil); edem osos L4-S1; diabet"


def test_evidence_names_chart_facts_of_every_kind(make: Any) -> None:
    causes = (
        make.stated(),
        make.stated(status=Status.POSSIBLE),
        make.stated(status=Status.ABSENT),
        make.lab(),
        make.lab(Analyte.TEMPERATURE, 38.9, "Cel"),
        make.drug(),
        ChartCause("device", "Pacemaker [x]", None, Provenance("Device/1")),
        ChartCause("demographics", "81", None, Provenance("Patient", "birthDate")),
        OrderCause(make.order()),
    )
    assert evidence_text(causes, EN, catalogue(), chart_escape) == (
        r"fever; fever (possible); Temperature 38.9 °C (2026-11-03); Prednisolone 10 mg; Pacemaker \[x\]; 1 more"
    )


def test_age_is_named_as_such() -> None:
    age = ChartCause("demographics", "81", None, Provenance("Patient", "birthDate"))
    assert evidence_text((age,), DE, catalogue(), chart_escape) == "Alter (Jahre) 81"


def test_state_named_by_the_rules_is_translated() -> None:
    pregnancy = ChartCause("pregnancy", "pregnant", None, Provenance("Patient", "pregnancy"))
    assert evidence_text((pregnancy,), RO, catalogue(), chart_escape) == "sarcină"


def test_evidence_is_short_and_says_how_much_was_left_out(make: Any) -> None:
    causes = tuple(make.finding(finding, levels=()) for finding in list(FindingId)[26:34])
    assert evidence_text(causes, EN, catalogue(), chart_escape).endswith("; 3 more")


def test_chart_facts_keep_a_place_beside_many_findings(make: Any) -> None:
    causes = (*(make.finding(finding, levels=()) for finding in list(FindingId)[26:34]), make.stated(), make.drug())
    assert evidence_text(causes, EN, catalogue(), chart_escape).endswith("; fever; Prednisolone 10 mg; 5 more")


def test_finding_that_is_stated_is_not_repeated_as_possible(make: Any) -> None:
    causes = (
        make.finding(FindingId.PSOAS, levels=("L4", "L5")),
        make.finding(FindingId.PSOAS, levels=("L4",), status=Status.POSSIBLE),
        make.finding(FindingId.LYSIS, levels=("L4",)),
        make.finding(FindingId.LYSIS, levels=("L1",), status=Status.POSSIBLE),
    )
    assert evidence_text(causes, EN, catalogue(), chart_escape) == (
        "bone destruction L4; bone destruction L1 (possible); psoas involvement L4, L5"
    )


def test_finding_that_another_includes_is_not_named_beside_it(make: Any) -> None:
    causes = (
        make.finding(FindingId.T1_LOW, levels=("L3", "L4")),
        make.finding(FindingId.T1_REPLACED, levels=("L3",)),
        make.finding(FindingId.MARROW_SIGNAL, levels=("L3",)),
        make.finding(FindingId.METASTASIS, levels=(), status=Status.POSSIBLE),
        make.finding(FindingId.MALIGNANCY_STATED, levels=()),
    )
    assert findings_text(finding_phrases(causes, EN, catalogue()), EN) == (
        "metastasis (possible); malignancy; marrow replacement on T1 L3; reduced T1 signal L4"
    )


def test_possible_finding_includes_what_is_as_possible(make: Any) -> None:
    possible = {"levels": (), "status": Status.POSSIBLE}
    causes = [make.finding(one, **possible) for one in (FindingId.MALIGNANCY_STATED, FindingId.METASTASIS)]
    assert findings_text(finding_phrases(causes, EN, catalogue()), EN) == "metastasis (possible)"


def test_findings_alone_are_counted_too(make: Any) -> None:
    causes = (make.condition(), *(make.finding(finding, levels=()) for finding in list(FindingId)[26:34]))
    assert findings_text(finding_phrases(causes, EN, catalogue()), EN).endswith("; 3 more")
    assert "diabetes" not in findings_text(finding_phrases(causes, EN, catalogue()), EN)


def test_evidence_of_nothing_is_empty(make: Any) -> None:
    assert evidence_text((), EN, catalogue(), chart_escape) == ""
    nameless = make.condition(text="", groups=frozenset())
    assert evidence_text((nameless,), EN, catalogue(), chart_escape) == ""


def test_condition_without_a_group_keeps_its_own_words(make: Any) -> None:
    own = make.condition(text="Ehlers-Danlos", groups=frozenset())
    assert evidence_text((own,), EN, catalogue(), chart_escape) == "Ehlers-Danlos"


def test_history_has_charted_words_with_year(make: Any) -> None:
    causes = (
        make.finding(),
        make.condition("Breast cancer"),
        make.condition("Gout", onset=None),
        make.condition("", onset=None, groups=frozenset({ConditionGroup.GOUT})),
        make.stated(),
        make.stated(status=Status.ABSENT),
        make.drug(),
    )
    assert history_text(causes, EN, chart_escape) == "Breast cancer (2015); Gout; gout; fever; Prednisolone 10 mg"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("crp", "CRP"),
        ("stir", "STIR oder fettgesättigte Sequenz"),
        ("hemoglobin", "Hämoglobin"),
        ("F-PSOAS", "Psoasbeteiligung"),
        ("FEVER", "Fieber"),
        ("cancer-history", "Tumoranamnese"),
        ("some-new_fact", "some new fact"),
    ],
)
def test_name_of_a_missing_fact(identifier: str, name: str) -> None:
    assert missing_name(identifier, DE) == name


def test_source_of_the_patient_record_is_named_without_its_id() -> None:
    assert source_name(Provenance("Patient/secret-1")) == "Patient"
    assert source_name(Provenance("Condition/c-1")) == "Condition/c-1"


def values(make: Any, *, plain: bool = False, **changes: Any) -> dict[str, str]:
    card = make.card(**changes)
    writing = Writing(card, card.text_id, make.assessment(card), EN, catalogue())
    return placeholder_values(writing, CARD_PLACEHOLDERS, plain=plain)


def test_every_param_reaches_its_placeholder(make: Any) -> None:
    found = values(make)
    assert found["sins"] == "at least 9 (items missing: pain, alignment)"
    assert found["sins_short"] == "≥9"
    assert found["ddx"] == "infection, fracture"
    assert found["missing"] == "STIR or fat-saturated sequence, diffusion (DWI)"
    assert found["mask"] == "Prednisolone 10 mg"
    assert found["visit"] == "2026-11-19 to 2026-11-26"
    assert found["mri"] == "2026-12-17 to 2026-12-31"
    assert found["onset"] == "14 weeks"
    assert found["course"] == "unchanged"
    assert found["source"] == "Blood culture"
    assert found["order"] == "Shock wave therapy"
    assert found["reason"] == "eGFR 28"
    assert found["reason_detail"] == "eGFR is 28 mL/min/1.73 m²; Age is 81 years"
    assert found["crp"] == "48 mg/L (2026-11-03)"
    assert found["esr_short"] == "71 mm/h"


def test_absent_params_have_no_value_at_all(make: Any) -> None:
    found = values(make, params={}, causes=(), levels=(), order=None, drafts=())
    assert set(found) == {"finding", "order", "crp", "crp_short", "esr", "esr_short"}
    assert found["order"] == "This order"


def test_complete_sins_is_a_plain_number(make: Any) -> None:
    found = values(make, params={"sins_min": 7})
    assert (found["sins"], found["sins_short"]) == ("7", "7")


def test_order_without_a_name_of_its_own_keeps_its_words(make: Any) -> None:
    found = values(make, order=make.order("Laser, lumbar", OrderKind.OTHER), params={"order": "Laser, lumbar"})
    assert found["order"] == "Laser, lumbar"


def test_unknown_reason_is_named_not_lost(make: Any) -> None:
    found = values(make, params={"reason": "brand-new"})
    assert (found["reason"], found["reason_detail"]) == ("brand new", "brand new")


def test_further_reasons_stand_alone_where_the_first_has_none(make: Any) -> None:
    found = values(make, params={"reason": "", "also": ("dialysis", "")})
    assert found["reason"] == "dialysis"
    assert found["reason_detail"] == "Dialysis is recorded: residual kidney function can be lost"


def test_reason_whose_number_is_missing_is_still_named(make: Any) -> None:
    assert values(make, params={"reason": "egfr"})["reason"] == "eGFR"
    assert values(make, params={"reason": "egfr", "egfr": "<15"})["reason"] == "eGFR <15"


def test_dates_come_from_the_drafts_where_no_param_says_them(make: Any) -> None:
    drafts = (
        Draft(DraftKind.CRP_ESR_RECHECK, occurrence=date(2026, 11, 12), occurrence_end=date(2026, 11, 19)),
        Draft(DraftKind.FOLLOW_UP_VISIT, occurrence=date(2026, 11, 19)),
        Draft(DraftKind.MRI_FOLLOW_UP),
    )
    found = values(make, params={"finding_word": "edema"}, drafts=drafts)
    assert (found["recheck"], found["visit"]) == ("2026-11-12 to 2026-11-19", "2026-11-19")
    assert "mri" not in found


def test_summary_values_hold_no_markup(make: Any) -> None:
    hostile = "<b>*x*</b> [a](http://x.example)"
    found = values(make, plain=True, params={"device": hostile, "organism": hostile, "mask": (hostile,)})
    for key in ("device", "organism", "mask"):
        assert not set(found[key]) & set("<>*[]")
        assert len(found[key]) <= 30


def test_cause_classes_are_handled(make: Any) -> None:
    assert {type(cause) for cause in make.causes} >= {MedicationCause, StatedCause, ChartCause, OrderCause}
    assert replace(make.drug().medication, text="").text == ""
