"""The preview over HTTP: who may call, in which form it answers, and that nothing typed is kept or logged."""

import io
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.app import build_backend, build_clinic, build_previews
from cds_service.config import Settings
from cds_service.hooks.access import AccessPolicy
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.servers import ChartServers
from cds_service.hooks.preview.time import CallTime
from cds_service.web.site import build_site

TYPED = {"text": "Marrow edema of L4.", "language": "en"}
POSTS = ("/preview", "/preview/changes", "/preview/compare", "/preview/export", "/preview/patients")
HTML = {"Accept": "text/html"}
SECRET = "correct-horse-battery"


def body_of(path: str) -> Any:
    if path.endswith("compare"):
        return {"left": {"input": TYPED}, "right": {"language": "de"}}
    return {"server": "https://ehr.example.org/fhir", "query": "x"} if path.endswith("patients") else TYPED


# ---- who ----


@pytest.mark.parametrize(
    ("settings", "opened"),
    [
        (Settings(), True),
        (Settings(preview=False), False),
        (Settings(clients=Path("clients.toml")), False),
        (Settings(host="0.0.0.0", allow_open=True), False),  # noqa: S104 - the case that must stay closed
        (Settings(host="0.0.0.0", allow_open=True, preview=True), True),  # noqa: S104 - opened by the operator
        (Settings(host="0.0.0.0", clients=Path("c.toml"), preview_secret=SECRET), True),  # noqa: S104 - behind a secret
        (Settings(preview=False, preview_secret=SECRET), False),
    ],
)
def test_beyond_this_machine_it_is_closed_unless_opened(world: Any, settings: Settings, opened: bool) -> None:  # noqa: FBT001
    client = world.client(settings=replace(settings, state_dir=world.backend.settings.state_dir))
    for path in ("/preview", "/preview/catalogue"):
        assert (client.get(path).status_code == 200) is opened, path
    for path in POSTS:
        status = client.post(path, json=body_of(path)).status_code
        assert (status == 404) is not opened, path
    assert client.get("/").headers["Location"] == ("/preview" if opened else "/about")


def test_with_a_secret_only_who_knows_it_gets_an_answer(world: Any) -> None:
    client = world.client(settings=replace(world.backend.settings, preview_secret=SECRET))
    assert client.get("/preview").status_code == 200
    for path in POSTS:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {SECRET}"}):
            answer = client.post(path, json=body_of(path), headers=given)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path
    assert client.post("/preview", json=TYPED, headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
    assert client.post("/preview", data=TYPED).status_code == 401


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (Settings(), True),
        (Settings(clients=Path("c.toml"), preview=True), False),
        (Settings(clients=Path("c.toml"), preview=True, preview_secret=SECRET), True),
        (Settings(host="0.0.0.0", allow_open=True, preview=True), False),  # noqa: S104 - open to strangers
    ],
)
def test_strangers_get_no_chart_of_a_listed_server(world: Any, pool: Any, settings: Settings, asked: bool) -> None:  # noqa: FBT001
    """The server stands for one that wants no token."""
    listed = replace(settings, fhir_origins=("https://ehr.example.org",), state_dir=world.backend.settings.state_dir)
    world.transport.answers = {"Patient?name=": bundle(PATIENT), "DiagnosticReport?": bundle(mri("r1", "2026-10-01"))}
    policy = AccessPolicy(listed.fhir_origins, world.transport, lambda: 0.0, local=listed.trial)
    client = world.client(settings=listed, previews=build_previews(build_clinic(), listed, pool, policy))
    knows = {"Authorization": f"Bearer {SECRET}"}
    found = client.post("/preview/patients", json={"server": SERVER, "query": "B"}, headers=knows)
    assert (found.status_code, bool(world.transport.calls)) == ((200, True) if asked else (400, False))
    chart = client.post("/preview", json={"server": SERVER, "patient": "p1"}, headers=knows)
    assert asked or (chart.status_code, world.transport.calls) == (400, [])
    offered = client.get("/preview/catalogue", headers=knows).json
    assert offered["servers"] == (["https://ehr.example.org"] if asked else [])
    unknown = client.get("/preview/catalogue")
    assert unknown.json["servers"] == ([] if settings.preview_secret else offered["servers"])
    assert "Authorization" in unknown.vary


@pytest.mark.parametrize(("threads", "places"), [(1, 1), (2, 1), (8, 4)])
def test_previews_leave_places_for_hook_calls(
    world: Any, patient_view: dict[str, Any], threads: int, places: int
) -> None:
    settings = replace(world.backend.settings, threads=threads)
    held: list[int] = []
    started = threading.Barrier(places + 1, timeout=60)
    done = threading.Event()
    extract = world.middle.extract

    def waits(resources: Any, **arguments: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            started.wait()
            done.wait(60)
        return extract(resources, **arguments)

    world.middle.extract = waits
    site = world.site(settings=settings)

    def ask(address: str) -> None:
        one = site.test_client().post("/preview", json=TYPED, environ_base={"REMOTE_ADDR": address})
        held.append(one.status_code)

    callers = [threading.Thread(target=ask, args=(f"10.0.0.{number}",)) for number in range(places)]
    for one in callers:
        one.start()
    started.wait()
    refused = site.test_client().post("/preview", json=TYPED, environ_base={"REMOTE_ADDR": "10.0.1.1"})
    hook = site.test_client().post("/cds-services/marrow-edema-patient-view", json=patient_view)
    done.set()
    for one in callers:
        one.join()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert (hook.status_code, held) == (200, [200] * places)
    assert site.test_client().post("/preview", json=TYPED).status_code == 200


@pytest.mark.parametrize("path", [path for path in POSTS if not path.endswith("patients")])
def test_a_call_has_one_time_for_all_that_it_does(world: Any, path: str) -> None:
    begun: list[CallTime] = []

    def start() -> CallTime:
        begun.append(CallTime())
        return begun[-1]

    world.backend.previews._start = start
    body = body_of(path)
    if "text" in body:
        body = body | {"orders": ["MRI lumbar spine"]}
    world.client().post(path, json=body)
    assert len(begun) == 1
    assert {id(call["in_time"]) for call in world.middle.calls} == {id(begun[0])}


def test_a_server_is_asked_no_longer_than_the_call_has_time(served: Any, charts: PreviewDesk, world: Any) -> None:
    now = [0.0]

    def get(url: str, *, token: str, seconds: float, form: str = "") -> Any:
        asked.append(seconds)
        now[0] += seconds
        return answers(url, token=token, seconds=seconds, form=form)

    asked: list[float] = []
    answers, world.transport.get = world.transport.get, get
    charts._start = lambda: CallTime(3.0, lambda: now[0])
    answer = served.post("/preview/patients", json={"server": SERVER, "query": "p1"})
    assert (answer.status_code, asked) == (412, [2.0, 1.0])


# ---- in which form ----


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "text/html"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("application/json, text/html", "application/json"),
    ],
)
def test_each_caller_gets_the_form_it_asked_for(world: Any, accept: str, mimetype: str) -> None:
    client = world.client()
    for path in ("/preview", "/preview/compare", "/preview/changes"):
        answer = client.post(path, json=body_of(path), headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (200, mimetype), path
        assert "Accept" in answer.vary
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Language"] == "en"


def test_parts_of_the_page_are_no_whole_page(client: Any) -> None:
    answer = client.post("/preview", json=TYPED, headers=HTML)
    assert "<html" not in answer.text
    assert "Edema: consider CRP" in answer.text


def test_faults_come_in_the_form_that_was_asked_for(client: Any) -> None:
    told = client.post("/preview", json={"text": ""})
    assert (told.status_code, told.json["issue"][0]["expression"]) == (400, ["text"])
    shown = client.post("/preview", json={"text": ""}, headers=HTML)
    assert (shown.status_code, shown.mimetype) == (400, "text/html")
    assert "must be the text of a report" in shown.text


@pytest.mark.parametrize("overlay", ["a = " + "[" * 30_000, "a = " + "9" * 6000])
def test_a_hostile_overlay_is_refused_by_its_field(client: Any, overlay: str) -> None:
    answer = client.post("/preview", json=TYPED | {"overlay": overlay})
    assert (answer.status_code, answer.json["issue"][0]["expression"]) == (400, ["overlay"])


def test_a_fault_of_syntax_names_line_and_column(client: Any) -> None:
    raw = b'{\n  "text": "Marrow edema",\n  "language" "en"\n}'
    for headers in ({}, HTML):
        answer = client.post("/preview", data=raw, content_type="application/json", headers=headers)
        assert answer.status_code == 400
        assert "line 3, column 14" in answer.text
        assert "Marrow" not in answer.text


def test_the_language_can_be_chosen_in_the_address(client: Any) -> None:
    assert "Ödem" in client.post("/preview?language=de", json=TYPED).json["cards"][0]["summary"]
    assert client.post("/preview?language=fr", json=TYPED).json["issue"][0]["expression"] == ["language"]
    assert client.get("/preview?language=ro").headers["Content-Language"] == "ro"


def test_the_catalogue_names_everything_in_three_languages(client: Any) -> None:
    answer = client.get("/preview/catalogue")
    assert answer.headers["Cache-Control"].startswith("private, max-age=")
    found = answer.json
    for part in ("groups", "analytes", "orders"):
        assert all(set(one["label"]) == {"en", "de", "ro"} for one in found[part])
    assert {"t11-before-labs", "spondylodiscitis-l4-l5"} <= {one["id"] for one in found["fixtures"]}
    cancer = next(group for group in found["groups"] if group["id"] == "CANCER")
    assert (cancer["kind"], cancer["label"]["de"]) == ("condition", "Krebserkrankung")


def test_a_form_without_script_takes_a_fixture(client: Any) -> None:
    answer = client.post("/preview", data={"fixture": "t11-before-labs"})
    assert answer.status_code == 200
    assert client.post("/preview", data={"fixture": "nobody"}).status_code == 400


# ---- FHIR servers ----

SERVER = "https://ehr.example.org/fhir"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-02", "name": [{"given": ["A"], "family": "B"}]}


def mri(identity: str, day: str, title: str = "MRI lumbar spine") -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": identity,
        "status": "final",
        "code": {"text": title},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": day,
        "conclusion": "Marrow edema of L4.",
    }


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


@pytest.fixture
def charts(world: Any) -> PreviewDesk:
    """Previews that may ask one server."""
    policy = AccessPolicy(("https://ehr.example.org",), world.transport, lambda: 0.0, local=False)
    old = world.backend.previews
    servers = ChartServers(
        lambda call: policy.open(call, None), old.knowledge.codes.imaging, 2.0, listed=("https://ehr.example.org",)
    )
    return PreviewDesk(old._completer, old._evaluator, old._cards, old.knowledge, servers=servers)


@pytest.fixture
def served(world: Any, charts: PreviewDesk) -> Any:
    """A site that may ask one server, and the transport that stands for it."""
    reports = (mri("r1", "2026-10-01"), mri("r2", "2026-11-01"), mri("r3", "2026-11-05", "CT of the chest"))
    world.transport.answers = {
        "Patient/p1": PATIENT,
        "Patient?name=": bundle(PATIENT),
        "DiagnosticReport?": bundle(*reports),
        "?patient=p1": bundle(),
    }
    return world.client(previews=charts)


def test_patients_with_spine_reports_are_found_by_name_and_id(served: Any, world: Any) -> None:
    for query in ("B", "p1", ""):
        found = served.post("/preview/patients", json={"server": SERVER, "query": query})
        assert found.status_code == 200
        (patient,) = found.json["patients"]
        assert (patient["id"], patient["birthDate"]) == ("p1", "1960-01-02" if query else "")
        assert [report["id"] for report in patient["reports"]] == ["r2", "r1"]
    assert served.post("/preview/patients", json={"server": SERVER, "query": "a&_count=9999/../x"}).status_code == 200
    assert all("&_count=9999" not in url and "/../" not in url for url, _ in world.transport.calls)


def test_a_chart_is_fetched_and_evaluated(served: Any, world: Any) -> None:
    answer = served.post("/preview", json={"server": SERVER, "patient": "p1"})
    assert answer.status_code == 200
    assert answer.json["view"]["source"] == "server"
    held = world.middle.calls[-1]["resources"]
    assert [one["id"] for one in held if one["resourceType"] == "DiagnosticReport"] == ["r1", "r2", "r3"]
    served.post("/preview", json={"server": SERVER, "patient": "p1", "report": "r1"})
    held = world.middle.calls[-1]["resources"]
    assert [one["id"] for one in held if one["resourceType"] == "DiagnosticReport"] == ["r1", "r3"]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/preview", {"server": "https://elsewhere.example", "patient": "p1"}, 400, "server"),
        ("/preview", {"server": "http://169.254.169.254/latest", "patient": "p1"}, 400, "server"),
        ("/preview", {"server": SERVER}, 400, "patient"),
        ("/preview", {"server": SERVER, "patient": "../x"}, 400, "patient"),
        ("/preview", {"server": SERVER, "patient": "p1", "report": "r9"}, 400, "report"),
        ("/preview", {"server": SERVER, "patient": "p1", "token": "x"}, 400, "token"),
        ("/preview", {"server": 3, "patient": "p1"}, 400, "server"),
        ("/preview", {"server": SERVER, "patient": "p9"}, 412, "prefetch.patient"),
        ("/preview/patients", {"server": "ftp://ehr.example.org", "query": "x"}, 400, "server"),
        ("/preview/patients", {"server": SERVER, "query": "x" * 101}, 400, "query"),
        ("/preview/patients", [], 400, "body"),
    ],
)
def test_servers_that_are_not_listed_are_never_asked(
    served: Any, world: Any, path: str, body: Any, status: int, field: str
) -> None:
    answer = served.post(path, json=body)
    assert (answer.status_code, answer.json["issue"][0]["expression"][0]) == (status, field)
    assert all(url.startswith("https://ehr.example.org/") for url, _ in world.transport.calls)


def test_a_server_that_fails_is_told(served: Any, world: Any) -> None:
    world.transport.answers = {}
    answer = served.post("/preview/patients", json={"server": SERVER, "query": "B"})
    assert (answer.status_code, answer.json["issue"][0]["expression"]) == (412, ["server"])


def test_without_servers_none_is_asked(client: Any) -> None:
    assert client.post("/preview/patients", json={"server": SERVER, "query": "B"}).status_code == 400


# ---- nothing is kept ----

PLANTED = ("Zephyrine", "xanthopsia", "Quittenweg", "1931-07-29", "ZX-kolumbine")


def planted() -> dict[str, Any]:
    return {
        "text": "MRI lumbar spine of Zephyrine. Marrow edema of L4, xanthopsia.",
        "title": "MRI Quittenweg",
        "patient": {"age": 70, "sex": "female", "onset": "2026-11-01"},
        "labs": [{"name": "CRP", "value": 84, "unit": "mg/L"}, {"name": "Zephyrine", "value": "xanthopsia"}],
        "conditions": ["Diabetes, Quittenweg"],
        "medications": ["ZX-kolumbine 5 mg"],
        "history": [{"group": "CANCER", "on": "1931-07-29"}],
        "orders": ["kyphoplasty for Zephyrine"],
    }


def test_nothing_typed_is_logged_or_stored(tmp_path: Path, logged: io.StringIO) -> None:
    client = build_site(build_backend(Settings(state_dir=tmp_path, budget_seconds=1))).test_client()
    sides = {"left": {"input": planted()}, "right": {"language": "de"}}
    for path in POSTS:
        body = sides if path.endswith("compare") else planted()
        for headers in ({}, HTML):
            assert client.post(path, json=body, headers=headers).status_code in (200, 400)
    client.post("/preview", data={"text": "Zephyrine: xanthopsia", "conditions": "Quittenweg"})
    client.post("/preview", json=planted() | {"Zephyrine": 1, "orders": [{"kind": "xanthopsia"}]})
    client.post("/preview", data=json.dumps(planted())[:-5], content_type="application/json")
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [word for word in PLANTED if word in logged.getvalue() or word.encode() in kept] == []
    assert '"endpoint":"preview.preview"' in logged.getvalue()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    client = build_site(build_backend(Settings(state_dir=tmp_path, budget_seconds=1))).test_client()
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) \u202eevil {{ 7*7 }}"
    body = {
        "text": f"MRI lumbar spine. Marrow edema of L4. {evil} " * 3,
        "title": evil,
        "labs": [{"name": evil, "value": evil, "unit": evil}],
        "conditions": [evil],
        "medications": [evil],
        "orders": [evil],
    }
    for path in ("/preview", "/preview/changes"):
        answer = client.post(path, json=body, headers=HTML)
        assert answer.status_code == 200
        for bad in ("<script>alert", "<img src=x", 'href="javascript:', " 49 "):
            assert bad not in answer.text, (path, bad)
        assert client.post(path, json=body).status_code == 200


def test_a_megabyte_of_text_is_answered(tmp_path: Path) -> None:
    client = build_site(build_backend(Settings(state_dir=tmp_path, budget_seconds=1))).test_client()
    answer: Any = client.post("/preview", json={"text": "Marrow edema of L4. " * 50_000})
    assert answer.status_code == 200
    assert answer.json["cards"]
