"""A call whose prefetch is only outlined leads to the facts of one that is parsed whole, whatever is wrong with it."""

import copy
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

import fhir_fixtures
from cds_service.domain.facts import Gap, GapCode, PatientFacts, Reading, ReportText
from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.fhir.bounds import Bounds
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.received import ReceivedResource, Survey
from cds_service.hooks.prefetch import FetchLimits, PrefetchCompleter
from cds_service.hooks.request import read_request
from cds_service.hooks.sent import sent_call
from cds_service.hooks.services import PATIENT_VIEW, SERVICES, Service
from cds_service.knowledge.load import load_knowledge

AS_OF = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOUNDS = Bounds(100, 20_000)
LIMITS = FetchLimits(seconds=60, pages=5, entries=1_000)
ODD: tuple[Any, ...] = (
    None, "", " ", [], {}, True, 0, -1, 1.5, 10**30, "x", [None], [[]], ["a"], {"a": 1}, "2026-13-45", "9999-01-01",
    "2025", "1.2.2025", "entered-in-error", "Final", "preliminary", {"reference": "Patient/other"}, {"reference": 5},
    {"reference": "Patient/p1/_history/2"}, {"text": "CRP"}, {"coding": [{"display": "ESR"}]}, {"coding": {}},
    {"coding": [None]}, {"text": "Sodium"}, [{"text": "Fever"}], {"coding": [{"code": "exam"}]},
    [{"coding": [{"code": "survey"}]}], {"value": "12,5", "unit": "mg/l"}, {"value": 7}, {"value": 9, "unit": "ell"},
    {"value": 1e9, "unit": "mg/L"}, {"value": 4, "unit": "mg/L", "comparator": "<"}, [{"text": "< 5"}],
    [{"low": {"value": 1}, "high": {"value": 5, "unit": "mg/L"}}], "\ud7ff ä \u2028", "1e400",
)  # fmt: skip
MEMBERS = (
    "status", "code", "category", "subject", "patient", "for", "id", "meta", "component", "hasMember", "valueString",
    "valueQuantity", "valueCodeableConcept", "valueInteger", "valueBoolean", "referenceRange", "interpretation", "note",
    "effectiveDateTime", "effectivePeriod", "issued", "contained", "resourceType", "extension", "comments", "x1",
    "fullUrl", "total", "link", "entry",
)  # fmt: skip


class SilentReader:
    """Finds nothing in any text."""

    def read(self, texts: Any, **_: Any) -> Reading:
        assert all(isinstance(text, ReportText) for text in texts)
        return Reading(Language.EN)


@pytest.fixture(scope="module")
def extractor() -> FactExtractor:
    return FactExtractor(load_knowledge(), SilentReader())


@pytest.fixture(scope="module")
def completer() -> Iterator[PrefetchCompleter]:
    with ThreadPoolExecutor(1) as pool:
        yield PrefetchCompleter(LIMITS, pool, lambda: 0.0)


def calls() -> list[tuple[Service, dict[str, Any]]]:
    """Every synthetic patient, as a call of the service that asks for it."""
    found = []
    for name in fhir_fixtures.scenarios():
        service = next(one for one in SERVICES if one.hook == fhir_fixtures.scenario(name).hook)
        found.append((service, fhir_fixtures.hook_request(name, service.to_wire(), AS_OF)))
    return found


CALLS = calls()


def facts_of(
    service: Service, body: Any, completer: PrefetchCompleter, extractor: FactExtractor, survey: Survey
) -> PatientFacts:
    request = read_request(service, body)
    chart = completer.complete(request, None)
    return extractor.extract(
        chart.resources,
        patient_id=request.patient_id,
        as_of=AS_OF,
        draft_orders=request.orders,
        selections=request.selections,
        gaps=chart.gaps,
        survey=survey,
    )


def outcome(*arguments: Any) -> PatientFacts | str:
    try:
        facts = facts_of(*arguments)
    except RequestError as error:
        return f"{error.status} {error}"
    return replace(facts, gaps=tuple(sorted(facts.gaps, key=repr)))


def clinical(facts: PatientFacts | str) -> PatientFacts | str:
    if isinstance(facts, str):
        return facts
    return replace(facts, gaps=tuple(gap for gap in facts.gaps if gap.clinical))


def read_sent(raw: bytes, service: Service, bounds: Bounds) -> dict[str, Any] | None:
    sent = sent_call(raw, service)
    return sent.body(bounds) if sent is not None else None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if len(path) > 1:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def damage(body: dict[str, Any], chance: random.Random) -> None:
    """Do one thing at one place of the prefetch."""
    path = chance.choice(list(places({"prefetch": body["prefetch"]})))
    holder: Any = body
    for name in path[:-1]:
        holder = holder[name]
    value = copy.deepcopy(chance.choice(ODD))
    match chance.choice(("swap", "swap", "remove", "add", "add", "repeat")):
        case "swap":
            holder[path[-1]] = value
        case "remove":
            del holder[path[-1]]
        case "repeat" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        case _ if isinstance(holder, dict):
            holder[chance.choice(MEMBERS)] = value


def compare(service: Service, raw: bytes, completer: PrefetchCompleter, extractor: FactExtractor) -> bool:
    """Compare the three ways to read a body; tell whether it was one that needs no parsing as a whole."""
    parsed = orjson.loads(raw)
    whole = outcome(service, parsed, completer, extractor, Survey.WHOLE)
    read = outcome(service, parsed, completer, extractor, Survey.READ)
    assert clinical(read) == clinical(whole)
    sent = read_sent(raw, service, BOUNDS)
    if sent is not None:
        assert outcome(service, sent, completer, extractor, Survey.READ) == read
    return sent is not None


@pytest.mark.parametrize(("service", "body"), CALLS, ids=fhir_fixtures.scenarios())
def test_every_patient_is_read_alike(
    service: Service, body: dict[str, Any], completer: PrefetchCompleter, extractor: FactExtractor
) -> None:
    for written in (json.dumps(body), json.dumps(body, indent=2, ensure_ascii=False)):
        # twice, as what was remembered of the first time is used the second time
        assert compare(service, written.encode(), completer, extractor)
        assert compare(service, written.encode(), completer, extractor)


@pytest.mark.parametrize("seed", range(25))
def test_damaged_calls_are_read_alike(seed: int, completer: PrefetchCompleter, extractor: FactExtractor) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage, no secret
    outlined = 0
    for _ in range(12):
        service, body = copy.deepcopy(chance.choice(CALLS))
        for _ in range(chance.randint(1, 6)):
            damage(body, chance)
        outlined += compare(service, json.dumps(body).encode(), completer, extractor)
    assert outlined


def searchset(*resources: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def result(identity: str = "o1", **members: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "2951-2", "display": "Sodium"}]}
    category = [{"coding": [{"code": "laboratory"}]}]
    usual = {"status": "final", "code": code, "category": category, "effectiveDateTime": "2026-11-01T08:00:00Z"}
    return {"resourceType": "Observation", "id": identity, "subject": {"reference": "Patient/p1"}} | usual | members


def call_with(*labs: Any, **prefetch: Any) -> dict[str, Any]:
    values = {"patient": {"resourceType": "Patient", "id": "p1"}, "reports": searchset(), "labs": searchset(*labs)}
    context = {"userId": "Practitioner/d1", "patientId": "p1"}
    return {"hook": "patient-view", "hookInstance": "i", "context": context, "prefetch": values | prefetch}


def sent_facts(body: Any, completer: PrefetchCompleter, extractor: FactExtractor) -> PatientFacts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = read_sent(raw, PATIENT_VIEW, BOUNDS)
    assert sent is not None
    return facts_of(PATIENT_VIEW, sent, completer, extractor, Survey.READ)


def test_what_nobody_reads_is_never_built(
    completer: PrefetchCompleter, extractor: FactExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    parse = ReceivedResource._parsed

    def noted(item: ReceivedResource) -> Any:
        built.append(item.reference)
        return parse(item)

    monkeypatch.setattr(ReceivedResource, "_parsed", noted)
    crp = {"coding": [{"system": "http://loinc.org", "code": "1988-5"}]}
    quantity = {"value": 84, "unit": "mg/L"}
    labs = [result(f"o{number}") for number in range(50)]
    labs += [result(f"c{number}", code=crp, valueQuantity=quantity) for number in range(3)]
    facts = sent_facts(call_with(*labs), completer, extractor)
    assert [value.value for value in facts.labs] == [84]
    assert built == []


@pytest.mark.parametrize(
    "told",
    [
        {"code": {"text": "C-reactive protein"}},
        {"code": {"coding": [{"system": "urn:local", "code": "77", "display": "CRP quantitative"}]}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "2951-2"}], "text": "CRP"}},
    ],
)
def test_a_marker_is_known_by_its_words_alone(
    told: dict[str, Any], completer: PrefetchCompleter, extractor: FactExtractor
) -> None:
    lab = result(valueQuantity={"value": 84, "unit": "mg/L"}, **told)
    assert [value.value for value in sent_facts(call_with(lab), completer, extractor).labs] == [84]


@pytest.mark.parametrize("members", [{"code": None}, {"code": {}}, {"code": {"coding": [{"system": "urn:x"}]}}])
def test_a_result_that_cannot_be_recognised_is_said(
    members: dict[str, Any], completer: PrefetchCompleter, extractor: FactExtractor
) -> None:
    lab = result(valueQuantity={"value": 84, "unit": "mg/L"}, **members)
    gaps = sent_facts(call_with(lab), completer, extractor).gaps
    assert Gap(GapCode.MISSING_CODE, "Observation/o1", "code", clinical=True) in gaps


def test_what_is_foreign_is_said_also_of_results_that_nobody_reads(
    completer: PrefetchCompleter, extractor: FactExtractor
) -> None:
    labs = (
        result(),
        result("o2", subject={"reference": "Patient/p2"}),
        result("o3", subject={"reference": "Group/p1"}),
    )
    gaps = sent_facts(call_with(*labs), completer, extractor).gaps
    foreign = [gap.resource for gap in gaps if gap.code is GapCode.FOREIGN_PATIENT]
    assert foreign == ["Observation/o2", "Observation/o3"]


def test_remembered_results_keep_their_own_time_status_and_place(
    completer: PrefetchCompleter, extractor: FactExtractor
) -> None:
    crp = {"code": {"text": "CRP"}, "valueQuantity": {"value": 84, "unit": "mg/L"}}
    labs = (
        result("a", **crp),
        result("b", **crp, effectiveDateTime="2026-11-03", status="preliminary"),
        result("c", **crp, effectiveDateTime="2027-05-01"),
        result("d", **crp, effectiveDateTime="2026-11-04T08:00:00"),
        result("e", **crp, status="entered-in-error"),
    )
    facts = sent_facts(call_with(*labs), completer, extractor)
    read = [(value.provenance.reference, value.status) for value in facts.labs]
    assert read == [
        ("Observation/a", "final"), ("Observation/b", "preliminary"), ("Observation/c", "final"),
        ("Observation/d", "final"),
    ]  # fmt: skip
    days = [value.collected.date().isoformat() if value.collected else "" for value in facts.labs]
    assert days == ["2026-11-01", "2026-11-03", "", "2026-11-04"]
    codes = {(gap.code, gap.resource) for gap in facts.gaps}
    assert {
        (GapCode.FUTURE_DATE, "Observation/c"),
        (GapCode.INVALID_DATE, "Observation/d"),
        (GapCode.WITHDRAWN, "Observation/e"),
    } <= codes


def test_a_search_answered_with_one_resource_is_read(completer: PrefetchCompleter, extractor: FactExtractor) -> None:
    bare = {"resourceType": "Condition", "id": "c1", "code": {"text": "Fever"}, "subject": {"reference": "Patient/p1"}}
    assert [one.text for one in sent_facts(call_with(conditions=bare), completer, extractor).conditions] == ["Fever"]


def test_entries_without_a_resource_are_counted(completer: PrefetchCompleter, extractor: FactExtractor) -> None:
    labs = {"resourceType": "Bundle", "entry": [{}, {"resource": None}, {"resource": "x"}, {"resource": result()}]}
    gaps = sent_facts(call_with(labs=labs), completer, extractor).gaps
    counted = [gap for gap in gaps if gap.code is GapCode.RESOURCE_UNREADABLE]
    assert [dict(gap.params)["count"] for gap in counted] == ["3"]


@pytest.mark.parametrize(
    "raw",
    [
        b"[]", b"5", b'{"prefetch":5}', b'{"prefetch":{"labs":[]}}', b'{"prefetch":{"labs":{"resourceType":5}}}',
        b'{"prefetch":{"labs":{"resourceType":"Bundle","entry":{}}}}', b'{"x":"\xff"}', b'{"hook":1e999}', b"{",
        b'{"prefetch":{"labs":{"resourceType":"Bundle","entry":[5]}}}',
        b'{"context":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    ],
)  # fmt: skip
def test_a_body_built_otherwise_is_left_to_the_whole_parser(raw: bytes) -> None:
    assert read_sent(raw, PATIENT_VIEW, BOUNDS) is None


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_too_deep_or_too_long_is_refused(completer: PrefetchCompleter, extractor: FactExtractor) -> None:
    condition = {"resourceType": "Condition", "id": "c1", "extension": nested(98)}
    with pytest.raises(RequestError, match="deeper than 100 levels"):
        sent_facts(call_with(conditions=searchset(condition)), completer, extractor)
    with pytest.raises(RequestError, match="deeper than 100 levels"):
        read_sent(json.dumps(call_with() | {"extension": nested(120)}).encode(), PATIENT_VIEW, BOUNDS)
    many = json.dumps(call_with(*[result() for _ in range(12)])).encode()
    with pytest.raises(RequestError, match="more than 10 entries"):
        read_sent(many, PATIENT_VIEW, Bounds(100, 10))
    several = json.dumps(call_with(*[result()] * 8, vitals=searchset(*[result()] * 8))).encode()
    with pytest.raises(RequestError, match="more than 10 resources"):
        read_sent(several, PATIENT_VIEW, Bounds(100, 10))


@pytest.mark.parametrize(
    "change",
    [{"valueQuantity": {"value": 8765, "unit": "mg/L"}}, {"id": 8765}],
    ids=["in a value", "in place of an id"],
)
def test_what_is_no_number_is_refused_where_it_is_read(
    completer: PrefetchCompleter, extractor: FactExtractor, change: dict[str, Any]
) -> None:
    crp = result(code={"text": "CRP"}, **change)
    raw = json.dumps(call_with(crp)).encode().replace(b"8765", b"1e999")
    with pytest.raises(RequestError, match="is not JSON"):
        sent_facts(raw, completer, extractor)


def test_the_first_calls_of_a_process_may_come_at_once() -> None:
    for _ in range(8):
        ended = subprocess.run([sys.executable, "-m", "tests.hooks.first_calls"], check=False)
        assert ended.returncode == 0
