"""What a call may hold, and the contexts of the hooks."""

import copy
import threading
import uuid
from typing import Any

import pytest

from cds_service.hooks.services import SERVICES
from tests.conformance.conftest import (
    CPT,
    LUMBAR_MRI,
    NORMAL,
    PATIENT,
    SELECT,
    SIGN,
    VIEW,
    Ehr,
    Fhir,
    Json,
    actions,
    complete,
    draft,
    grant,
    observation,
    ordered,
    patient,
    report,
    searchset,
    walk,
    without_uuids,
)


def without(body: Json, name: str) -> Json:
    return {key: value for key, value in body.items() if key != name}


def in_context(body: Json, **members: Any) -> Json:
    changed = body["context"] | members
    return body | {"context": {key: value for key, value in changed.items() if value is not None}}


def named(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [issue["expression"][0] for issue in answer.json["issue"]]


def order_sign(os_ok: Json) -> Json:
    body = copy.deepcopy(os_ok) | {"hook": "order-sign"}
    del body["context"]["selections"]
    return body


@pytest.mark.requirement("REQ-3", "REQ-4", "REQ-5", "REQ-12", "REQ-13")
def test_missing_and_wrong_members_are_named(ehr: Ehr, pv_ok: Json) -> None:
    for body, member in (
        (without(pv_ok, "hook"), "hook"),
        (pv_ok | {"hook": 5}, "hook"),
        (pv_ok | {"hook": "order-sign"}, "hook"),
        (without(pv_ok, "hookInstance"), "hookInstance"),
        (pv_ok | {"hookInstance": ""}, "hookInstance"),
        (pv_ok | {"hookInstance": 7}, "hookInstance"),
        (without(pv_ok, "context"), "context"),
        (pv_ok | {"context": {}}, "context.userId"),
        (pv_ok | {"context": "x"}, "context"),
        (pv_ok | {"prefetch": "x"}, "prefetch"),
    ):
        answer = ehr.post(VIEW, body)
        assert member in named(answer)
        assert "cards" not in answer.json
        assert PATIENT not in answer.text


@pytest.mark.requirement("REQ-5", "REQ-6")
@pytest.mark.parametrize(
    "instance",
    [
        "9F4D74F6-A7E0-486A-BD2F-9A7F8589B2B3",
        "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d",
        "3a3d8797-0072-4243-ad55-bd4995c9548d",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "abc",
    ],
)
def test_every_kind_of_instance_id_is_taken(ehr: Ehr, pv_ok: Json, instance: str) -> None:
    assert ehr.cards(pv_ok | {"hookInstance": instance})["cards"]


@pytest.mark.requirement("REQ-7", "RESP-5", "CARD-1")
def test_retries_get_the_same_advice_under_new_ids(ehr: Ehr, pv_ok: Json) -> None:
    answers = [ehr.cards(pv_ok) for _ in range(10)]
    assert answers[0]["cards"]
    assert all(without_uuids(one) == without_uuids(answers[0]) for one in answers)
    ids = [card["uuid"] for one in answers for card in one["cards"] if "uuid" in card]
    assert len(ids) == len(set(ids))
    assert bool(ids) == (ehr.version != "1.0")
    for one in ids:
        assert str(uuid.UUID(one)) == one


@pytest.mark.requirement("REQ-8", "REQ-11", "PRE-25", "HTTP-2", "FHIR-7")
def test_without_a_server_there_is_no_access(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    del pv_ok["prefetch"]["reports"]
    for body in (pv_ok, pv_ok | {"fhirAuthorization": grant()}):
        answer = ehr.call(body)
        assert answer.status_code == 412
        assert "cards" not in answer.json
        assert answer.json["issue"][0]["expression"] == ["prefetch.reports"]
    assert fhir.calls == []


@pytest.mark.requirement("REQ-13", "PRE-25")
@pytest.mark.parametrize("prefetch", [None, {}])
def test_nothing_prefetched_is_fetched(ehr: Ehr, pv_ok: Json, fhir: Fhir, prefetch: Any) -> None:
    sent = without_uuids(ehr.cards(pv_ok))
    body = without(pv_ok, "prefetch") | ({} if prefetch is None else {"prefetch": prefetch})
    found = ehr.cards(body | {"fhirServer": fhir.url, "fhirAuthorization": grant()})
    assert without_uuids(found) == sent
    assert fhir.calls


@pytest.mark.requirement("REQ-10")
def test_a_server_is_the_same_with_and_without_a_slash(ehr2: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    del pv_ok["prefetch"]["devices"]
    asked = []
    for base in (fhir.url, f"{fhir.url}/"):
        fhir.calls.clear()
        ehr2.cards(pv_ok | {"fhirServer": base, "fhirAuthorization": grant()})
        asked.append([call["path"] for call in fhir.calls])
    assert asked[0] == asked[1] != []
    assert "//" not in asked[0][0]


def own_call(pv_ok: Json, identity: str, value: int) -> Json:
    body: Json = copy.deepcopy(pv_ok)
    body["context"]["patientId"] = identity
    body["prefetch"]["patient"]["id"] = identity
    for resource in (body["prefetch"][key]["entry"][0]["resource"] for key in ("reports", "labs")):
        resource["subject"]["reference"] = f"Patient/{identity}"
    body["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"]["value"] = value
    return body


@pytest.mark.requirement("REQ-16", "ACT-8")
def test_fifty_calls_at_once_keep_their_patients_apart(ehr2: Ehr, pv_ok: Json) -> None:
    answers: dict[int, Json] = {}

    def call(number: int) -> None:
        instance = pv_ok["hookInstance"] if number % 2 else str(uuid.uuid4())
        body = own_call(pv_ok, f"pat-{number}", 100 + number) | {"hookInstance": instance}
        client = Ehr(ehr2.version, ehr2.http.application.test_client(), ehr2.backend)
        answers[number] = client.cards(body)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    for number, answer in answers.items():
        assert f"CRP {100 + number} mg/L" in answer["cards"][0]["detail"]
        owners = {one["resource"]["subject"]["reference"] for one in actions(answer) if "subject" in one["resource"]}
        assert owners == {f"Patient/pat-{number}"}


@pytest.mark.requirement(
    "REQ-18", "SYS-1", "SYS-3", "SYS-4", "RESP-3", "SUGG-8", "SUGG-9", "CARD-18", "LINK-7", "EXT-2"
)
def test_each_version_gets_what_it_knows(ehr: Ehr, pv_ok: Json, os_ok: Json) -> None:
    seen: set[str] = set()
    for body in (pv_ok, os_ok):
        answer = ehr.cards(body)
        for card in answer["cards"]:
            seen |= set(card)
            seen |= {f"source.{name}" for name in card["source"]}
            assert card.get("selectionBehavior") in (
                {"at-most-one"} if ehr.version == "1.0" else {"any", "at-most-one"}
            )
        names = {name for part in walk(answer) if isinstance(part, dict) for name in part}
        assert not names & {"systemActions", "actionSelectionBehavior", "autolaunchable", "appContext"}
        assert "extension" not in answer
        assert all("extension" not in card for card in answer["cards"])
    newer = {"uuid", "overrideReasons", "source.topic"}
    assert seen & newer == (set() if ehr.version == "1.0" else newer)


USERS = ("Practitioner/1", "PractitionerRole/2", "Patient/3", "RelatedPerson/4")


@pytest.mark.requirement("HOOK-PV-1", "HOOK-PV-5")
def test_every_kind_of_user_is_answered_and_lay_readers_see_no_cards(ehr: Ehr, pv_ok: Json) -> None:
    for user in USERS:
        answer = ehr.cards(in_context(pv_ok, userId=user))
        assert bool(answer["cards"]) == user.startswith("Practitioner")
    for user in ("123", "Practitioner/"):
        assert named(ehr.call(in_context(pv_ok, userId=user))) == ["context.userId"]


@pytest.mark.requirement("HOOK-PV-2", "HOOK-PV-3", "HOOK-PV-4", "HOOK-OS-2")
@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
def test_patient_and_encounter(ehr: Ehr, pv_ok: Json, os_ok: Json, hook: str) -> None:
    body = pv_ok if hook == "patient-view" else os_ok
    for wrong in (None, ""):
        assert named(ehr.call(in_context(body, patientId=wrong))) == ["context.patientId"]
    # Chosen: a reference is read as the id in it.
    plain = without_uuids(ehr.cards(body))
    assert without_uuids(ehr.cards(in_context(body, patientId=f"Patient/{PATIENT}"))) == plain
    assert without_uuids(ehr.cards(in_context(body, encounterId=None))) == plain
    assert without_uuids(ehr.cards(in_context(body, encounterId="enc-77"))) == plain
    templates = [key.template for service in SERVICES for key in service.prefetch]
    assert all("context.patientId" in template and "encounterId" not in template for template in templates)


@pytest.mark.requirement("HOOK-PV-6", "CARD-22", "I18N-4")
def test_the_card_says_from_when_its_data_are(ehr: Ehr, pv_ok: Json) -> None:
    crp = pv_ok["prefetch"]["labs"]["entry"][0]["resource"]["effectiveDateTime"][:10]
    mri = pv_ok["prefetch"]["reports"]["entry"][0]["resource"]["effectiveDateTime"][:10]
    detail = ehr.cards(pv_ok)["cards"][0]["detail"]
    assert f"CRP 96 mg/L ({crp})" in detail
    assert mri in detail


@pytest.mark.requirement("HOOK-PV-7")
@pytest.mark.parametrize("trigger", ["60", "6"])
def test_patient_view_for_another_trigger_is_answered(ehr: Ehr, pv_ok: Json, trigger: str) -> None:
    plain = without_uuids(ehr.cards(pv_ok))
    extension = {"com.epic.cdshooks.request.bpa-trigger-action": trigger}
    assert without_uuids(ehr.cards(pv_ok | {"extension": extension})) == plain


@pytest.mark.requirement("HOOK-OS-1")
@pytest.mark.parametrize("user", ["Practitioner/1", "PractitionerRole/2"])
def test_ordering_users(ehr: Ehr, os_ok: Json, user: str) -> None:
    assert ehr.cards(in_context(os_ok, userId=user))["cards"]


@pytest.mark.requirement("HOOK-OS-3", "HOOK-OS-4", "HOOK-OS-10")
def test_selections_and_drafts(ehr: Ehr, os_ok: Json) -> None:
    for wrong in (None, [{"reference": "ServiceRequest/draft-1"}], "ServiceRequest/draft-1"):
        assert named(ehr.call(in_context(os_ok, selections=wrong))) == ["context.selections"]
    assert ehr.cards(in_context(os_ok, selections=[])) == {"cards": []}
    assert ehr.cards(in_context(os_ok, selections=["draft-1"]))["cards"]
    answer = ehr.call(in_context(os_ok, draftOrders=None))
    assert named(answer) == ["context.draftOrders"]
    assert answer.json["issue"][0]["code"] == "required"
    collection = os_ok["context"]["draftOrders"] | {"type": "collection"}
    assert without_uuids(ehr.cards(in_context(os_ok, draftOrders=collection))) == without_uuids(ehr.cards(os_ok))


ANTIBIOTIC = {"coding": [{"system": "http://www.whocc.no/atc", "code": "J01CA04"}], "text": "Amoxicillin"}
CRP_ORDER = {"coding": [{"system": "http://loinc.org", "code": "1988-5"}], "text": "CRP"}
ESR_ORDER = {"coding": [{"system": "http://loinc.org", "code": "4537-7"}], "text": "ESR"}


def topics(answer: Json) -> set[str]:
    return {card["source"]["topic"]["code"] for card in answer["cards"]}


@pytest.mark.requirement("HOOK-OS-5", "HOOK-OS-6")
def test_advice_is_about_the_selected_order(ehr2: Ehr, os_ok: Json) -> None:
    augmentation = os_ok["context"]["draftOrders"]["entry"][0]["resource"]
    amoxicillin = draft({}, "MedicationRequest", "drug-1", medicationCodeableConcept=ANTIBIOTIC)
    both = (augmentation, amoxicillin)
    first = topics(ehr2.cards(ordered(os_ok, *both, selections=["ServiceRequest/draft-1"])))
    second = topics(ehr2.cards(ordered(os_ok, *both, selections=["MedicationRequest/drug-1"])))
    assert "OVPa" in first
    assert "OVPa" not in second
    missing = ["ServiceRequest/not-there", "ServiceRequest/draft-1"]
    assert topics(ehr2.cards(ordered(os_ok, augmentation, selections=missing))) == topics(ehr2.cards(os_ok))


@pytest.mark.requirement("HOOK-OS-7")
def test_other_drafts_count_as_ordered(ehr2: Ehr, os_ok: Json) -> None:
    pet = {"coding": [{"system": CPT, "code": "78815"}], "text": "FDG PET/CT"}
    os_ok["prefetch"] |= {"labs": None, "crp": None, "esr": None}

    def offered(*orders: Json) -> set[str]:
        answer = ehr2.cards(ordered(os_ok, draft(pet, identity="pet"), *orders))
        return {c["code"] for one in actions(answer) for c in one["resource"]["code"].get("coding", ())}

    alone = offered()
    assert "1988-5" in alone
    beside = offered(draft(CRP_ORDER, identity="crp"), draft(ESR_ORDER, identity="esr"))
    assert not beside & {"1988-5", "4537-7"}


@pytest.mark.requirement("HOOK-OS-8", "HOOK-OS-9", "HOOK-OS-11", "HOOK-OS-12")
def test_bare_odd_and_withdrawn_drafts(ehr: Ehr, os_ok: Json) -> None:
    augmentation = os_ok["context"]["draftOrders"]["entry"][0]["resource"]
    bare = {name: augmentation[name] for name in ("resourceType", "id", "status", "subject")}
    assert ehr.call(ordered(os_ok, bare)).status_code == 200
    plain = without_uuids(ehr.cards(os_ok))
    medication = {"resourceType": "Medication", "id": "m-1", "code": {"text": "Amoxicillin"}}
    contained = augmentation | {"contained": [medication]}
    unknown = {"resourceType": "VisionPrescription", "id": "v-1", "status": "draft"}
    strange = {"resourceType": "SomethingRequest", "id": "s-1", "status": "draft"}
    for orders in ((augmentation, medication), (contained,), (augmentation, unknown), (augmentation, strange)):
        assert without_uuids(ehr.cards(ordered(os_ok, *orders))) == plain
    for status in ("active", "on-hold", "unknown"):
        assert ehr.cards(ordered(os_ok, augmentation | {"status": status}))["cards"]
    for status in ("entered-in-error", "cancelled"):
        assert ehr.cards(ordered(os_ok, augmentation | {"status": status})) == {"cards": []}


@pytest.mark.requirement("HOOK-OS-9", "ACT-7", "HOOK-PV-8", "PRE-37", "FHIR-18")
@pytest.mark.parametrize("kind", ["DiagnosticOrder", "ProcedureRequest", "ServiceRequest"])
def test_orders_of_older_fhir_are_judged_and_no_newer_ones_offered(ehr: Ehr, os_ok: Json, kind: str) -> None:
    code = {"coding": [{"system": CPT, "code": "22514"}], "text": "Kyphoplasty L2"}
    answer = ehr.cards(ordered(os_ok, draft(code, kind)))
    assert answer["cards"]
    assert bool(actions(answer)) == (kind == "ServiceRequest")
    assert all(("suggestions" in card) == ("selectionBehavior" in card) for card in answer["cards"])


DSTU2_PATIENT = patient(name=[{"family": ["Tester"], "given": ["T"]}])
DSTU2_CRP = observation("1988-5", 96, comments="fasting")
STU3_CONDITION = {
    "resourceType": "Condition",
    "id": "c-1",
    "clinicalStatus": "active",
    "code": {"text": "Diabetes mellitus type 2"},
    "subject": {"reference": f"Patient/{PATIENT}"},
}


@pytest.mark.requirement("HOOK-PV-8", "PRE-37", "ACT-7", "FHIR-18")
@pytest.mark.parametrize("key", ["patient", "labs", "conditions"])
@pytest.mark.parametrize(
    "base", ["https://e.example.org/api/FHIR/R4", "https://e.example.org/v/r2/fhir", "https://e.example.org/fhir"]
)
def test_data_of_older_fhir_are_read_and_answered_in_words(ehr2: Ehr, pv_ok: Json, key: str, base: str) -> None:
    older = {"patient": DSTU2_PATIENT, "labs": searchset(DSTU2_CRP), "conditions": searchset(STU3_CONDITION)}
    plain = ehr2.cards(pv_ok)
    answer = ehr2.cards(pv_ok | {"fhirServer": base, "prefetch": pv_ok["prefetch"] | {key: older[key]}})
    assert [card["indicator"] for card in answer["cards"]] == [card["indicator"] for card in plain["cards"]]
    assert "CRP 96 mg/L" in answer["cards"][0]["detail"]
    assert actions(plain)
    assert actions(answer) == []


@pytest.mark.requirement("HOOK-OS-15")
def test_orders_are_known_by_any_code_and_by_words_that_change_nothing(ehr2: Ehr, os_ok: Json) -> None:
    emergency = report(
        "MRI lumbar spine. Epidural abscess L2-L3 with compression of the cauda equina. Marrow edema of L2 and L3."
    )
    os_ok["prefetch"]["reports"] = searchset(emergency)
    local = {"coding": [{"system": "https://site.example/orders", "code": "M17"}], "text": "MRI lumbar spine"}
    for code, changed in ((LUMBAR_MRI, True), (local, False), ({"text": "MRI lumbar spine"}, False)):
        answer = ehr2.cards(ordered(os_ok, draft(code, priority="routine")))
        assert "C01" in topics(answer)
        kinds = {one["type"] for one in actions(answer)}
        assert ("update" in kinds) == changed
        assert "delete" not in kinds


@pytest.mark.requirement("HOOK-OS-16", "ACT-4", "ACT-9", "ACT-10")
def test_a_changed_draft_is_the_one_that_was_sent(ehr: Ehr, os_ok: Json) -> None:
    emergency = report(
        "MRI lumbar spine. Epidural abscess L2-L3 with compression of the cauda equina. Marrow edema of L2 and L3."
    )
    os_ok["prefetch"]["reports"] = searchset(emergency)
    identity = "a-b." * 50
    sent = draft(
        LUMBAR_MRI,
        identity=identity,
        priority="routine",
        meta={"versionId": "7"},
        extension=[{"url": "https://site.example/slot", "valueString": "A"}],
    )
    answer = ehr.cards(ordered(os_ok, sent))
    updates = [one["resource"] for one in actions(answer) if one["type"] == "update"]
    assert updates == [sent | {"priority": "stat"}]


@pytest.mark.requirement("HOOK-SIGN-1")
def test_signing_judges_drafts_and_changed_orders_alike(ehr: Ehr, os_ok: Json) -> None:
    body = order_sign(os_ok)
    augmentation = body["context"]["draftOrders"]["entry"][0]["resource"]
    plain = ehr.cards(body)
    assert plain["cards"]
    mixed = ordered(body, draft(LUMBAR_MRI, identity="other"), augmentation | {"status": "active"})
    summaries = [card["summary"] for card in ehr.cards(mixed)["cards"]]
    assert plain["cards"][0]["summary"] in summaries


@pytest.mark.requirement("HOOK-DISP-1", "HOOK-ENC-1")
@pytest.mark.parametrize(
    ("hook", "context"),
    [
        ("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"], "performer": "Organization/2"}),
        ("order-dispatch", {"order": "ServiceRequest/1", "performer": "Organization/2", "task": {}}),
        ("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"], "fulfillment-tasks": [{}]}),
        ("encounter-start", {"userId": "Practitioner/1", "encounterId": "e-1"}),
        ("encounter-discharge", {"userId": "Practitioner/1", "encounterId": "e-1"}),
    ],
)
def test_other_hooks_are_refused_by_name(ehr: Ehr, pv_ok: Json, hook: str, context: Json) -> None:
    body = pv_ok | {"hook": hook, "context": {"patientId": PATIENT} | context}
    for _ in range(3):
        for path in (VIEW, SELECT, SIGN):
            assert "hook" in named(ehr.post(path, body))


@pytest.mark.requirement("RESP-1", "RESP-2", "RESP-4", "HTTP-3")
def test_nothing_to_say_is_an_empty_list(ehr: Ehr, pv_ok: Json) -> None:
    normal = pv_ok | {"prefetch": complete(SERVICES[0], reports=searchset(report(NORMAL)))}
    assert ehr.cards(normal) == {"cards": []}
    nothing = pv_ok | {"prefetch": dict.fromkeys(pv_ok["prefetch"])}
    assert ehr.cards(nothing)["cards"] == []
    assert set(ehr.cards(pv_ok)) == {"cards"}


@pytest.mark.requirement("EXT-1", "EXT-2", "EXT-3", "EXT-4", "EXT-5", "SUGG-9")
def test_extensions_are_neither_needed_nor_sent(ehr: Ehr, pv_ok: Json, shown: list[Json]) -> None:
    plain = without_uuids(ehr.cards(pv_ok))
    odds: list[Any] = ["text", {"a.b.c": 1}, []]
    for odd in odds:
        assert without_uuids(ehr.cards(pv_ok | {"extension": odd})) == plain
    for answer in shown:
        assert "extension" not in answer
        assert all("extension" not in part for card in answer["cards"] for part in (card, card["source"]))


@pytest.mark.requirement("I18N-1", "I18N-2")
@pytest.mark.parametrize(
    ("wanted", "given"), [("de, fr;q=0.5, *", "de"), ("ro", "ro"), ("\x7f;;q=x", "en"), ("", "en")]
)
def test_language_of_the_answer(ehr: Ehr, pv_ok: Json, wanted: str, given: str) -> None:
    answer = ehr.call(pv_ok, **{"Accept-Language": wanted})
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == given
    assert "Accept-Language" in answer.headers["Vary"]
    word = {"de": "erwägen", "ro": "avut în vedere", "en": "consider"}[given]
    assert word in answer.json["cards"][0]["summary"].lower()


@pytest.mark.requirement("CLI-3", "CLI-4", "CLI-2")
def test_calls_in_the_manner_of_epic_are_answered(ehr: Ehr, pv_ok: Json) -> None:
    nothing = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "entry": [
            {
                "resource": {
                    "resourceType": "OperationOutcome",
                    "issue": [{"severity": "warning", "code": "processing", "details": {"text": "none"}}],
                },
                "search": {"mode": "outcome"},
            }
        ],
    }
    base = "https://ehr.example.org/instance-7/api/FHIR/R4"
    scope = "launch PATIENT.READ (R4) Observation.Search [Vital Signs] (R4)"
    absolute = {"subject": {"reference": f"{base}/Patient/{PATIENT}"}}
    body = copy.deepcopy(pv_ok)
    body["prefetch"]["vitals"] = nothing
    body["prefetch"]["labs"]["entry"][0]["resource"] |= absolute
    body["prefetch"]["reports"]["entry"][0]["resource"] |= absolute
    drug = {
        "resourceType": "MedicationRequest",
        "id": "m-1",
        "status": "active",
        "intent": "order",
        "category": {"coding": [{"code": "outpatient"}]},
        "medicationCodeableConcept": {"text": "Paracetamol"},
        **absolute,
    }
    body["prefetch"]["medicationRequests"] = searchset(drug)
    found = ehr.cards(body | {"fhirServer": base, "fhirAuthorization": grant(scope=scope)})
    assert [card["summary"] for card in found["cards"]] == [card["summary"] for card in ehr.cards(pv_ok)["cards"]]
