"""Which FHIR servers are asked, with which token, and where page links may lead."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cds_service.hooks.access import AccessPolicy
from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.request import FhirGrant, HookRequest
from cds_service.hooks.services import PATIENT_VIEW

LISTED = ("https://ehr.example.org", "http://open.example.org:8080")


@dataclass
class Recorder:
    calls: list[tuple[str, str]] = field(default_factory=list)

    def get(self, url: str, *, token: str, seconds: float, form: str = "") -> Any:
        assert seconds == 1
        self.calls.append((url, f"{token}{form}"))
        return {}


def call(server: str) -> HookRequest:
    return HookRequest(PATIENT_VIEW, "i", "p", "Practitioner/1", fhir_server=server, grant=FhirGrant("secret"))


@pytest.mark.requirement("REQ-9", "FHIR-10")
@pytest.mark.parametrize(
    ("server", "asked", "token"),
    [
        ("https://ehr.example.org/api/FHIR/R4", "https://ehr.example.org/api/FHIR/R4", "secret"),
        ("https://EHR.example.org:443/fhir", "https://ehr.example.org/fhir", "secret"),
        ("http://open.example.org:8080/fhir", "http://open.example.org:8080/fhir", ""),
        ("http://127.0.0.1:8180/fhir", "http://127.0.0.1:8180/fhir", "secret"),
        ("http://localhost:8180/fhir/", "http://localhost:8180/fhir", "secret"),
        ("http://[::1]:8180/fhir", "http://[::1]:8180/fhir", "secret"),
    ],
)
def test_listed_and_local_servers_are_asked(server: str, asked: str, token: str) -> None:
    recorder = Recorder()
    access = AccessPolicy(LISTED, recorder, lambda: 0.0).open(call(server))
    assert access is not None
    access.get("Observation?patient=p&code=http://loinc.org|1988-5,x", 1)
    assert recorder.calls == [(f"{asked}/Observation?patient=p&code=http://loinc.org%7C1988-5%2Cx", token)]


def test_a_long_search_goes_by_post() -> None:
    recorder = Recorder()
    access = AccessPolicy(LISTED, recorder, lambda: 0.0).open(call("https://ehr.example.org/fhir"))
    assert access is not None
    ids = ",".join(f"lab|{number}" for number in range(200))
    access.get(f"Observation?_id={ids}", 1)
    sent = f"_id={ids}".replace("|", "%7C").replace(",", "%2C")
    assert recorder.calls == [("https://ehr.example.org/fhir/Observation/_search", f"secret{sent}")]


@pytest.mark.parametrize(
    "server",
    [
        "",
        "https://other.example.org/fhir",
        "https://ehr.example.org.evil.example/fhir",
        "https://ehr.example.org:8443/fhir",
        "http://ehr.example.org/fhir",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org/fhir?x=",
        "https://ehr.example.org/a/../b",
        "https://169.254.169.254/",
        "http://10.0.0.1/fhir",
        "ftp://127.0.0.1/",
        "https://[broken/",
        "https://ehr.example.org:port/",
        "file:///etc/passwd",
        "127.0.0.1",
    ],
)
def test_every_other_server_is_never_asked(server: str) -> None:
    assert AccessPolicy(LISTED, Recorder(), lambda: 0.0).open(call(server)) is None


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://ehr.example.org/fhir?page=2", "https://ehr.example.org/fhir?page=2"),
        ("https://ehr.example.org/fhir/Observation?page=2", "https://ehr.example.org/fhir/Observation?page=2"),
    ],
)
def test_page_below_the_base_is_followed(link: str, url: str) -> None:
    recorder = Recorder()
    access = AccessPolicy(LISTED, recorder, lambda: 0.0).open(call("https://ehr.example.org/fhir"))
    assert access is not None
    access.get(link, 1)
    assert recorder.calls == [(url, "secret")]


@pytest.mark.requirement("PRE-30")
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.org/fhir/Observation",
        "http://ehr.example.org/fhir/Observation",
        "https://ehr.example.org/fhirother/x",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/fhir/..%2fadmin",
        "https://ehr.example.org/fhir\\@evil.example/",
        "https://me@ehr.example.org/fhir/x",
        "https://ehr.example.org:8443/fhir/x",
        "https://127.0.0.1/fhir",
    ],
)
def test_page_elsewhere_is_not_followed(link: str) -> None:
    recorder = Recorder()
    access = AccessPolicy(LISTED, recorder, lambda: 0.0).open(call("https://ehr.example.org/fhir"))
    assert access is not None
    with pytest.raises(FetchFailed):
        access.get(link, 1)
    assert recorder.calls == []


def test_token_is_not_used_after_its_life() -> None:
    now = [100.0]
    recorder = Recorder()
    short = replace(call("https://ehr.example.org/fhir"), grant=FhirGrant("secret", 5.0))
    access = AccessPolicy(LISTED, recorder, lambda: now[0]).open(short)
    assert access is not None
    access.get("Patient/1", 1)
    now[0] += 5
    with pytest.raises(FetchFailed, match="token expired"):
        access.get("Patient/1", 1)
    assert len(recorder.calls) == 1


def test_without_trial_mode_this_machine_must_be_listed_as_well() -> None:
    closed = AccessPolicy(LISTED, Recorder(), lambda: 0.0, local=False)
    for server in ("http://127.0.0.1:8180/fhir", "http://localhost/fhir", "https://[::1]/fhir"):
        assert closed.open(call(server)) is None
    assert AccessPolicy(("http://127.0.0.1:8180",), Recorder(), lambda: 0.0, local=False).open(
        call("http://127.0.0.1:8180/fhir")
    )


@pytest.mark.parametrize(
    ("server", "opened"),
    [
        ("https://ehr.example.org/fhir/north", True),
        ("https://ehr.example.org/fhir/north/", True),
        ("https://ehr.example.org/fhir/south", False),
        ("https://ehr.example.org/fhir", False),
        ("https://ehr.example.org/fhir/north/more", False),
        ("http://open.example.org:8080/fhir", False),
        ("http://127.0.0.1:8180/fhir", False),
    ],
)
def test_caller_with_servers_of_its_own_is_held_to_them(server: str, opened: bool) -> None:  # noqa: FBT001
    policy = AccessPolicy(LISTED, Recorder(), lambda: 0.0)
    assert (policy.open(call(server), frozenset({"https://ehr.example.org/fhir/north"})) is not None) == opened
    assert policy.open(call(server), frozenset()) is None
