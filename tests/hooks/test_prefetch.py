"""Completing a prefetch: every subset of keys, every odd value, a FHIR server that helps, hangs or lies."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from cds_service.domain.facts import GapCode
from cds_service.errors import PrefetchError, RequestError
from cds_service.hooks.prefetch import Chart, FetchFailed, FetchLimits, PrefetchCompleter
from cds_service.hooks.request import HookRequest
from cds_service.hooks.services import PATIENT_VIEW

KEYS = [key.name for key in PATIENT_VIEW.prefetch]
PATIENT = {"resourceType": "Patient", "id": "pt-1"}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
ODD_OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": []}, {"severity": "fatal"}]}
NOTHING_FOUND = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}


def bundle(*resources: Any, following: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}
    return made | ({"link": [{"relation": "next", "url": following}]} if following else {})


def observation(number: int) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"o{number}"}


REPORT = {"resourceType": "DiagnosticReport", "id": "dr-1"}
REQUIRED = {"patient": PATIENT, "reports": bundle(REPORT)}


@dataclass
class Server:
    """A FHIR server: answers by the first part of the address, remembers what was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, address: str, seconds: float) -> Any:
        assert seconds > 0
        self.asked.append(address)
        answer = next((value for part, value in self.answers.items() if part in address), None)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise FetchFailed("not found")
        return answer


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


@pytest.fixture
def completer(pool: ThreadPoolExecutor) -> PrefetchCompleter:
    return PrefetchCompleter(FetchLimits(1.0, 4, 1000), pool, time.monotonic)


def call(prefetch: dict[str, Any] | None) -> HookRequest:
    return HookRequest(PATIENT_VIEW, "i", "pt-1", "Practitioner/1", prefetch=prefetch)


def gaps(chart: Chart) -> set[tuple[str, str]]:
    return {(gap.code.value, dict(gap.params)["key"]) for gap in chart.gaps}


def test_complete_prefetch_asks_nobody(completer: PrefetchCompleter) -> None:
    server = Server()
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED), server)
    assert server.asked == []
    assert (chart.gaps, chart.missing) == ((), ())
    assert chart.resources == (PATIENT, REPORT)


@pytest.mark.requirement("PRE-21")
@pytest.mark.parametrize("sent", [c for n in range(3) for c in itertools.combinations(KEYS, len(KEYS) - n)])
def test_every_subset_is_answered_or_refused_by_name(completer: PrefetchCompleter, sent: tuple[str, ...]) -> None:
    prefetch = {name: value for name, value in (dict.fromkeys(KEYS) | REQUIRED).items() if name in sent}
    lost = [name for name in KEYS if name not in sent]
    required = tuple(name for name in lost if name in REQUIRED)
    if required:
        with pytest.raises(PrefetchError) as refused:
            completer.complete(call(prefetch), None)
        assert refused.value.keys == required
        return
    chart = completer.complete(call(prefetch), None)
    said = {(GapCode.PREFETCH_MISSING.value, name) for name in lost if name not in {"crp", "esr"}}
    assert gaps(chart) == said
    assert all(gap.clinical for gap in chart.gaps)


@pytest.mark.parametrize(
    "empty",
    [
        None,
        bundle(),
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "total": 0, "entry": None},
        bundle(NOTHING_FOUND),
        NOTHING_FOUND,
    ],
)
def test_nothing_found_is_an_answer_and_not_asked_again(completer: PrefetchCompleter, empty: Any) -> None:
    server = Server()
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": empty}), server)
    assert server.asked == []
    assert (chart.gaps, chart.missing) == ((), ())


def test_nothing_found_for_every_key_is_no_error(completer: PrefetchCompleter) -> None:
    assert completer.complete(call(dict.fromkeys(KEYS)), None) == Chart(())


@pytest.mark.parametrize("odd", ["123", [], 5, True, {}, {"resourceType": "Practitioner"}, {"resourceType": 7}])
def test_value_of_another_kind_counts_as_not_sent(completer: PrefetchCompleter, odd: Any) -> None:
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": odd}), None)
    assert gaps(chart) == {("prefetch-missing", "labs")}


def test_error_outcome_is_said_and_not_asked_again(completer: PrefetchCompleter) -> None:
    for value in (FAILED, bundle(FAILED), {"resourceType": "OperationOutcome"}, ODD_OUTCOME):
        server = Server({"Observation": bundle(observation(1))})
        chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": value}), server)
        assert server.asked == []
        assert gaps(chart) == {("operation-outcome", "labs")}


def test_error_outcome_beside_results_keeps_the_results(completer: PrefetchCompleter) -> None:
    given = dict.fromkeys(KEYS) | REQUIRED | {"labs": bundle(observation(1), FAILED)}
    chart = completer.complete(call(given), None)
    assert observation(1) in chart.resources
    assert gaps(chart) == {("operation-outcome", "labs")}


def test_error_outcome_of_a_required_key_is_refused(completer: PrefetchCompleter) -> None:
    with pytest.raises(PrefetchError, match=r"reported an error.*: reports"):
        completer.complete(call(REQUIRED | {"reports": FAILED}), Server())


def test_bare_resource_counts_as_a_result_of_one_entry(completer: PrefetchCompleter) -> None:
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": observation(1)}), None)
    assert observation(1) in chart.resources
    assert chart.gaps == ()


def test_entries_of_other_types_are_left_out(completer: PrefetchCompleter) -> None:
    medication = {"resourceType": "Medication", "id": "m"}
    given = dict.fromkeys(KEYS) | REQUIRED | {
        "labs": bundle(observation(1), {"resourceType": "Provenance"}, {"resourceType": "x y"}, "text", {}),
        "medicationRequests": bundle(medication),
    }  # fmt: skip
    chart = completer.complete(call(given), None)
    assert [resource["resourceType"] for resource in chart.resources] == [
        "Patient", "DiagnosticReport", "Observation", "Medication"
    ]  # fmt: skip
    assert {(gap.code.value, gap.resource, gap.clinical) for gap in chart.gaps} == {
        ("unexpected-resource", "Provenance", False),
        ("unexpected-resource", "unknown", False),
        ("resource-unreadable", "Observation", True),
    }


def test_address_that_neighbours_refer_to_is_kept(completer: PrefetchCompleter) -> None:
    named = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": observation(1)}]}
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": named}), None)
    assert chart.resources[-1] == named


def test_same_resource_of_several_keys_is_read_once(completer: PrefetchCompleter) -> None:
    unnamed = {"resourceType": "Observation"}
    given = (
        dict.fromkeys(KEYS)
        | REQUIRED
        | {"labs": bundle(observation(1), unnamed), "crp": bundle(observation(1), unnamed)}
    )
    chart = completer.complete(call(given), None)
    assert [resource.get("id") for resource in chart.resources if resource["resourceType"] == "Observation"] == [
        "o1", None, None
    ]  # fmt: skip


@pytest.mark.parametrize(
    "patient", [{"resourceType": "Patient", "id": "pt-2"}, bundle({"resourceType": "Patient", "id": "x"})]
)
def test_another_patient_is_refused(completer: PrefetchCompleter, patient: Any) -> None:
    with pytest.raises(RequestError, match="not the patient"):
        completer.complete(call(REQUIRED | {"patient": patient}), None)


def test_patient_without_id_is_taken(completer: PrefetchCompleter) -> None:
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"patient": {"resourceType": "Patient"}}), None)
    assert chart.gaps == ()


def test_only_the_missing_keys_are_fetched(completer: PrefetchCompleter) -> None:
    server = Server({"vital-signs": bundle(observation(7)), "Device": bundle()})
    given = {name: None for name in KEYS if name not in {"vitals", "devices", "crp"}} | REQUIRED
    chart = completer.complete(call(given), server)
    assert sorted(address.partition("?")[0] for address in server.asked) == ["Device", "Observation"]
    assert all("patient=pt-1" in address for address in server.asked)
    assert observation(7) in chart.resources
    assert sorted(chart.fetched) == ["devices", "vitals"]
    assert (chart.gaps, chart.missing) == ((), ())


def test_everything_is_fetched_without_prefetch(completer: PrefetchCompleter) -> None:
    server = Server({"Patient/pt-1": PATIENT, "DiagnosticReport": bundle(REPORT), "?": bundle()})
    chart = completer.complete(call(None), server)
    assert chart.resources == (PATIENT, REPORT)
    assert chart.gaps == ()
    assert len(server.asked) == len(KEYS) - 2


def test_fetched_and_prefetched_charts_are_equal(completer: PrefetchCompleter) -> None:
    labs = bundle(observation(1), observation(2))
    sent = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), None)
    server = Server({"Patient": PATIENT, "DiagnosticReport": REQUIRED["reports"], "laboratory": labs, "?": bundle()})
    assert completer.complete(call({}), server).resources == sent.resources


@pytest.mark.parametrize("answer", [FetchFailed("HTTP 401"), "text", FAILED, {"resourceType": "Practitioner"}])
def test_server_that_refuses_a_required_key_means_412(completer: PrefetchCompleter, answer: Any) -> None:
    server = Server({"DiagnosticReport": answer, "?": bundle()})
    with pytest.raises(PrefetchError) as refused:
        completer.complete(call({"patient": PATIENT}), server)
    assert refused.value.keys == ("reports",)


def test_server_that_refuses_an_optional_key_is_a_gap(completer: PrefetchCompleter) -> None:
    given = {name: None for name in KEYS if name != "devices"} | REQUIRED
    chart = completer.complete(call(given), Server())
    assert gaps(chart) == {("prefetch-missing", "devices")}
    assert chart.fetched == ()


def test_further_pages_are_read(completer: PrefetchCompleter) -> None:
    server = Server({"page2": bundle(observation(2), following="https://ehr/page3"), "page3": bundle(observation(3))})
    labs = bundle(observation(1), following="https://ehr/page2")
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), server)
    assert [r["id"] for r in chart.resources if r["resourceType"] == "Observation"] == ["o1", "o2", "o3"]
    assert chart.gaps == ()


@pytest.mark.parametrize("second", [None, FAILED, "x"])
def test_page_that_cannot_be_read_makes_the_result_incomplete(completer: PrefetchCompleter, second: Any) -> None:
    labs = bundle(observation(1), following="https://ehr/page2")
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), Server({"page2": second}))
    assert observation(1) in chart.resources
    assert gaps(chart) == {("fetch-incomplete", "labs")}


def test_endless_pages_stop_at_the_limit(completer: PrefetchCompleter) -> None:
    pages = {f"page-{n}": bundle(observation(n), following=f"https://ehr/page-{n + 1}") for n in range(1, 9)}
    server = Server(dict(pages))
    labs = bundle(observation(0), following="https://ehr/page-1")
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), server)
    assert len(server.asked) == 4
    assert gaps(chart) == {("fetch-incomplete", "labs")}


def test_a_page_that_leads_back_to_itself_is_read_once(completer: PrefetchCompleter) -> None:
    server = Server({"loop": bundle(observation(2), following="https://ehr/loop")})
    labs = bundle(observation(1), following="https://ehr/loop")
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), server)
    assert len(server.asked) == 1
    assert gaps(chart) == {("fetch-incomplete", "labs")}


def test_a_fetched_patient_of_another_id_is_refused(completer: PrefetchCompleter) -> None:
    server = Server({"Patient/": {**PATIENT, "id": "pt-2"}, "": bundle()})
    with pytest.raises(PrefetchError, match="answer about another patient") as refused:
        completer.complete(call(dict.fromkeys(KEYS) | {"reports": bundle(REPORT)} | {"patient": 5}), server)
    assert refused.value.keys == ("patient",)


def test_next_page_without_access_is_said(completer: PrefetchCompleter) -> None:
    labs = bundle(observation(1), following="https://ehr/page2")
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), None)
    assert gaps(chart) == {("fetch-incomplete", "labs")}


ANNOUNCED = [
    bundle(following="https://ehr/page2"),
    bundle() | {"total": 3},
    {"resourceType": "Bundle", "total": 3},
    {"resourceType": "Bundle", "entry": "x"},
    {"resourceType": "Bundle", "entry": {"resource": REPORT}},
]


@pytest.mark.parametrize("sent", ANNOUNCED)
def test_reports_that_are_announced_and_not_sent_are_fetched(completer: PrefetchCompleter, sent: Any) -> None:
    server = Server({"page2": bundle(REPORT), "DiagnosticReport?": bundle(REPORT)})
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": sent}), server)
    assert (len(server.asked), REPORT in chart.resources, chart.gaps) == (1, True, ())


@pytest.mark.parametrize("sent", ANNOUNCED)
def test_reports_that_are_announced_and_cannot_be_had_mean_412(completer: PrefetchCompleter, sent: Any) -> None:
    for access in (None, Server({"page2": FAILED, "DiagnosticReport?": {"resourceType": "Bundle", "total": 2}})):
        with pytest.raises(PrefetchError) as caught:
            completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": sent}), access)
        assert caught.value.keys == ("reports",)


@pytest.mark.parametrize("sent", ANNOUNCED)
def test_other_results_that_are_announced_and_not_sent_are_said(completer: PrefetchCompleter, sent: Any) -> None:
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": sent}), None)
    assert {key for _, key in gaps(chart)} >= {"labs"}
    assert all(gap.clinical for gap in chart.gaps)


def test_fewer_results_than_announced_are_incomplete(completer: PrefetchCompleter) -> None:
    some = bundle(REPORT, {"resourceType": "Observation", "id": "beside"}) | {"total": 2}
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": some}), None)
    assert gaps(chart) == {("fetch-incomplete", "reports")}
    all_of_them = bundle(REPORT) | {"total": True}
    assert completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": all_of_them}), None).gaps == ()


def test_odd_links_are_no_pages(completer: PrefetchCompleter) -> None:
    labs = bundle(observation(1)) | {"link": ["x", {"relation": "self"}, {"relation": "next", "url": 5}]}
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"labs": labs}), None)
    assert chart.gaps == ()


LINKED = REPORT | {
    "presentedForm": [
        {"url": "Binary/b1"},
        {"url": "https://ehr/fhir/Binary/b2"},
        {"url": "Binary/b3", "data": "aGVyZQ=="},
        {"url": "https://elsewhere/report.pdf"},
        {"url": "Binary/../secret"},
        {"url": 5},
        "x",
    ]
}


def test_texts_that_reports_link_to_are_fetched(completer: PrefetchCompleter) -> None:
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "aGVyZQ=="}
    server = Server({"Binary/b1": binary, "b2": {"resourceType": "Binary"}})
    chart = completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": bundle(LINKED)}), server)
    assert sorted(server.asked) == ["Binary/b1", "https://ehr/fhir/Binary/b2"]
    unnamed = {"fullUrl": "https://ehr/fhir/Binary/b2", "resource": {"resourceType": "Binary"}}
    assert chart.resources[-2:] == (binary, {"resourceType": "Bundle", "entry": [unnamed]})


@pytest.mark.parametrize("answer", [FetchFailed("HTTP 404"), "text", FAILED])
def test_text_that_cannot_be_had_stays_a_link(completer: PrefetchCompleter, answer: Any) -> None:
    given = dict.fromkeys(KEYS) | REQUIRED | {"reports": bundle(LINKED)}
    chart = completer.complete(call(given), Server({"Binary": answer}))
    assert [resource["resourceType"] for resource in chart.resources] == ["Patient", "DiagnosticReport"]


def test_text_that_came_along_is_not_asked_for(completer: PrefetchCompleter) -> None:
    along = [{"resourceType": "Binary", "id": name} for name in ("b1", "b2")]
    server = Server()
    completer.complete(call(dict.fromkeys(KEYS) | REQUIRED | {"reports": bundle(LINKED, *along)}), server)
    assert server.asked == []


def test_queries_run_side_by_side(pool: ThreadPoolExecutor) -> None:
    together = threading.Event()
    numbers = itertools.count(1)

    class Waiting:
        """The first query has no answer before the second one was asked."""

        def get(self, address: str, seconds: float) -> Any:
            del address, seconds
            if next(numbers) == 2:
                together.set()
            raise FetchFailed("HTTP 503" if together.wait(30) else "nobody else came")

    completer = PrefetchCompleter(FetchLimits(60, 4, 10), pool, time.monotonic)
    with pytest.raises(PrefetchError, match="HTTP 503"):
        completer.complete(call({"patient": PATIENT}), Waiting())


def test_server_that_ignores_the_time_is_left_behind(pool: ThreadPoolExecutor) -> None:
    release = threading.Event()

    class Stubborn:
        def get(self, address: str, seconds: float) -> Any:
            del seconds
            if "Device" in address or "Binary" in address:
                release.wait(5)
            return bundle(LINKED) if "DiagnosticReport" in address else bundle()

    completer = PrefetchCompleter(FetchLimits(0.2, 4, 10), pool, time.monotonic)
    chart = completer.complete(call({"patient": PATIENT}), Stubborn())
    release.set()
    assert ("prefetch-missing", "devices") in gaps(chart)
    assert [resource["resourceType"] for resource in chart.resources] == ["Patient", "DiagnosticReport"]


def test_fault_of_our_own_in_fetching_is_not_swallowed(completer: PrefetchCompleter) -> None:
    with pytest.raises(ZeroDivisionError):
        completer.complete(call(REQUIRED), Server({"?": ZeroDivisionError()}))
