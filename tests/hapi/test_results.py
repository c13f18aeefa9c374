"""Evaluation when a result arrives: a real server notifies, the service writes one Task or Flag for each state."""

import io
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from click.testing import CliRunner, Result

from cards.notices import STATE_SYSTEM
from cds_service.app import build_backend
from cds_service.cli.main import cli
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.ehr.subscribing import CRITERIA
from cds_service.store.audit import AuditStore
from cds_service.web.site import build_site
from tests.ehr.stub_fhir import listening
from tests.hapi.bedside import mri_report, patient, result
from tests.hapi.charts import JSON, SECONDS, Resource
from tests.hapi.fault_proxy import Fault, refused, silent, spoiling

SECRET = "a-shared-secret-of-this-test"
GIVEN = {"Authorization": f"Bearer {SECRET}"}
INFECTED = (
    "MRI of the lumbar spine with contrast.\n"
    "Findings: Bone marrow edema and enhancement of L4 and L5 with erosion of the endplates, fluid and enhancement of "
    "the disc L4/5. Epidural collection with rim enhancement at L4/5 compressing the thecal sac.\n"
    "Impression: Spondylodiscitis L4/5 with epidural abscess."
)
UNCLEAR = (
    "MRI of the lumbar spine.\n"
    "Findings: Bone marrow edema of L4 and L5 next to the L4/5 endplates, slight fluid signal in the disc L4/5. "
    "Endplates intact. No collection.\n"
    "Impression: Marrow edema at L4/5 with fluid signal of the disc."
)
QUIET = "MRI of the lumbar spine.\nFindings: No bone marrow edema. Discs normal.\nImpression: Normal lumbar spine."
# How often something that the server does by itself is looked for, a quarter of a second apart.
LOOKS = 480


@dataclass(frozen=True)
class Site:
    """A service that listens to the server at ``fhir``."""

    service: str
    fhir: str
    audit: str
    called: list[str]

    def notify(self, path: str = "", headers: dict[str, str] | None = None, **sent: Any) -> requests.Response:
        """Notify as a server does, with a path below the endpoint."""
        return requests.post(
            f"{self.service}/results{path}", headers=GIVEN if headers is None else headers, timeout=SECONDS, **sent
        )

    def run(self, *arguments: str) -> Result:
        """Run ``subscribe``."""
        where = ("--fhir", self.fhir, "--service", self.service, "--secret", SECRET)
        return CliRunner().invoke(cli, ["subscribe", *where, *arguments], catch_exceptions=False)


@contextmanager
def site(fhir: str, folder: Path, **changes: Any) -> Iterator[Site]:
    """Serve; ``changes`` are other settings."""
    origin = fhir.removesuffix("/fhir")
    settings = Settings(
        state_dir=folder, fhir_origins=(origin,), budget_seconds=60.0, results_fhir=fhir, results_secret=SECRET
    )
    settings = replace(settings, **changes)
    app = build_site(build_backend(settings))
    called: list[str] = []

    def noted(environ: Any, start_response: Any) -> Any:
        called.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return app(environ, start_response)

    with listening(noted) as service:
        yield Site(service, fhir, settings.audit_database, called)


@pytest.fixture
def at(hapi: str, tmp_path: Path) -> Iterator[Site]:
    with site(hapi, tmp_path) as opened:
        yield opened


def counted(answer: requests.Response) -> tuple[int, int]:
    """How many reports were looked at and how many notices written; the answer is one that FHIR servers read."""
    assert answer.status_code == 200, answer.text
    (issue,) = answer.json()["issue"]
    reports, written = (int(part.rpartition(" ")[2]) for part in issue["diagnostics"].split(","))
    return reports, written


def put(fhir: str, resource: Resource) -> str:
    """Write a resource under an id of its own; gives ``Type/id``."""
    named = {"id": f"r{uuid4().hex[:16]}", **resource}
    reference = f"{named['resourceType']}/{named['id']}"
    requests.put(f"{fhir}/{reference}", json=named, headers=JSON, timeout=SECONDS).raise_for_status()
    return reference


def somebody(fhir: str) -> str:
    return put(fhir, patient(f"result-{uuid4().hex[:12]}")).partition("/")[2]


def report(name: str, text: str = INFECTED, **more: Any) -> Resource:
    moment = datetime.now(UTC) - timedelta(hours=1)
    return mri_report(name, "30679-5", "MRI lumbar spine", text, moment) | more


def notices(fhir: str, name: str, kind: str = "Task") -> list[Resource]:
    found = requests.get(f"{fhir}/{kind}?patient={name}", headers={"Cache-Control": "no-cache"}, timeout=SECONDS).json()
    return [entry["resource"] for entry in found.get("entry", [])]


def errors(fhir: str, resource: Resource) -> list[str]:
    address = f"{fhir}/{resource['resourceType']}/$validate"
    outcome = requests.post(address, json=resource, headers=JSON, timeout=SECONDS).json()
    return [one["diagnostics"] for one in outcome["issue"] if one["severity"] in {"error", "fatal"}]


def awaited(fhir: str, name: str) -> list[Resource]:
    """Tasks of a patient, once there are any."""
    for _ in range(LOOKS):
        if found := notices(fhir, name):
            return found
        threading.Event().wait(0.25)
    return []


@contextmanager
def only(hapi: str, name: str) -> Iterator[str]:
    """The server as if it held the reports of one patient only: others belong to tests that run beside this one."""

    def of_one(call: Any) -> None:
        found = requests.get(
            f"{hapi}/DiagnosticReport?patient={name}", headers={"Cache-Control": "no-cache"}, timeout=60
        )
        call.send(found.content)

    with spoiling(hapi, of_one, "DiagnosticReport?status") as (base, _):
        yield base


@pytest.mark.parametrize("language", list(Language))
def test_a_serious_report_becomes_a_valid_task_for_whoever_ordered_it(
    hapi: str, tmp_path: Path, language: Language
) -> None:
    orderer = put(hapi, {"resourceType": "Practitioner", "name": [{"family": "Testcase"}]})
    radiologist = put(hapi, {"resourceType": "Practitioner", "name": [{"family": "Testcase"}]})
    name = somebody(hapi)
    order = put(
        hapi,
        {
            "resourceType": "ServiceRequest",
            "status": "completed",
            "intent": "order",
            "subject": {"reference": f"Patient/{name}"},
            "requester": {"reference": orderer, "display": "Dr. Testcase"},
        },
    )
    filed = put(hapi, report(name, basedOn=[{"reference": order}], resultsInterpreter=[{"reference": radiologist}]))
    with site(hapi, tmp_path, language=language) as at:
        answer = at.notify(f"/{filed}")
    assert counted(answer) == (1, 1)
    (task,) = notices(hapi, name)
    assert errors(hapi, task) == []
    assert task["owner"] == {"reference": orderer, "display": "Dr. Testcase"}
    assert task["focus"] == {"reference": filed}
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "proposal", "stat")
    assert task["language"] == language.value
    assert [one["system"] for one in task["identifier"]] == [STATE_SYSTEM]
    words = {"en": "no alarm", "de": "Kein Alarm", "ro": "Nu este o alarmă"}
    assert words[language.value] in task["note"][-1]["text"]
    assert "L4" in task["description"]


def test_nobody_responsible_is_said(at: Site) -> None:
    name = somebody(at.fhir)
    filed = put(at.fhir, report(name))
    assert counted(at.notify(f"/{filed}")) == (1, 1)
    (task,) = notices(at.fhir, name)
    assert "owner" not in task
    assert "nobody has been asked personally" in task["note"][-1]["text"]


def test_a_flag_is_written_where_that_is_set(hapi: str, tmp_path: Path) -> None:
    name = somebody(hapi)
    filed = put(hapi, report(name))
    with site(hapi, tmp_path, results_as="Flag") as at:
        assert counted(at.notify(f"/{filed}")) == (1, 1)
        assert counted(at.notify(f"/{filed}")) == (1, 0)
    (flag,) = notices(hapi, name, "Flag")
    assert errors(hapi, flag) == []
    assert flag["status"] == "active"
    assert notices(hapi, name) == []


def test_the_same_state_is_written_once_however_often_and_at_once_it_is_told(at: Site) -> None:
    name = somebody(at.fhir)
    filed = put(at.fhir, report(name))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: at.notify(f"/{filed}"), range(6)))
    assert sum(counted(answer)[1] for answer in answers) == 1
    assert counted(at.notify(f"/{filed}")) == (1, 0)
    assert len(notices(at.fhir, name)) == 1


def test_a_new_state_is_written_anew_and_a_new_value_is_not(at: Site) -> None:
    name = somebody(at.fhir)
    moment = datetime.now(UTC) - timedelta(hours=2)
    filed = put(at.fhir, report(name, UNCLEAR))
    assert counted(at.notify(f"/{filed}")) == (1, 1)
    for value, written in ((96, 1), (97, 0)):
        crp = put(at.fhir, result(name, "1988-5", value, "mg/L", moment))
        laboratory = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}
        panel = put(
            at.fhir,
            {
                "resourceType": "DiagnosticReport",
                "status": "final",
                "category": [{"coding": [laboratory]}],
                "code": {"text": "CRP"},
                "subject": {"reference": f"Patient/{name}"},
                "effectiveDateTime": moment.isoformat(timespec="seconds"),
                "result": [{"reference": crp}],
            },
        )
        assert counted(at.notify(f"/{panel}")) == (1, written), value
    assert len(notices(at.fhir, name)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"conclusion": QUIET},
        {"status": "preliminary"},
        {"status": "entered-in-error"},
        {"subject": None},
        {"code": {"text": "X-ray of the chest"}, "conclusion": "Chest radiograph.\nFindings: Lungs clear."},
    ],
    ids=["quiet", "preliminary", "withdrawn", "nobody", "chest"],
)
def test_what_is_not_serious_final_or_of_the_spine_writes_nothing(at: Site, change: Resource) -> None:
    name = somebody(at.fhir)
    changed = {key: value for key, value in (report(name) | change).items() if value is not None}
    filed = put(at.fhir, changed)
    assert counted(at.notify(f"/{filed}")) == (1, 0)
    assert notices(at.fhir, name) == []


def test_content_is_not_believed_only_its_id(at: Site) -> None:
    name, other = somebody(at.fhir), somebody(at.fhir)
    filed = put(at.fhir, report(name))
    told = report(other) | {"id": filed.partition("/")[2]}
    assert counted(at.notify(json=told, headers=GIVEN | JSON)) == (1, 1)
    assert len(notices(at.fhir, name)) == 1
    assert notices(at.fhir, other) == []
    address = {"entry": [{"fullUrl": f"{at.fhir}/{filed}"}], "resourceType": "Bundle", "type": "history"}
    assert counted(at.notify(json=address, headers=GIVEN | JSON)) == (1, 0)
    elsewhere = {"resourceType": "Bundle", "entry": [{"fullUrl": f"https://evil.example.org/fhir/{filed}"}]}
    assert at.notify(json=elsewhere, headers=GIVEN | JSON).status_code == 403


def test_an_empty_notification_finds_what_is_new(hapi: str, tmp_path: Path) -> None:
    name = somebody(hapi)
    put(hapi, report(name))
    with only(hapi, name) as base, site(base, tmp_path) as at:
        first, again = at.notify(), at.notify()
    assert (counted(first), counted(again)) == ((1, 1), (0, 0))
    assert len(notices(hapi, name)) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}, {"X-Secret": SECRET}],
)
def test_nobody_without_the_secret_is_heard(at: Site, headers: dict[str, str]) -> None:
    name = somebody(at.fhir)
    filed = put(at.fhir, report(name))
    assert at.notify(f"/{filed}", headers).status_code == 401
    assert notices(at.fhir, name) == []


def test_there_is_no_endpoint_unless_it_is_set_up(hapi: str, tmp_path: Path) -> None:
    with site(hapi, tmp_path, results_fhir="", results_secret="") as at:
        assert at.notify().status_code == 404


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        (refused(503), "DiagnosticReport/"),
        (refused(404), "DiagnosticReport/"),
        (refused(500), "Patient/"),
        (refused(403), "%7Claboratory"),
        (refused(503), "Task"),
        (refused(401), "Task"),
        (silent, "Task"),
    ],
)
def test_what_fails_is_told_again_and_not_lost(hapi: str, tmp_path: Path, fault: Fault, where: str) -> None:
    name = somebody(hapi)
    filed = put(hapi, report(name))
    with (
        spoiling(hapi, fault, where) as (base, proxy),
        site(base, tmp_path, budget_seconds=60.0 if fault is not silent else 8.0) as at,
    ):
        failed = at.notify(f"/{filed}")
        assert failed.status_code == 503
        assert "Retry-After" in failed.headers
        assert name not in failed.text
        proxy.where = ()
        assert at.notify(f"/{filed}").status_code == 200
    assert len(notices(hapi, name)) == 1


def test_an_addressee_that_the_server_refuses_does_not_stop_the_task(hapi: str, tmp_path: Path) -> None:
    orderer = put(hapi, {"resourceType": "Practitioner", "name": [{"family": "Testcase"}]})
    name = somebody(hapi)
    filed = put(hapi, report(name, performer=[{"reference": orderer}]))

    def strict(call: Any) -> None:
        if b'"owner"' in call.content:
            refused(422)(call)
        else:
            call.pass_on()

    with spoiling(hapi, strict, "Task") as (base, _), site(base, tmp_path) as at:
        assert counted(at.notify(f"/{filed}")) == (1, 1)
    (task,) = notices(hapi, name)
    assert "owner" not in task
    assert "nobody has been asked personally" in task["note"][-1]["text"]


def test_each_evaluation_is_on_record_and_nobody_is_in_the_log(at: Site) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        name = somebody(at.fhir)
        filed = put(at.fhir, report(name))
        at.notify(f"/{filed}").raise_for_status()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    own = [line for line in lines.getvalue().splitlines() if "urllib3" not in line and '"results.named"' in line]
    assert own, "the call is in the log"
    assert not any(name in line or filed.partition("/")[2] in line or "Spondylo" in line for line in own)
    record = AuditStore(at.audit)
    record.open()
    (kept,) = record.records()
    record.close()
    assert (kept.action, kept.issuer, kept.user) == ("result", "subscription", "")
    assert kept.cards
    assert name not in repr(kept)


def active(hapi: str, reference: str) -> bool:
    """Wait until the server has taken the Subscription up."""
    for _ in range(LOOKS):
        if requests.get(f"{hapi}/{reference}", timeout=SECONDS).json()["status"] == "active":
            return True
        threading.Event().wait(0.25)
    return False


@pytest.mark.parametrize("empty", [False, True], ids=["with the report", "empty"])
def test_the_server_itself_notifies(hapi: str, tmp_path: Path, *, empty: bool) -> None:
    name = somebody(hapi)
    with only(hapi, name) as base, site(base, tmp_path) as opened:
        at = replace(opened, fhir=hapi)
        arguments = ("--criteria", f"{CRITERIA}&patient={name}", *(("--empty",) if empty else ()))
        reference = at.run(*arguments).output.split()[0]
        assert at.run(*arguments).output.split()[0] == reference, "once more renews it"
        assert active(hapi, reference)
        filed = put(hapi, report(name))
        (task,) = awaited(hapi, name)
        assert errors(hapi, task) == []
        told = list(at.called)
        later = put(hapi, report(name, QUIET))
        last = "POST /results" if empty else f"PUT /results/{later}"
        for _ in range(LOOKS):
            if last in at.called[len(told) :]:
                break
            threading.Event().wait(0.25)
        # The server took the answer for what it is, and did not tell of the first report again.
        assert at.called == [last if empty else f"PUT /results/{filed}", last]
        assert at.run("--remove").output == f"Deleted {reference}\n"
        assert at.run("--remove").output == "No Subscription notifies that service.\n"


def test_the_server_notifies_again_after_a_failure(hapi: str, tmp_path: Path) -> None:
    failed: list[str] = []

    def once(call: Any) -> None:
        if failed:
            call.pass_on()
        else:
            failed.append(call.handler.path)
            refused(403)(call)

    name = somebody(hapi)
    with spoiling(hapi, once, "DiagnosticReport/") as (base, _), site(base, tmp_path) as opened:
        at = replace(opened, fhir=hapi)
        reference = at.run("--criteria", f"{CRITERIA}&patient={name}").output.split()[0]
        assert active(hapi, reference)
        put(hapi, report(name))
        tasks = awaited(hapi, name)
        assert at.run("--remove").exit_code == 0
    assert failed
    assert len(tasks) == 1
