"""JSON and HTTP in general, and discovery."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks import services
from cds_service.hooks.services import SERVICES
from cds_service.web.site import build_site
from tests.conformance.conftest import (
    NORMAL,
    PATIENT,
    VIEW,
    Ehr,
    Json,
    Signer,
    actions,
    report,
    searchset,
    walk,
    without_uuids,
)

EMPTY: tuple[Any, ...] = (None, "", [], {})
# Hook names of the library that may be answered here, with the version that each definition carries.
LIBRARY_HOOKS = {"patient-view", "order-select", "order-sign"}


def empty_members(body: Any) -> list[Any]:
    """Members that are null or empty, apart from the two lists that may be."""
    allowed = [body.get(name) for name in ("services", "cards") if isinstance(body, dict) and body.get(name) == []]
    return [one for one in walk(body) if any(one is e or one == e for e in EMPTY) and one is not False][len(allowed) :]


@pytest.mark.requirement("GEN-1", "GEN-2", "GEN-3", "GEN-13", "HTTP-1", "HTTP-5")
def test_every_body_is_json_without_empty_members(
    ehr: Ehr, pv_ok: Json, os_ok: Json, feedback: Callable[..., Json]
) -> None:
    silent = pv_ok | {"prefetch": pv_ok["prefetch"] | {"reports": searchset(report(NORMAL)), "labs": None}}
    answers = [
        ehr.http.get("/cds-services"),
        ehr.call(pv_ok),
        ehr.call(os_ok),
        ehr.call(silent),
        ehr.post(f"{VIEW}/feedback", feedback()),
        ehr.post(f"{VIEW}/feedback", feedback(outcome="ignored")),
        ehr.post("/cds-services/nope", pv_ok),
        ehr.http.put(VIEW),
        ehr.call(pv_ok | {"context": {}}),
        ehr.call(pv_ok | {"prefetch": {}}),
        ehr.raw(VIEW, b"{"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 400, 404, 405, 400, 412, 400]
    for answer in answers:
        assert answer.mimetype == "application/json"
        body = json.loads(answer.get_data().decode("utf-8"))
        assert isinstance(body, dict)
        assert empty_members(body) == []
        assert ("cards" in body) == (answer.status_code == 200 and "services" not in body and "kept" not in body)
        if answer.status_code != 200:
            assert body["resourceType"] == "OperationOutcome"
            assert all(issue["severity"] == "error" and issue["code"] for issue in body["issue"])
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in answers[1:])
    assert answers[1].json["cards"]
    assert answers[3].json == {"cards": []}


@pytest.mark.requirement("GEN-2", "GEN-3")
def test_nothing_in_the_answers_to_all_cases_is_empty(shown: list[Json]) -> None:
    assert sum(len(answer["cards"]) for answer in shown) > 50
    assert [part for answer in shown for part in empty_members(answer)] == []


@pytest.mark.requirement("GEN-4", "GEN-7", "GEN-8")
@pytest.mark.parametrize(
    "raw", [b'{"hook":1,}', b"// x\n{}", b'{"hook"', b'{"a":"\xff"}', b"[]", b'"x"', b"3", b"null", b""]
)
def test_what_is_no_json_object_is_refused(ehr2: Ehr, raw: bytes) -> None:
    answer = ehr2.raw(VIEW, raw)
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.requirement("GEN-4")
def test_a_call_with_a_trailing_comma_is_refused(ehr2: Ehr, pv_ok: Json) -> None:
    assert ehr2.raw(VIEW, json.dumps(pv_ok).encode()[:-1] + b",}").status_code == 400


@pytest.mark.requirement("GEN-5", "ACT-3", "ACT-7")
def test_resources_in_cards_are_valid_fhir(shown: list[Json]) -> None:
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - slow to load

    found = [one["resource"] for answer in shown for one in actions(answer) if "resource" in one]
    assert len(found) > 100
    for resource in found:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert resource["status"] == "draft"
        assert resource["intent"] == "proposal"


@pytest.mark.requirement("GEN-6", "REQ-14", "REQ-15", "EXT-6")
def test_unknown_members_change_nothing(ehr: Ehr, pv_ok: Json) -> None:
    plain = ehr.cards(pv_ok)
    body = pv_ok | {
        "x1": 1,
        "user": "Practitioner/1",
        "patient": "other",
        "encounter": "e",
        "context": pv_ok["context"] | {"x1": 1},
        "fhirAuthorization": {"x1": 1},
        "extension": {"com.example.trigger": {"value": 60}, "org.example.configuration": {"cards": "none"}},
    }
    assert without_uuids(ehr.cards(body)) == without_uuids(plain)


@pytest.mark.requirement("GEN-9")
@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("application/json", 200),
        ("Application/JSON", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 415),
    ],
)
def test_the_label_of_the_body_is_read_leniently(ehr2: Ehr, pv_ok: Json, label: str, status: int) -> None:
    assert ehr2.raw(VIEW, json.dumps(pv_ok).encode(), **{"Content-Type": label}).status_code == status


@pytest.mark.requirement("GEN-10")
@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
)
def test_the_answer_does_not_depend_on_accept(ehr: Ehr, pv_ok: Json, accept: str | None) -> None:
    answer = ehr.call(pv_ok, **({"Accept": accept} if accept else {}))
    assert answer.mimetype == "application/json"
    assert answer.json["cards"]


@pytest.mark.requirement("GEN-11")
def test_letters_of_the_world_come_back_unchanged(ehr: Ehr, pv_ok: Json) -> None:
    text = "MRT der LWS. Knochenmarködem LWK 2 und 3 (骨髄浮腫, 🦴, măduvă) mit Erosion der Endplatten L2/3."
    pv_ok["prefetch"]["reports"] = searchset(report(text))
    sent = json.dumps(pv_ok, ensure_ascii=False).encode()
    answer = ehr.raw(VIEW, sent)
    assert answer.status_code == 200
    data = answer.get_data()
    assert not data.startswith(b"\xef\xbb\xbf")
    assert "Knochenmarködem LWK 2 und 3 (骨髄浮腫, 🦴, măduvă)" in data.decode("utf-8")
    assert all(len(card["summary"].encode("utf-16-le")) // 2 < 140 for card in answer.json["cards"])


@pytest.mark.requirement("GEN-12")
def test_hostile_sizes_are_refused_and_the_service_lives_on(ehr2: Ehr, pv_ok: Json) -> None:
    deep = b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    long_number = b'{"x":' + b"9" * 1_000_000 + b"}"
    assert ehr2.raw(VIEW, b" " * 1_500_001).status_code == 413
    assert ehr2.raw(VIEW, deep).status_code == 400
    assert ehr2.raw(VIEW, long_number).status_code in {400, 413}
    assert ehr2.cards(pv_ok)["cards"]


@pytest.mark.requirement("DISC-1", "DISC-2", "DISC-4", "DISC-5", "DISC-6", "DISC-7", "DISC-8", "DISC-9", "DISC-10")
def test_discovery_describes_each_service(ehr: Ehr) -> None:
    listed = ehr.discovery()
    assert isinstance(listed, list)
    assert len(listed) == len(SERVICES)
    for one in listed:
        assert one["hook"] in LIBRARY_HOOKS or re.fullmatch(r"[a-z]+(\.[a-z-]+){2,}", one["hook"])
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", one["id"])
        assert one["title"].strip()
        # Readable as Markdown and as plain text.
        assert re.fullmatch(r"[^*_`#<>\[\]|\n]{40,}", one["description"])
        assert one["prefetch"]
        assert all(isinstance(template, str) and template for template in one["prefetch"].values())
        assert ("usageRequirements" in one) == (ehr.version != "1.0")
        assert "FHIR access" in one.get("usageRequirements", "FHIR access")
        assert ehr.post(f"/cds-services/{one['id']}", {}).status_code == 400


@pytest.mark.requirement("DISC-3")
def test_with_nothing_to_offer_the_list_is_empty(ehr: Ehr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SERVICES", ())
    answer = ehr.http.get("/cds-services")
    assert (answer.status_code, answer.json) == (200, {"services": []})


@pytest.mark.requirement("DISC-11", "DISC-12", "DISC-21", "REQ-18")
def test_version_is_told_to_clients_that_know_the_member(ehr: Ehr) -> None:
    for one in ehr.discovery():
        assert one.get("version") == ("3.0.0" if ehr.version == "3.0" else None)
        assert "hookVersion" not in one
        assert "extension" not in one


@pytest.mark.requirement("DISC-13", "DISC-14", "DISC-15")
def test_each_hook_has_one_address(ehr: Ehr) -> None:
    ids = [one["id"] for one in ehr.discovery()]
    assert len(set(ids)) == len(ids)
    assert len({one["hook"] for one in ehr.discovery()}) == len(ids)


@pytest.mark.requirement("DISC-16", "PRE-18")
def test_templates_stand_in_their_order_and_none_needs_another(ehr: Ehr) -> None:
    raw = ehr.http.get("/cds-services").text
    for service, listed in zip(SERVICES, ehr.discovery(), strict=True):
        assert list(listed["prefetch"]) == [key.name for key in service.prefetch]
        assert not any("%" in template for template in listed["prefetch"].values())
        part = raw[raw.index(service.id) :]
        places = [part.index(f'"{key.name}":') for key in service.prefetch]
        assert places == sorted(places)


@pytest.mark.requirement("DISC-17", "SEC-2")
def test_discovery_is_open_and_calls_are_not(signer: Signer, pv_ok: Json) -> None:
    """Chosen: what is offered is public, so that only calls are protected."""
    assert signer.http.get("/cds-services").status_code == 200
    assert signer.post(pv_ok, token=None).status_code == 401
    assert signer.post(pv_ok).status_code == 200


@pytest.mark.requirement("DISC-18")
def test_discovery_is_the_same_after_a_restart(tmp_path: Path) -> None:
    bodies = []
    for _ in range(2):
        http: FlaskClient = build_site(build_backend(Settings(state_dir=tmp_path))).test_client()
        bodies += [http.get("/cds-services").get_data() for _ in range(2)]
    assert len(set(bodies)) == 1
    assert PATIENT.encode() not in bodies[0]


@pytest.mark.requirement("DISC-19", "DISC-20", "REQ-1", "REQ-2", "HTTP-8")
def test_slashes_and_methods(ehr: Ehr, pv_ok: Json) -> None:
    assert ehr.http.get("/cds-services/").get_data() == ehr.http.get("/cds-services").get_data()
    for method in ("POST", "DELETE"):
        answer = ehr.http.open("/cds-services", method=method)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]
    for method in ("GET", "PUT", "DELETE"):
        answer = ehr.http.open(VIEW, method=method)
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]
    unknown = ehr.post("/cds-services/nope", pv_ok)
    assert (unknown.status_code, unknown.json["resourceType"]) == (404, "OperationOutcome")
    assert ehr.call(pv_ok).status_code == 200
    for path in (VIEW, f"{VIEW}/", VIEW.replace("services/", "services//"), f"{VIEW}/feedback", f"{VIEW}/feedback/"):
        assert ehr.post(path, pv_ok).status_code not in range(300, 400)


@pytest.mark.requirement("DISC-22", "DISC-23", "CLI-1")
def test_the_page_for_setting_up_by_hand_agrees_with_discovery(ehr2: Ehr) -> None:
    page = ehr2.http.get("/about/knowledge", headers={"Accept": "text/html"}).text
    table = page[page.index('id="services"') :]
    for one in ehr2.discovery():
        row = table[table.index(f"/cds-services/{one['id']}") :].partition("</tr>")[0]
        assert f'<th scope="row">{one["hook"]}</th>' in table
        shown = dict(re.findall(r"<dt>(\w+)(?: \(required\))?</dt><dd><code>(.*?)</code>", row))
        assert {name: text.replace("&amp;", "&") for name, text in shown.items()} == one["prefetch"]
    guide = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")
    for one in ehr2.discovery():
        assert f"`{one['id']}`" in guide
        for template in one["prefetch"].values():
            assert f"`patient/{template.partition('?')[0].partition('/')[0]}.rs`" in guide


@pytest.mark.requirement("REQ-19", "HOOK-OS-14")
def test_a_call_stands_alone_and_may_come_again(ehr: Ehr, os_ok: Json) -> None:
    answers = [ehr.cards(os_ok | {"hookInstance": f"00000000-0000-4000-8000-00000000000{n}"}) for n in range(10)]
    assert answers[0]["cards"]
    assert all(without_uuids(one) == without_uuids(answers[0]) for one in answers)


@pytest.mark.requirement("HOOK-OTH-1", "HOOK-RES-1", "HOOK-RES-2", "HOOK-RES-4", "HOOK-RES-5")
def test_only_hooks_of_the_library_are_offered(ehr: Ehr) -> None:
    assert {one["hook"] for one in ehr.discovery()} == LIBRARY_HOOKS
    assert {service.hook.value for service in SERVICES} == LIBRARY_HOOKS


@pytest.mark.requirement("HOOK-RES-3")
def test_no_text_promises_an_alert_when_a_result_arrives() -> None:
    root = Path(__file__).parents[2]
    said = " ".join((root / name).read_text(encoding="utf-8") for name in ("README.md", "docs/deployment.md"))
    assert "not an alarm" in said
    assert "next time a chart is opened" in said
    for service in SERVICES:
        assert not re.search(r"\b(alert|notif|as soon as|when a result arrives)", service.description)
