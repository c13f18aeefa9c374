"""The hook endpoint: recorded request in, exact answer or exact error out."""

from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, text

VIEW = "/cds-services/marrow-edema-patient-view"
SELECT = "/cds-services/marrow-edema-order-select"
SIGN = "/cds-services/marrow-edema-order-sign"


def test_complete_call_gets_its_cards(client: Any, patient_view: dict[str, Any]) -> None:
    answer = client.post(VIEW, json=patient_view)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "cards": [
            {
                "uuid": "00000000-0000-4000-8000-000000000001",
                "summary": "Edema: consider CRP",
                "indicator": "warning",
                "detail": "**Seen**: edema <b>here</b>",
                "source": {"label": "Marrow CDS", "url": "http://127.0.0.1:8000"},
                "overrideReasons": [
                    {"system": "https://marrow.example/reasons", "code": "done", "display": "Already done"}
                ],
            }
        ]
    }


def test_call_reaches_the_rules_with_patient_moment_and_gaps(world: Any, patient_view: dict[str, Any]) -> None:
    world.client().post(VIEW, json=patient_view)
    (call,) = world.middle.calls
    assert call["patient_id"] == "pt-1"
    assert call["as_of"] == world.backend.clock()
    assert [resource["resourceType"] for resource in call["resources"]] == ["Patient", "DiagnosticReport"]
    missing = {dict(gap.params)["key"] for gap in call["gaps"] if gap.code == "prefetch-missing"}
    assert missing == {
        "socialHistory", "conditions", "medicationRequests", "medicationStatements", "procedures", "devices"
    }  # fmt: skip


def test_nothing_to_say_is_an_empty_list(client: Any, patient_view: dict[str, Any]) -> None:
    patient_view["prefetch"]["reports"] = None
    answer = client.post(VIEW, json=patient_view)
    assert (answer.status_code, answer.json) == (200, {"cards": []})


def test_order_select_passes_orders_and_selections(world: Any, order_select: dict[str, Any]) -> None:
    answer = world.client().post(SELECT, json=order_select)
    assert len(answer.json["cards"]) == 1
    (call,) = world.middle.calls
    assert [order["id"] for order in call["draft_orders"]] == ["order-1"]
    assert call["selections"] == ("ServiceRequest/order-1",)


def test_order_sign_looks_at_every_order(world: Any, order_select: dict[str, Any]) -> None:
    del order_select["context"]["selections"]
    answer = world.client().post(SIGN, json=order_select | {"hook": "order-sign"})
    assert len(answer.json["cards"]) == 1
    assert world.middle.calls[0]["selections"] == ["ServiceRequest/order-1"]


@pytest.mark.parametrize("user", ["Patient/pt-1", "RelatedPerson/9"])
def test_patients_and_proxies_see_no_clinician_cards(client: Any, patient_view: dict[str, Any], user: str) -> None:
    patient_view["context"]["userId"] = user
    assert client.post(VIEW, json=patient_view).json == {"cards": []}


def test_doubled_slash_in_the_address_is_answered(client: Any, patient_view: dict[str, Any]) -> None:
    assert client.post(VIEW.replace("services/", "services//"), json=patient_view).status_code == 200


@pytest.mark.parametrize("label", ["application/json", "APPLICATION/JSON", "application/json; charset=UTF-8"])
def test_json_label_is_read_leniently(client: Any, patient_view: dict[str, Any], label: str) -> None:
    answer = client.post(VIEW, data=orjson.dumps(patient_view), headers={"Content-Type": label})
    assert answer.status_code == 200


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html,application/xml;q=0.9"])
def test_answer_does_not_depend_on_accept(client: Any, patient_view: dict[str, Any], accept: str | None) -> None:
    answer = client.post(VIEW, json=patient_view, headers={"Accept": accept} if accept else {})
    assert answer.json["cards"]


@pytest.mark.parametrize(
    ("accepted", "language", "summary"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Ödem: CRP erwägen"),
        ("fr, ro;q=0.4, en;q=0.3", "ro", "Edem: de avut în vedere CRP"),
        ("en;q=0.1, de;q=0.9", "de", "Ödem: CRP erwägen"),
        ("de;q=0, *", "en", "Edema: consider CRP"),
        ("%%%", "en", "Edema: consider CRP"),
        ("", "en", "Edema: consider CRP"),
    ],
)
def test_language_follows_accept_language(
    client: Any, patient_view: dict[str, Any], accepted: str, language: str, summary: str
) -> None:
    answer = client.post(VIEW, json=patient_view, headers={"Accept-Language": accepted})
    assert answer.json["cards"][0]["summary"] == summary
    assert answer.headers["Content-Language"] == language
    assert "Accept-Language" in answer.headers["Vary"]


def test_issued_cards_are_kept_without_the_patient(world: Any, patient_view: dict[str, Any]) -> None:
    world.client().post(VIEW, json=patient_view)
    card = world.store.issued("00000000-0000-4000-8000-000000000001")
    assert (card.service, card.rule_ids, card.text_id) == ("marrow-edema-patient-view", ("R-VIEW",), "C10")
    assert card.knowledge_version == "2026-11-21+test"
    assert card.patient not in ("", "pt-1")
    assert len(card.patient) == 64


def test_repeated_call_is_answered_again(client: Any, patient_view: dict[str, Any]) -> None:
    first, second = (client.post(VIEW, json=patient_view).json["cards"][0] for _ in range(2))
    assert first.pop("uuid") != second.pop("uuid")
    assert first == second


@pytest.mark.parametrize("answered", [False, True])
def test_cards_that_can_be_recorded_nowhere_are_refused_unless_the_site_wants_them(
    world: Any, patient_view: dict[str, Any], caplog: pytest.LogCaptureFixture, *, answered: bool
) -> None:
    with create_engine(world.backend.settings.database).begin() as connection:
        connection.execute(text("DROP TABLE issued_card"))
    world.backend.audit._answer_unrecorded = answered
    client = world.client()
    answer = client.post(VIEW, json=patient_view)
    if answered:
        assert len(answer.json["cards"]) == 1
    else:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert answer.json["issue"][0]["code"] == "transient"
    assert world.backend.audit.unrecorded_cards == 1
    assert "1 issued cards were not recorded" in caplog.text
    assert client.get("/health").json["unrecordedCards"] == 1


def test_crash_of_a_rule_is_an_error_and_never_an_empty_list(
    world: Any, patient_view: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world.middle.crash = ZeroDivisionError("patient pt-1 Loopback")
    answer = world.client().post(VIEW, json=patient_view)
    assert answer.status_code == 500
    assert answer.json == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "exception",
                "details": {"text": "The service failed; no advice was computed for this call."},
            }
        ],
    }
    assert "ZeroDivisionError at " in caplog.text
    assert "Loopback" not in caplog.text


def test_missing_required_keys_are_named_with_412(client: Any, patient_view: dict[str, Any]) -> None:
    patient_view["prefetch"] = {"labs": None}
    answer = client.post(VIEW, json=patient_view)
    assert answer.status_code == 412
    assert [issue["expression"] for issue in answer.json["issue"]] == [["prefetch.patient"], ["prefetch.reports"]]
    assert {issue["code"] for issue in answer.json["issue"]} == {"required"}
    assert "no usable FHIR access was given" in answer.json["issue"][0]["diagnostics"]
    assert "cards" not in answer.json


def test_all_wrong_members_are_named_at_once(client: Any) -> None:
    body = {"hook": 5, "context": {"userId": "123", "patientId": ""}, "prefetch": "x"}
    answer = client.post(VIEW, json=body)
    assert answer.status_code == 400
    named = {issue["expression"][0]: issue["details"]["text"] for issue in answer.json["issue"]}
    assert named == {
        "hook": "hook: must be a string",
        "hookInstance": "hookInstance: is required",
        "context.userId": "context.userId: must be Type/id, for example Practitioner/123",
        "context.patientId": "context.patientId: is required",
        "prefetch": "prefetch: must be an object",
    }


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"hook": "patient-view",\n "x": 1,}', "line 2, column 8"),
        (b'{"hook"', "line 1, column 8"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b'{"a": "\xff"}', "line 1, column 1"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"hook": ' + b"9" * 5000 + b"}", "line 1, column 10"),
        (b"[" * 2000, "line 1"),
    ],
)
def test_broken_json_is_refused_with_its_place(client: Any, raw: bytes, place: str) -> None:
    answer = client.post(VIEW, data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert place in answer.json["issue"][0]["details"]["text"]
    assert answer.json["issue"][0]["code"] == "structure"


@pytest.mark.parametrize("raw", [b"", b"[]", b'"x"', b"3", b"null"])
def test_other_than_an_object_is_refused(client: Any, raw: bytes) -> None:
    answer = client.post(VIEW, data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == ["body"]


def test_deep_nesting_is_refused(client: Any, patient_view: dict[str, Any]) -> None:
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    answer = client.post(VIEW, json=patient_view | {"extension": deep})
    assert answer.status_code == 400
    assert "deeper than 100 levels" in answer.json["issue"][0]["details"]["text"]


def test_endless_lists_are_refused(client: Any, patient_view: dict[str, Any]) -> None:
    answer = client.post(VIEW, json=patient_view | {"extension": [0] * 20_001})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/cds-services/nope", 404),
        ("POST", "/cds-services/nope/feedback", 404),
        ("GET", VIEW, 405),
        ("PUT", VIEW, 405),
        ("DELETE", VIEW, 405),
        ("GET", f"{VIEW}/feedback", 405),
        ("POST", "/cds-services", 405),
        ("DELETE", "/cds-services", 405),
        ("GET", "/nowhere", 404),
    ],
)
def test_wrong_addresses_and_methods(client: Any, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method, json={})
    assert answer.status_code == status
    assert answer.json["resourceType"] == "OperationOutcome"
    assert ("Allow" in answer.headers) == (status == 405)
    assert "OPTIONS" in answer.headers.get("Allow", "OPTIONS")


def test_other_media_types_are_refused(client: Any) -> None:
    answer = client.post(VIEW, data=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (415, "not-supported")


def test_compressed_bodies_are_refused(client: Any) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.post(VIEW, data=b"{}", headers=headers).status_code == 415


def test_large_bodies_are_refused(client: Any) -> None:
    answer = client.post(VIEW, data=b" " * 200_001, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (413, "too-long")


def test_access_log_names_the_call_and_not_the_patient(
    client: Any, patient_view: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        client.post(f"{VIEW}?patient=pt-1", json=patient_view)
    (record,) = [record for record in caplog.records if record.name == "cds_service.access"]
    line = orjson.loads(record.getMessage())
    assert line["status"] == 200
    assert line["service"] == "marrow-edema-patient-view"
    assert line["instance"] == patient_view["hookInstance"]
    assert line["rules"] == ["R-VIEW"]
    assert line["cards"] == ["00000000-0000-4000-8000-000000000001"]
    assert "conditions" in line["missing"]
    assert "pt-1" not in caplog.text
    assert "1961" not in caplog.text


def test_hook_instance_that_is_no_uuid_is_answered_but_not_logged(
    client: Any, patient_view: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        answer = client.post(VIEW, json=patient_view | {"hookInstance": "Loopback, Lena"})
    assert answer.status_code == 200
    assert "Loopback" not in caplog.text
