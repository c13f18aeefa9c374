"""Draft orders: valid FHIR R4 resources with checked codes, in the language of the card."""

import importlib
import tomllib
from copy import deepcopy
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cards.changes import CHANGES
from cards.orders import load_orders, orders, regions_of
from cds_service.domain.assessment import Draft, DraftKind, Priority
from cds_service.domain.facts import Provenance
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

CREATED = [kind for kind in DraftKind if kind is not DraftKind.DELETE_ORDER and kind not in CHANGES]
FULL = {
    "priority": Priority.URGENT,
    "occurrence": date(2026, 12, 17),
    "occurrence_end": date(2026, 12, 31),
    "quantity": 2,
    "note": "stability",
}


def suggestion(make: Any, draft: Draft, language: Language = Language.EN, **changes: Any) -> dict[str, Any]:
    session = changes.pop("session", {})
    card = make.write(make.card(drafts=(draft,), **changes), language=language, session=session)[0]
    found: dict[str, Any] = card["suggestions"][0]
    return found


def created(make: Any, draft: Draft, language: Language = Language.EN, **changes: Any) -> list[dict[str, Any]]:
    return [action["resource"] for action in suggestion(make, draft, language, **changes)["actions"]]


@pytest.mark.requirement("GEN-5", "ACT-3")
@pytest.mark.parametrize("kind", CREATED)
@pytest.mark.parametrize("settings", [{}, FULL])
def test_resource_is_valid_fhir_r4(make: Any, kind: DraftKind, settings: dict[str, Any], language: Language) -> None:
    for resource in created(make, Draft(kind, **settings), language):
        module = importlib.import_module(f"fhir.resources.R4B.{resource['resourceType'].lower()}")
        parsed = getattr(module, resource["resourceType"]).model_validate(resource)
        assert parsed.status == "draft"
        assert parsed.intent == "proposal"


@pytest.mark.parametrize("kind", CREATED)
def test_resource_is_about_the_patient_and_has_words_and_a_reason(
    make: Any, kind: DraftKind, language: Language
) -> None:
    for resource in created(make, Draft(kind), language):
        subject = resource.get("subject") or resource["for"]
        assert subject == {"reference": "Patient/pat-1"}
        concept = resource.get("code") or resource.get("medicationCodeableConcept") or {"text": resource["title"]}
        assert concept["text"]
        assert "{" not in concept["text"]
        assert resource["note"][0]["text"].count("C11") == 1


def test_codes_are_those_of_the_code_lists() -> None:
    loinc = {
        coding["code"]
        for spec in orders().values()
        for coding in (*spec.codings, *spec.regions.values())
        if coding["system"] == "http://loinc.org"
    }
    assert loinc == {
        "1988-5", "4537-7", "58410-2", "600-7", "30855-1", "30854-4", "24935-9", "24980-5", "24968-0",
        "36059-4", "36067-7", "30667-0", "36532-0", "30679-5", "36521-3", "36531-2", "36031-3", "24932-6",
        "24978-9", "24963-1", "81555-5", "24986-2", "4821-5", "17861-6", "2160-0", "6768-6", "2532-0",
        "24351-9", "36916-5", "33944-0", "2857-1", "62292-8", "2731-8", "24966-4",
    }  # fmt: skip


def test_blood_culture_is_two_sets(make: Any) -> None:
    draft = Draft(DraftKind.BLOOD_CULTURE, Priority.STAT, quantity=2, note="two-sets")
    resource = created(make, draft, Language.DE)[0]
    assert resource["quantityQuantity"] == {"value": 2, "unit": "Sets"}
    assert resource["priority"] == "stat"
    assert resource["note"][1] == {"text": "Zwei Sets aus getrennten Punktionen."}


@pytest.mark.parametrize(
    ("levels", "texts"),
    [
        (("L1",), ["CT of the lumbar spine: fracture, stability"]),
        (("C6-C7", "C7"), ["CT of the cervical spine: fracture, stability"]),
        (
            ("T12", "L1"),
            ["CT of the thoracic spine: fracture, stability", "CT of the lumbar spine: fracture, stability"],
        ),
        (("S1",), ["CT of the sacrum: fracture, stability"]),
        ((), ["CT of the affected spine region: fracture, stability"]),
    ],
)
def test_ct_covers_the_regions_of_the_levels(make: Any, levels: tuple[str, ...], texts: list[str]) -> None:
    resources = created(make, Draft(DraftKind.CT_REGION), levels=levels)
    assert [resource["code"]["text"] for resource in resources] == texts


def test_follow_up_mri_has_the_code_of_the_region(make: Any) -> None:
    one = created(make, Draft(DraftKind.MRI_FOLLOW_UP), levels=("T8", "T9"))[0]
    assert one["code"]["coding"][0]["code"] == "24980-5"
    several = created(make, Draft(DraftKind.MRI_FOLLOW_UP_NATIVE), levels=("T12", "L1"))[0]
    assert several["code"]["coding"][0]["code"] == "36531-2"
    assert several["code"]["text"] == "Follow-up MRI without contrast, affected spine region"


@pytest.mark.parametrize(
    ("levels", "regions"),
    [((), ()), (("T12-L1", "L1", "S1"), ("T", "L", "S")), (("sacrum", "x", ""), ("S",))],
)
def test_regions_of_levels(levels: tuple[str, ...], regions: tuple[str, ...]) -> None:
    assert regions_of(levels) == regions


@pytest.mark.parametrize(
    ("changes", "label", "window"),
    [
        ({}, "Plan follow-up MRI", {}),
        ({"priority": Priority.URGENT}, "Plan follow-up MRI (high priority)", {}),
        (
            {"occurrence": date(2026, 12, 17)},
            "Plan follow-up MRI (2026-12-17)",
            {"occurrenceDateTime": "2026-12-17"},
        ),
        (
            {"occurrence": date(2026, 12, 17), "occurrence_end": date(2026, 12, 17)},
            "Plan follow-up MRI (2026-12-17)",
            {"occurrenceDateTime": "2026-12-17"},
        ),
        (
            {"occurrence": date(2026, 12, 17), "occurrence_end": date(2026, 12, 31)},
            "Plan follow-up MRI (2026-12-17 to 2026-12-31)",
            {"occurrencePeriod": {"start": "2026-12-17", "end": "2026-12-31"}},
        ),
    ],
)
def test_dates_stand_in_label_and_resource(
    make: Any, changes: dict[str, Any], label: str, window: dict[str, Any]
) -> None:
    found = suggestion(make, Draft(DraftKind.MRI_FOLLOW_UP, **changes))
    resource = found["actions"][0]["resource"]
    assert found["label"] == label
    assert {key: value for key, value in resource.items() if key.startswith("occurrence")} == window


def test_urgent_referral_is_worded_unlike_an_urgent_test(make: Any) -> None:
    urgent = [Draft(kind, Priority.URGENT) for kind in (DraftKind.CRP, DraftKind.SPINE_SURGERY_REFERRAL)]
    labels = [suggestion(make, draft, Language.DE)["label"] for draft in urgent]
    assert labels == ["CRP anfordern (vorrangig)", "Wirbelsäulenchirurgie vorstellen (dringlich)"]


def test_one_step_may_need_two_orders(make: Any) -> None:
    found = suggestion(make, Draft(DraftKind.CRP_ESR_RECHECK))
    assert [action["description"] for action in found["actions"]] == [
        "Plan recheck of CRP and ESR: Recheck of C-reactive protein (CRP)",
        "Plan recheck of CRP and ESR: Erythrocyte sedimentation rate (ESR)",
    ]


def plan_periods(make: Any, **changes: Any) -> list[Any]:
    plan = created(make, Draft(DraftKind.CONSERVATIVE_CARE_PLAN), text_id="C80", **changes)[0]
    return [activity["detail"].get("scheduledPeriod") for activity in plan["activity"]]


def test_care_plan_has_the_dates_of_visit_and_mri(make: Any) -> None:
    visit, mri = {"start": "2026-11-19", "end": "2026-11-26"}, {"start": "2026-12-17", "end": "2026-12-31"}
    assert plan_periods(make) == [None, None, visit, mri, None]


def test_care_plan_takes_its_dates_from_the_drafts_of_the_card(make: Any) -> None:
    drafts = (
        Draft(DraftKind.CONSERVATIVE_CARE_PLAN),
        Draft(DraftKind.FOLLOW_UP_VISIT, occurrence=date(2026, 11, 19)),
        Draft(DraftKind.MRI_FOLLOW_UP),
    )
    card = make.write(make.card("C80", drafts=drafts, params={}))[0]
    plan = card["suggestions"][0]["actions"][0]["resource"]
    dated = [activity["detail"].get("scheduledPeriod") for activity in plan["activity"]]
    assert dated == [None, None, {"start": "2026-11-19", "end": "2026-11-19"}, None, None]


def test_selected_order_can_be_taken_back(make: Any) -> None:
    draft = Draft(DraftKind.DELETE_ORDER, target=Provenance("ServiceRequest/o-1"))
    assert suggestion(make, draft)["actions"] == [
        {"type": "delete", "description": "Take back the selected order", "resourceId": "ServiceRequest/o-1"}
    ]


@pytest.mark.parametrize("target", [None, Provenance("request"), Provenance("ServiceRequest/a b")])
def test_order_that_cannot_be_named_is_not_offered_for_deletion(make: Any, target: Provenance | None) -> None:
    card = make.write(make.card(drafts=(Draft(DraftKind.DELETE_ORDER, target=target),)))[0]
    assert "suggestions" not in card
    assert "selectionBehavior" not in card


RECEIVED: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "o-1",
    "meta": {"versionId": "3"},
    "status": "draft",
    "intent": "order",
    "priority": "routine",
    "subject": {"reference": "Patient/pat-1"},
    "code": {"text": "MRI of the lumbar spine"},
    "extension": [{"url": "https://site.example/slot", "valueString": "A"}],
}
TARGET = Provenance("ServiceRequest/o-1")


def test_raised_order_is_the_received_one_with_another_priority(make: Any, language: Language) -> None:
    received = deepcopy(RECEIVED)
    draft = Draft(DraftKind.RAISE_PRIORITY, Priority.STAT, target=TARGET)
    (action,) = suggestion(make, draft, language, session={"ServiceRequest/o-1": received})["actions"]
    assert (action["type"], "resourceId" in action) == ("update", False)
    assert action["resource"] == RECEIVED | {"priority": "stat"}
    assert received == RECEIVED
    assert ServiceRequest.model_validate(action["resource"]).priority == "stat"


@pytest.mark.parametrize("notes", [None, [{"text": "Fasting"}], "broken"])
def test_request_note_is_added_to_those_that_stand_there(make: Any, notes: Any) -> None:
    received = RECEIVED | ({"note": notes} if notes else {})
    draft = Draft(DraftKind.ADD_REQUEST_NOTE, note="histology-and-culture", target=TARGET)
    (action,) = suggestion(make, draft, session={"ServiceRequest/o-1": received})["actions"]
    texts = [note["text"] for note in action["resource"].pop("note")]
    assert texts[:-1] == (["Fasting"] if isinstance(notes, list) else [])
    assert "histology" in texts[-1]
    assert action["resource"] == RECEIVED


@pytest.mark.parametrize("kind", [DraftKind.RAISE_PRIORITY, DraftKind.ADD_REQUEST_NOTE])
@pytest.mark.parametrize(
    ("target", "received"),
    [
        (None, RECEIVED),
        (Provenance("ServiceRequest/other"), RECEIVED),
        (TARGET, RECEIVED | {"resourceType": "ProcedureRequest"}),
        (TARGET, {key: value for key, value in RECEIVED.items() if key != "id"}),
    ],
)
def test_draft_that_the_client_did_not_send_is_not_changed(
    make: Any, kind: DraftKind, target: Provenance | None, received: dict[str, Any]
) -> None:
    draft = Draft(kind, note="histology-and-culture", target=target)
    card = make.write(make.card(drafts=(draft,)), session={"ServiceRequest/o-1": received})[0]
    assert "suggestions" not in card


def test_exchange_takes_back_one_order_and_drafts_the_other_in_one_step(make: Any, language: Language) -> None:
    draft = Draft(DraftKind.ANALGESIC_PARACETAMOL, target=Provenance("MedicationRequest/m-7"))
    step = suggestion(make, draft, language)
    first, second = step["actions"]
    assert (first["type"], first["resourceId"]) == ("delete", "MedicationRequest/m-7")
    assert (second["type"], second["resource"]["resourceType"]) == ("create", "MedicationRequest")
    assert len(step["label"]) <= 100
    assert step["label"] != suggestion(make, Draft(DraftKind.ANALGESIC_PARACETAMOL), language)["label"]


def test_exchange_without_a_usable_target_only_drafts_the_other_order(make: Any) -> None:
    for target in (None, Provenance("request")):
        step = suggestion(make, Draft(DraftKind.ANALGESIC_PARACETAMOL, target=target))
        assert [action["type"] for action in step["actions"]] == ["create"]
        assert "replaces" not in step["label"]


def test_clear_next_step_is_recommended_and_others_are_not(make: Any) -> None:
    drafts = (Draft(DraftKind.BLOOD_CULTURE), Draft(DraftKind.FDG_PET_CT))
    card = make.write(make.card(drafts=drafts))[0]
    assert [step.get("isRecommended") for step in card["suggestions"]] == [True, None]


def test_unknown_note_is_an_error(make: Any) -> None:
    with pytest.raises(KeyError):
        suggestion(make, Draft(DraftKind.CRP, note="unknown-note"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[kinds.crp]", "[kinds.crpp]", r"orders.toml: kinds: missing or unknown \['crp', 'crpp'\]"),
        ('resource = "CarePlan"', 'resource = "Plan"', r"orders.toml: kinds.conservative_care_plan.resource"),
        ('category = "referral"', 'category = "refer"', r"kinds.spine_surgery_referral: names an unknown"),
        ('also = ["esr"]', 'also = ["bsg"]', r"kinds.crp_esr_recheck: names an unknown"),
        ("[systems]", "[systems", r"orders.toml: cannot be read"),
    ],
)
def test_broken_order_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    content = (files("cards") / "orders.toml").read_text(encoding="utf-8")
    assert old in content
    (tmp_path / "orders.toml").write_text(content.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=message):
        load_orders(tmp_path)


def test_order_file_has_no_code_twice_in_one_order() -> None:
    raw = tomllib.loads((files("cards") / "orders.toml").read_text(encoding="utf-8"))
    for key, kind in raw["kinds"].items():
        codes = [code["code"] for code in kind.get("codes", [])]
        assert len(codes) == len(set(codes)), key
