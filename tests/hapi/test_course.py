"""A patient's whole course on a real FHIR server: report, cards, orders, results, next cards, through ``invoke``.

Each course is gone through twice on the same server; what the first time left there must not change the second.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.hapi.bedside import Call, Ward, draft, mri_report, patient, result, ward
from tests.hapi.charts import Resource

CRP, ESR, CULTURES, PET = "1988-5", "4537-7", "600-7", "81555-5"
SPINE_MRI, BIOPSY = "30855-1", "24986-2"
LUMBAR = (
    "MRI of the lumbar spine without contrast.\n"
    "Technique: sagittal T1, T2 and STIR, axial T2.\n"
    "Findings: Bone marrow edema of the L4 and L5 vertebral bodies next to the L4/5 endplates, with slight fluid "
    "signal in the disc L4/5. Endplates intact. No fracture. No collection.\n"
    "Impression: Marrow edema at L4/5 with fluid signal of the disc."
)
THORACIC = (
    "MRI of the thoracic spine without contrast.\n"
    "Technique: sagittal T1, T2 and STIR.\n"
    "Findings: Diffuse sclerosis of the T11 vertebral body with bone marrow edema, streaky paravertebral edema at the "
    "same level. Endplates smooth, discs of normal height. No fracture line, no osteolysis, no collection.\n"
    "Impression: Sclerosis and marrow edema of T11 with paravertebral edema. No fracture, no destruction."
)
THORACIC_LATER = (
    "MRI of the thoracic spine without contrast, follow-up.\n"
    "Comparison: MRI eight weeks ago.\n"
    "Findings: Unchanged sclerosis and bone marrow edema of T11, unchanged paravertebral edema. Endplates smooth. No "
    "fracture line, no osteolysis, no collection.\n"
    "Impression: Unchanged marrow edema of T11 compared with the previous examination."
)


@pytest.fixture
def at(hapi: str, tmp_path: Path) -> Iterator[Ward]:
    with ward(hapi, tmp_path) as opened:
        yield opened


def arrive(at: Ward, code: str, title: str, text: str) -> str:
    """A new patient with a report of yesterday."""
    name = at.put(patient(f"course-{uuid4().hex[:12]}"))
    at.put(mri_report(name, code, title, text, at.now - timedelta(days=1)))
    return name


def select(at: Ward, name: str, order: Resource, *arguments: str) -> Call:
    """Choose a draft order."""
    file = at.key.with_name("draft.json")
    file.write_text(json.dumps(order))
    return at.invoke(name, "--hook", "order-select", "--draft", str(file), *arguments)


def accept(at: Ward, name: str, seen: Call, *labels: str, card: str) -> list[Resource]:
    """Take suggestions of one card; what they created is valid on the server, and the service was told."""
    numbers = [word for label in labels for word in ("--accept", seen.number(label))]
    call = at.invoke(name, *numbers)
    assert call.labels == seen.labels
    created = [at.get(reference) for reference in call.done]
    for resource in created:
        assert at.errors(resource) == []
        assert resource["subject"] == {"reference": f"Patient/{name}"}
        assert resource["status"] == "draft"
    assert at.feedback(call.told["cards"]) == [(card, "accepted", len(labels), "")]
    return created


def codes(resources: list[Resource]) -> list[str]:
    return [one["code"]["coding"][0]["code"] for one in resources]


def reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def windows(plan: Resource) -> list[tuple[date, date]]:
    """When the activities of a plan are due."""
    periods = [one["detail"]["scheduledPeriod"] for one in plan["activity"] if "scheduledPeriod" in one["detail"]]
    return [(date.fromisoformat(one["start"]), date.fromisoformat(one["end"])) for one in periods]


@pytest.mark.parametrize("_time", ["first time", "second time"])
def test_raised_markers_lead_to_biopsy_and_its_warning(at: Ward, _time: str) -> None:
    name = arrive(at, "30679-5", "MRI lumbar spine without contrast", LUMBAR)

    # The report has arrived, no result is there: CRP and ESR are asked for, and ordered.
    seen = at.invoke(name)
    assert seen.indicators["C10W"] == "warning"
    assert "Order image-guided spine biopsy (high priority)" not in seen.labels
    ordered = accept(at, name, seen, "Order CRP", "Order ESR", card="C10")
    assert codes(ordered) == [CRP, ESR]

    # They come back raised: cultures, contrast MRI and biopsy.
    at.put(result(name, CRP, 96, "mg/L", at.now, reference(ordered[0])))
    at.put(result(name, ESR, 78, "mm/h", at.now, reference(ordered[1])))
    seen = at.invoke(name)
    assert seen.topics == ["C11"]
    assert seen.indicators["C11"] == "warning"
    assert "CRP 96 mg/L" in seen.told["cards"][0]["detail"]
    assert not {"Order CRP (high priority)", "Order ESR (high priority)"} & set(seen.labels)

    # A pacemaker is known: the MRI, once chosen, is warned of; FDG-PET is offered and taken instead.
    at.put(
        {
            "resourceType": "Device",
            "status": "active",
            "patient": {"reference": f"Patient/{name}"},
            "type": {"coding": [{"system": "http://snomed.info/sct", "code": "14106009"}], "text": "Cardiac pacemaker"},
        }
    )
    loinc = {"system": "http://loinc.org", "code": SPINE_MRI}
    chosen = select(at, name, draft(name, f"mri-{name}", "MRI whole spine with and without contrast", loinc))
    assert chosen.indicators == {"OMRIdevice": "warning"}
    seen = at.invoke(name)
    ordered = accept(
        at, name, seen, "Order two blood-culture", "Order image-guided spine biopsy", "Order FDG-PET/CT", card="C11"
    )
    assert codes(ordered) == [CULTURES, BIOPSY, PET]
    chosen = select(at, name, ordered[2])
    assert "mri-first" not in json.dumps(chosen.told["cards"])
    assert "OFDGa" not in chosen.topics

    # Apixaban is taken: the biopsy order, once chosen, is warned of. The clinician has seen to it.
    at.put(
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{name}"},
            "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "B01AF02"}]},
            "authoredOn": at.now.isoformat(timespec="seconds"),
        }
    )
    chosen = select(at, name, ordered[1], "--override", "1", "--reason", "specialist-involved")
    assert chosen.indicators == {"OBXcoag": "warning"}
    assert at.feedback(chosen.told["cards"]) == [("O-BX-coag", "overridden", 0, "specialist-involved")]


@pytest.mark.parametrize("_time", ["first time", "second time"])
def test_normal_markers_lead_to_a_plan_and_to_re_evaluation(at: Ward, _time: str) -> None:
    name = arrive(at, "36532-0", "MRI thoracic spine without contrast", THORACIC)
    seen = at.invoke(name)
    assert seen.indicators["C10"] == "info"
    ordered = accept(at, name, seen, "Order CRP", "Order ESR", card="C10")
    assert codes(ordered) == [CRP, ESR]

    # They come back normal: a conservative plan with dates is offered and taken.
    at.put(result(name, CRP, 2, "mg/L", at.now, reference(ordered[0])))
    at.put(result(name, ESR, 8, "mm/h", at.now, reference(ordered[1])))
    seen = at.invoke(name)
    assert "C10" not in seen.topics
    assert set(seen.indicators.values()) == {"info"}
    visit, follow_up, plan = accept(
        at, name, seen, "Plan clinical review", "Plan follow-up MRI", "Start conservative plan", card="C80"
    )
    assert plan["resourceType"] == "CarePlan"
    reported = (at.now - timedelta(days=1)).date()
    review, imaging = windows(plan)
    assert [(day - reported).days for day in (*review, *imaging)] == [14, 21, 42, 56]
    for order, window in ((visit, review), (follow_up, imaging)):
        period = order["occurrencePeriod"]
        assert (date.fromisoformat(period["start"]), date.fromisoformat(period["end"])) == window
    later = at.invoke(name)
    assert "C80" not in later.topics, "an accepted plan is not offered again while nothing changes"

    # Eight weeks later nothing has changed: re-evaluation instead of more of the same.
    at.moved = timedelta(weeks=8)
    at.put(mri_report(name, "36532-0", "MRI thoracic spine without contrast", THORACIC_LATER, at.now))
    seen = at.invoke(name)
    assert "C81" in seen.topics
    assert "C80" not in seen.topics
    assert any(label.startswith("Order CRP") for label in seen.labels), "results of eight weeks ago are old"

    # Vertebroplasty is chosen on those old results: labs first, and they are ordered.
    cement = draft(name, f"cement-{name}", "Vertebroplasty T11")
    chosen = select(at, name, cement)
    assert chosen.indicators == {"OVPb": "warning"}
    number = chosen.number("Order CRP")
    again = select(at, name, cement, "--accept", number)
    (order,) = [at.get(one) for one in again.done]
    assert codes([order]) == [CRP]
    assert at.errors(order) == []
    assert at.feedback(again.told["cards"]) == [("O-VP-b", "accepted", 1, "")]
