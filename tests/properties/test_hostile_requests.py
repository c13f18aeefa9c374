"""Five thousand damaged requests: no crash, work in proportion, and no red flag lost that the undamaged part carries.

One report states an emergency, and beside it everything may be damaged: types swapped, members removed, hostile
Unicode, deep nests, huge numbers, several at once. The answer still holds the critical card, or the call is refused.
"""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES
from cds_service.web.site import build_site

SERVICE_OF = {service.hook.value: service.id for service in SERVICES}
EMERGENCY = (
    "FINDINGS: Epidural abscess at T8-T9 with compression of the spinal cord. Marrow edema of T8 and T9 with fluid in "
    "the disc. IMPRESSION: Spondylodiscitis T8-T9 with epidural abscess and cord compression."
)
SUBJECT = {"reference": "Patient/p1"}
HOSTILE = (
    "\u202e\u2066txet\u2069", "\u0000", "\ud800", "\ufeff", "e\u0301" * 40, "\U0001f489" * 60, "ﬀ", "İ", "\u2028",
    "<img src=x onerror=alert(1)>", "](javascript:alert(1))", "{{context.patientId}}", "${jndi:ldap://x}", "%s%n",
    "' OR 1=1 --", "../../etc/passwd", "Patient/p2", "urn:uuid:1", "2026-13-45", "0002-01-02", "9999-12-31T23:59:60Z",
    "\r\nSet-Cookie: a=b", "null", "-0", "1e400", "L4 " * 2000, "no " * 1000, "(" * 3000,
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", [], {}, True, False, 0, -1, 2**63, 10**400, -1.5e308, 1e-320, [None], [[]], ["a"], {"a": 1},
    {"resourceType": "Bundle", "entry": [{}]}, {"resourceType": "Observation"}, {"coding": [{}]}, {"coding": {}},
    {"coding": [None]}, {"reference": 5}, {"value": "12", "unit": None}, {"value": {}}, [{"value": "<5"}],
    {"start": "2026", "end": []}, {"extension": [{"url": 5}]},
)  # fmt: skip
MEMBERS = ("x1", "_value", "status", "code", "valueString", "effectiveDateTime", "subject", "id", "extension", "text")
# Looks at the time: one for each resource and sentence, some for documents; far fewer than there are bytes.
LOOKS_AT_LEAST, BYTES_PER_LOOK = 500, 5


def nested(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"item": value}
    return value


values = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(HOSTILE),
    st.integers(1, 130).map(nested),
    st.text(max_size=12),
    st.integers(),
    st.floats(),
)
# Where (a place is found by counting on, so that every number is one), what is done there, with which value.
damages = st.lists(
    st.tuples(st.integers(0, 100_000), st.sampled_from(("swap", "swap", "remove", "add", "repeat")), values),
    min_size=1,
    max_size=6,
)


def entries(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def resource(kind: str, identity: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": identity, "status": "final", "subject": SUBJECT, **members}


def order() -> dict[str, Any]:
    code = {"text": "Vertebroplasty T8"}
    return resource("ServiceRequest", "o1", intent="order", code=code) | {"status": "draft"}


def chart(today: str) -> dict[str, Any]:
    report = resource(
        "DiagnosticReport", "r1", code={"text": "MRI thoracic spine"}, effectiveDateTime=today, conclusion=EMERGENCY
    )
    crp = {"coding": [{"system": "http://loinc.org", "code": "1988-5"}]}
    lab = resource("Observation", "l1", code=crp, valueQuantity={"value": 84, "unit": "mg/L"}, effectiveDateTime=today)
    history = resource("Condition", "c1", code={"text": "Diabetes mellitus"}, onsetDateTime="2019-05-01")
    drug = resource("MedicationStatement", "m1", medicationCodeableConcept={"text": "Ibuprofen 600 mg"})
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1961-04-02", "gender": "female"}
    return {
        "patient": patient,
        "reports": entries(report),
        "labs": entries(lab),
        "conditions": entries(history),
        "medications": entries(drug | {"status": "active"}),
    }


def request(hook: str) -> dict[str, Any]:
    today = datetime.now(UTC).isoformat()
    context: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": "p1", "encounterId": "e1"}
    if hook != "patient-view":
        context["draftOrders"] = entries(order(), order() | {"id": "o2", "code": {"text": "Physiotherapy"}})
    if hook == "order-select":
        context["selections"] = ["ServiceRequest/o1"]
    body = {
        "hook": hook,
        "hookInstance": "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3",
        "fhirServer": "https://ehr.example.org/fhir",
        "fhirAuthorization": {
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "",
            "subject": "s",
        },
        "context": context,
        "prefetch": chart(today),
    }
    # Nothing in it is shared, or damage at one place would be damage at another.
    copied: dict[str, Any] = json.loads(json.dumps(body))
    return copied


# What carries the red flag: the report, whose it is, and the order that meets it. Its holders may be added to only.
KEPT: tuple[tuple[Any, ...], ...] = (
    ("prefetch", "reports", "entry", 0, "resource"),
    ("context", "patientId"),
    ("context", "draftOrders", "entry", 0, "resource"),
    ("context", "selections", 0),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def is_free(path: tuple[Any, ...]) -> bool:
    return not any(path[: len(kept)] == kept or kept[: len(path)] == path for kept in KEPT)


def damage(body: dict[str, Any], where: int, how: str, value: Any) -> None:
    """Do one thing at one place that carries no red flag."""
    found = [path for path in places(body) if is_free(path) and len(path) < 40]
    if not found:
        return
    path = found[where % len(found)]
    holder: Any = body
    for name in path[:-1]:
        holder = holder[name]
    value = copy.deepcopy(value)
    if how == "swap":
        holder[path[-1]] = value
    elif how == "remove":
        del holder[path[-1]]
    elif how == "repeat" and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[path[-1]]) for _ in range(3))
    elif isinstance(holder, dict):
        holder[MEMBERS[where % len(MEMBERS)]] = value
    else:
        holder.append(value)


class Counted:
    """The time of one call, counted: there always is some, and every question for it is remembered."""

    def __init__(self) -> None:
        self.looks = 0

    def start(self) -> Callable[[], bool]:
        self.looks = 0
        return self.ask

    def ask(self) -> bool:
        self.looks += 1
        return True


class Site:
    def __init__(self, folder: Any) -> None:
        backend = build_backend(Settings(state_dir=folder, audit_days=0, max_body_bytes=2_000_000))
        self.time = Counted()
        backend.hooks._start = self.time.start
        self._client = build_site(backend).test_client()

    def post(self, hook: str, body: dict[str, Any], language: str = "en") -> Any:
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        answer = self._client.post(f"/cds-services/{SERVICE_OF[hook]}", data=raw, headers=headers)
        assert self.time.looks <= LOOKS_AT_LEAST + len(raw) // BYTES_PER_LOOK
        return answer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("state"))


def is_for_lay_reader(body: dict[str, Any]) -> bool:
    user = body["context"].get("userId")
    return isinstance(user, str) and user.startswith(("Patient/", "RelatedPerson/"))


def carries_the_flag(answer: Any) -> bool:
    return any(card["indicator"] == "critical" for card in answer.json["cards"])


@pytest.mark.parametrize("hook", SERVICE_OF)
def test_undamaged_request_carries_the_flag(site: Site, hook: str) -> None:
    answer = site.post(hook, request(hook))
    assert answer.status_code == 200
    assert carries_the_flag(answer)
    assert any("abscess" in card["detail"] for card in answer.json["cards"])


@pytest.mark.parametrize("language", ["en", "de", "ro"])
@pytest.mark.parametrize("hook", SERVICE_OF)
@settings(
    max_examples=570,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(done=damages)
def test_damage_beside_the_report_never_hides_what_it_states(
    site: Site, hook: str, language: str, done: list[tuple[int, str, Any]]
) -> None:
    body = request(hook)
    # The same numbers stand for every hook and language; each looks at places of its own.
    shift = 7919 * ("en", "de", "ro").index(language)
    for where, how, value in done:
        damage(body, where + shift, how, value)
    answer = site.post(hook, body, language)
    assert answer.status_code in {200, 400, 412, 413}
    assert ("cards" in answer.json) == (answer.status_code == 200)
    if answer.status_code == 200 and not is_for_lay_reader(body):
        assert carries_the_flag(answer)
    shown = json.dumps(answer.json)
    assert "<img" not in shown
    assert "](javascript:" not in shown


@pytest.mark.parametrize("odd", ODD, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_odd_draft_beside_the_order_never_hides_the_flag(site: Site, hook: str, odd: Any) -> None:
    body = request(hook)
    body["context"]["draftOrders"]["entry"][1]["resource"] = odd
    answer = site.post(hook, body)
    assert answer.status_code in {200, 400}
    assert answer.status_code == 400 or carries_the_flag(answer)
