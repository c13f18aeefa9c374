"""Notifications of results without a server: which reports they name, who is responsible, what the settings allow."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cards.notices import Notice, write_notice
from cds_service.config import Settings, read_settings
from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError, RequestError
from cds_service.hooks.results.notification import report_ids
from cds_service.hooks.results.responsible import responsible

BASE = "https://ehr.example.org/fhir"
REPORT = {"resourceType": "DiagnosticReport", "id": "r1"}


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (REPORT, ("r1",)),
        ({"resourceType": "Bundle", "entry": [{"resource": REPORT}, {"resource": REPORT}]}, ("r1",)),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": f"{BASE}/DiagnosticReport/r2"}]}, ("r2",)),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": f"{BASE}/DiagnosticReport/r2/_history/3"}]}, ("r2",)),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Parameters"}}, {}, 5]}, ()),
        ({"resourceType": "Bundle"}, ()),
    ],
)
def test_reports_are_named_by_resource_or_address(body: Any, ids: tuple[str, ...]) -> None:
    assert report_ids(body, BASE) == ids


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({"resourceType": "Patient", "id": "p"}, 400),
        ({"resourceType": "DiagnosticReport"}, 400),
        ({"resourceType": "DiagnosticReport", "id": "../Patient/p"}, 400),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": "https://evil.example.org/DiagnosticReport/r1"}]}, 403),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": f"{BASE}/DiagnosticReport/r1/../x"}]}, 403),
        ({"resourceType": "Bundle", "entry": [{"resource": {**REPORT, "id": f"r{n}"}} for n in range(101)]}, 413),
    ],
)
def test_other_content_is_refused(body: Any, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        report_ids(body, BASE)
    assert refused.value.status == status


def reference(target: str, **more: str) -> dict[str, str]:
    return {"reference": target, **more}


ORDERS: Mapping[str, Any] = {
    "ServiceRequest/doctor": {"requester": reference(f"{BASE}/Practitioner/orderer", display="Dr. Example")},
    "ServiceRequest/patient": {"requester": reference("Patient/p")},
    "ServiceRequest/ward": {"requester": reference("Organization/ward")},
    "ServiceRequest/nobody": {},
}


@pytest.mark.parametrize(
    ("report", "whom"),
    [
        ({"basedOn": [reference("ServiceRequest/doctor")]}, "Practitioner/orderer"),
        (
            {
                "basedOn": [reference(f"{BASE}/ServiceRequest/doctor")],
                "resultsInterpreter": [reference("Practitioner/reader")],
            },
            "Practitioner/orderer",
        ),
        (
            {
                "basedOn": [reference("ServiceRequest/ward")],
                "resultsInterpreter": [reference("Practitioner/reader/_history/2")],
            },
            "Practitioner/reader",
        ),
        (
            {"basedOn": [reference("ServiceRequest/ward")], "performer": [reference("Organization/x")]},
            "Organization/ward",
        ),
        ({"basedOn": [reference("ServiceRequest/patient")], "performer": [reference("CareTeam/x")]}, "CareTeam/x"),
        ({"basedOn": [reference("ServiceRequest/lost")]}, ""),
        ({"basedOn": [reference("ServiceRequest/nobody"), reference("CarePlan/x")]}, ""),
        ({"performer": [reference("https://elsewhere.example.org/Practitioner/x")]}, ""),
        ({"performer": [reference("#contained"), {"display": "Dr. Nobody"}, 5, None]}, ""),
        ({"performer": "Practitioner/x", "basedOn": 7}, ""),
        ({}, ""),
    ],
)
def test_whoever_ordered_is_responsible_then_who_read_then_who_did_it(report: Any, whom: str) -> None:
    assert responsible(report, BASE, ORDERS.get).get("reference", "") == whom


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MARROW_RESULTS_FHIR": BASE}, "RESULTS_SECRET"),
        ({"MARROW_RESULTS_FHIR": BASE, "MARROW_RESULTS_SECRET": "s" * 20}, "FHIR_ORIGINS"),
        (
            {
                "MARROW_RESULTS_FHIR": "http://ehr.example.org/fhir",
                "MARROW_FHIR_ORIGINS": "http://ehr.example.org",
                "MARROW_RESULTS_SECRET": "s" * 20,
                "MARROW_RESULTS_TOKEN": "t",
            },
            "plain http",
        ),
    ],
)
def test_settings_that_would_listen_to_anybody_stop_the_start(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(environ).check_results()


@pytest.mark.parametrize("variable", ["MARROW_RESULTS_SECRET", "MARROW_RESULTS_AS"])
def test_a_short_secret_and_an_unknown_kind_are_refused(variable: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read_settings({variable: "short"})


def test_nothing_is_listened_to_by_default() -> None:
    settings = Settings()
    settings.check_results()
    assert settings.results_fhir == ""
    assert read_settings({"MARROW_RESULTS_AS": "Flag"}).results_as == "Flag"


@pytest.mark.parametrize("language", list(Language))
def test_every_language_says_that_nobody_was_asked(language: Language) -> None:
    notice = Notice([], language, "p", "DiagnosticReport/r1", "state", datetime.now(UTC))
    owned = replace(notice, owner=reference("Practitioner/x", display="Dr. Example"))
    (unasked,), (asked,) = (write_notice(one, "Task")["note"] for one in (notice, owned))
    assert "Dr. Example" in asked["text"]
    assert len(unasked["text"]) > len(asked["text"])
