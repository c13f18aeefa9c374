"""Every form of input: picks are read as their group, faults name their member."""

from typing import Any

import pytest

import fhir_fixtures
from cds_service.domain.vocabulary import Analyte, Language, OrderKind
from cds_service.errors import RequestError
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.picks import PickKind
from cds_service.hooks.request import InvalidRequest
from tests.preview.conftest import NOW

TEXT = "MRI lumbar spine. Marrow edema of L4."


def facts_of(desk: PreviewDesk, body: dict[str, Any]) -> Any:
    return desk.preview(body, Language.EN, NOW).shown[-1].evaluation.facts


def test_every_group_that_can_be_picked_is_read_as_itself(desk: PreviewDesk) -> None:
    for pick in desk.picks.groups:
        history = [{"group": pick.group.value, "kind": pick.kind.value, "on": "2026-10-01"}]
        facts = facts_of(desk, {"text": TEXT, "history": history})
        held = {
            PickKind.CONDITION: facts.conditions,
            PickKind.DRUG: facts.medications,
            PickKind.PROCEDURE: facts.procedures,
            PickKind.DEVICE: facts.devices,
            PickKind.ALLERGY: facts.allergies,
        }[pick.kind]
        assert any(pick.group in one.groups for one in held), (pick.kind, pick.group, pick.text)


def test_every_order_that_can_be_picked_is_read_as_itself(desk: PreviewDesk) -> None:
    for kind in desk.picks.orders():
        facts = facts_of(desk, {"text": TEXT, "orders": [{"kind": kind.value}]})
        assert kind in facts.orders[0].kinds, (kind, facts.orders[0].text)


def test_every_test_can_be_entered_by_its_id(desk: PreviewDesk) -> None:
    for analyte in Analyte:
        entry = desk.knowledge.codes.labs.analytes[analyte]
        low, high = entry.plausible
        value: Any = "positive" if entry.qualitative else (low + high) / 2
        row = {"analyte": analyte.value, "value": value, "unit": "" if entry.qualitative else entry.unit}
        facts = facts_of(desk, {"text": TEXT, "labs": [row]})
        assert analyte in {lab.analyte for lab in facts.labs}, analyte


def test_onset_sex_age_and_pregnancy_arrive(desk: PreviewDesk) -> None:
    patient = {"age": 31, "sex": "female", "pregnant": True, "onset": "2026-10-10"}
    facts = facts_of(desk, {"text": TEXT, "patient": patient})
    assert (facts.demographics.age, facts.demographics.sex, facts.pregnancy.pregnant) == (31, "female", True)
    assert facts.conditions[0].onset.isoformat() == "2026-10-10"


def test_further_reports_stand_beside_the_first(desk: PreviewDesk) -> None:
    earlier = {"text": "MRI lumbar spine. Marrow edema of L2.", "date": "2026-08-01", "title": "MRI lumbar spine"}
    facts = facts_of(desk, {"text": TEXT, "reports": [earlier]})
    assert [report.provenance.reference for report in facts.reports] == [
        "DiagnosticReport/report", "DiagnosticReport/report-1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"text": TEXT, "history": [{"group": "X"}, 3]}, ["history[0].group", "history[1]"]),
        ({"text": TEXT, "history": [{"group": "CANCER", "kind": "drug"}]}, ["history[0].group"]),
        ({"text": TEXT, "history": [{"group": "CANCER", "since": "x"}]}, ["history[0].since"]),
        ({"text": TEXT, "history": [{"group": "CANCER", "on": "soon"}]}, ["history[0].on"]),
        ({"text": TEXT, "orders": [{"kind": "X"}], "orderHook": "sign"}, ["orders[0]", "orderHook"]),
        ({"text": TEXT, "labs": [{"analyte": "X", "value": 1}]}, ["labs[0].analyte"]),
        ({"text": TEXT, "labs": [{"analyte": ["CRP"], "value": 1}]}, ["labs[0].analyte"]),
        ({"text": TEXT, "orders": [{"resourceType": [1]}, {"kind": {}}]}, ["orders[0]", "orders[1]"]),
        ({"text": TEXT, "labs": [{"name": "CRP", "value": 1}] * 201}, ["labs"]),
        ({"text": TEXT, "conditions": ["x" * 2001]}, ["conditions[0]"]),
        ({"text": "x" * 2_000_001}, ["text"]),
        ({"text": TEXT, "reports": [{"text": ""}]}, ["reports[0]"]),
        ({"text": TEXT, "reports": [{"text": "x", "day": 1}]}, ["reports[0].day"]),
        ({"text": TEXT, "patient": {"onset": "x"}}, ["patient.onset"]),
        ({"text": TEXT, "title": 3}, ["title"]),
        ({"text": TEXT, "overlay": 3}, ["overlay"]),
        ({"text": TEXT, "overlay": "[parameters]\nnothing = 3"}, ["overlay"]),
        ({"text": TEXT, "overlay": "crp ="}, ["overlay"]),
    ],
)
def test_faults_name_their_member(desk: PreviewDesk, body: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        desk.preview(body, Language.EN, NOW)
    assert [problem.field for problem in caught.value.problems] == fields


@pytest.mark.parametrize(
    ("body", "field"),
    [({"fixture": "../x"}, "fixture"), ({"fixture": 3}, "fixture"), ({"server": "http://127.0.0.1"}, "server")],
)
def test_what_is_not_there_is_refused(desk: PreviewDesk, body: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        desk.preview(body, Language.EN, NOW)
    assert caught.value.field == field


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_each_fixture_gives_its_cards_on_its_own_day(desk: PreviewDesk, name: str) -> None:
    shown = desk.preview({"fixture": name}, Language.EN, NOW)
    assert [one.plan.text_id for one in shown.written] == [card.text for card in fhir_fixtures.scenario(name).cards]
    assert shown.as_of == fhir_fixtures.scenario(name).as_of


def test_a_fixture_can_be_seen_on_another_day(desk: PreviewDesk) -> None:
    shown = desk.preview({"fixture": "t11-raised-labs"}, Language.EN, NOW, dated=True)
    assert shown.as_of == NOW
    assert [one.plan.text_id for one in shown.written] == [
        card.text for card in fhir_fixtures.scenario("t11-raised-labs").cards
    ]


def test_signing_keeps_what_warns(desk: PreviewDesk) -> None:
    body = {"text": TEXT, "orders": [{"kind": OrderKind.OPIOID.value}], "patient": {"age": 82}}
    chosen = desk.preview(body, Language.EN, NOW)
    signed = desk.preview(body | {"orderHook": "order-sign"}, Language.EN, NOW)
    assert [one.hook.value for one in chosen.shown] == ["patient-view", "order-select"]
    assert [one.hook.value for one in signed.shown] == ["patient-view", "order-sign"]
    assert all(one.plan.indicator != "info" for one in signed.shown[1].written)


def test_site_values_are_judged_by(desk: PreviewDesk) -> None:
    body = {"text": TEXT, "labs": [{"analyte": "CRP", "value": 8, "unit": "mg/L"}]}
    overlay = '[parameters]\ncrp_raised = { value = 6, reason = "own assay" }\n'
    plain = desk.preview(body, Language.EN, NOW)
    site = desk.preview(body | {"overlay": overlay}, Language.EN, NOW)

    def fired(shown: Any) -> set[str]:
        return {result.rule_id for result in shown.evaluations[0].assessment.rules if result.fired}

    assert "LAB-CRP-RAISED" in fired(site) - fired(plain)
    assert site.knowledge.version != plain.knowledge.version
    assert desk.preview(body, Language.EN, NOW).knowledge is plain.knowledge
