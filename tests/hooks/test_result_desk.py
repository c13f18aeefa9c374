"""Notifications against a server in memory: one report that fails hides no other, and labels are never lost."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cds_service.app import build_clinic, card_desk
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.prefetch import FetchFailed, FetchLimits, PrefetchCompleter
from cds_service.hooks.results.desk import Outcome, ResultDesk, ResultsUnavailable
from cds_service.hooks.results.records import ResultServer, WriteRefused

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
SERIOUS = (
    "MRI of the lumbar spine.\nFindings: Edema of L4 and L5, erosion of the endplates, fluid in the disc L4/5, "
    "epidural collection compressing the thecal sac.\nImpression: Spondylodiscitis L4/5 with epidural abscess."
)
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
SYNTHETIC = {"system": "https://example.org/tags", "code": "synthetic"}
OTHER = {"system": "https://example.org/tags", "code": "trial"}
SECONDS = 60.0

Resource = dict[str, Any]


def report(name: str, **more: Any) -> Resource:
    """A serious report ``r-{name}`` of patient ``p-{name}``."""
    return {
        "resourceType": "DiagnosticReport",
        "id": f"r-{name}",
        "meta": {"versionId": "1"},
        "status": "final",
        "category": [{"coding": [{"system": SECTIONS, "code": "RAD"}]}],
        "code": {"coding": [{"system": LOINC, "code": "30679-5"}], "text": "MRI lumbar spine"},
        "subject": {"reference": f"Patient/p-{name}"},
        "effectiveDateTime": (NOW - timedelta(hours=2)).isoformat(),
        "issued": (NOW - timedelta(hours=1)).isoformat(),
        "conclusion": SERIOUS,
    } | more


@dataclass
class Held(ResultServer):
    """Holds reports, newest first, and the other resources of each patient; ``gone`` are patients that answer 410.

    ``refuses`` says of a notice whether it is refused as it is.
    """

    reports: list[Resource]
    others: list[Resource] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    refuses: Callable[[Mapping[str, Any]], bool] = lambda _: False
    written: list[Mapping[str, Any]] = field(default_factory=list)
    evaluated: list[str] = field(default_factory=list)
    base: str = "https://ehr.example.org/fhir"

    def get(self, address: str, deadline: float) -> Any:
        del deadline
        kind, _, query = address.partition("?")
        if kind.startswith("Patient/"):
            name = kind.partition("/")[2]
            self.evaluated.append(name)
            if name in self.gone:
                raise FetchFailed("HTTP 410")
            return {"resourceType": "Patient", "id": name, "birthDate": "1960-01-01"}
        if not query:
            return next(one for one in self.reports if address == f"DiagnosticReport/{one['id']}")
        found = [one for one in (*self.reports, *self.others) if one["resourceType"] == kind and self._fits(one, query)]
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}

    @staticmethod
    def _fits(one: Resource, query: str) -> bool:
        return "patient=" not in query or one["subject"]["reference"].rpartition("/")[2] in query

    def create_once(self, resource: Mapping[str, Any], deadline: float) -> bool:
        del deadline
        if self.refuses(resource):
            raise WriteRefused("HTTP 422")
        self.written.append(resource)
        return True


@pytest.fixture
def opened() -> Iterator[Callable[[Held], ResultDesk]]:
    """Opens a desk on a server."""
    clinic = build_clinic()
    with ThreadPoolExecutor(4) as pool:

        def desk(server: Held) -> ResultDesk:
            return ResultDesk(
                server=server,
                completer=PrefetchCompleter(FetchLimits(SECONDS, 5, 500), pool, time.monotonic),
                evaluator=clinic.evaluator,
                cards=card_desk(clinic, Settings()),
                kind="Task",
                language=Language.EN,
                seconds=SECONDS,
                clock=time.monotonic,
            )

        yield desk


Opened = Callable[[Held], ResultDesk]


def asked(desk: ResultDesk, server: Held, *, empty: bool) -> Iterator[Outcome]:
    return desk.recent(NOW) if empty else desk.reports([one["id"] for one in server.reports], NOW)


@pytest.mark.parametrize("empty", [False, True], ids=["named", "empty"])
def test_a_report_that_fails_hides_no_other_and_is_told_at_the_end(opened: Opened, *, empty: bool) -> None:
    server = Held([report("a"), report("b"), report("c")], gone={"p-a"})
    with pytest.raises(ResultsUnavailable, match="required data missing") as failed:
        list(asked(opened(server), server, empty=empty))
    assert failed.value.status == 503
    assert [one["for"]["reference"] for one in server.written] == ["Patient/p-b", "Patient/p-c"]


def test_the_first_reason_is_told(opened: Opened) -> None:
    server = Held([report("a"), report("b")], gone={"p-b"}, refuses=lambda notice: "p-a" in str(notice["for"]))
    with pytest.raises(ResultsUnavailable, match="HTTP 422"):
        list(opened(server).reports(["r-a", "r-b"], NOW))


def test_a_fault_of_this_service_hides_no_other_either(opened: Opened) -> None:
    def broken(notice: Mapping[str, Any]) -> bool:
        if "p-a" in str(notice["for"]):
            raise ZeroDivisionError
        return False

    server = Held([report("a"), report("b")], refuses=broken)
    with pytest.raises(ZeroDivisionError):
        list(opened(server).recent(NOW))
    assert [one["for"]["reference"] for one in server.written] == ["Patient/p-b"]


@pytest.mark.parametrize("empty", [False, True], ids=["named", "empty"])
def test_what_is_done_is_not_done_again_after_a_failure(opened: Opened, *, empty: bool) -> None:
    server = Held([report("a"), report("b")], gone={"p-b"})
    desk = opened(server)
    with pytest.raises(ResultsUnavailable):
        list(asked(desk, server, empty=empty))
    server.gone.clear()
    server.evaluated.clear()
    words = [one.word for one in asked(desk, server, empty=empty)]
    assert server.evaluated == ["p-b"]
    assert words == (["written"] if empty else ["known", "written"])
    server.reports[0]["meta"] = {"versionId": "2"}
    assert [one.word for one in asked(desk, server, empty=empty)] == (["written"] if empty else ["written", "known"])


@pytest.mark.parametrize("meta", ["1", ["1"], 7, None, {}, {"versionId": {"x": 1}}])
def test_a_version_that_cannot_be_read_is_evaluated_each_time(opened: Opened, meta: Any) -> None:
    server = Held([report("a", meta=meta)])
    desk = opened(server)
    for _ in range(2):
        assert [one.word for one in desk.recent(NOW)] == ["written"]
        assert [one.word for one in desk.reports(["r-a"], NOW)] == ["written"]


LABELLED = {"versionId": "1", "security": [RESTRICTED], "tag": [SYNTHETIC]}


def test_a_notice_that_is_refused_loses_its_addressee_and_no_label(opened: Opened) -> None:
    orderer = {"reference": "Practitioner/x", "display": "Dr. Example"}
    server = Held([report("a", meta=LABELLED, performer=[orderer])], refuses=lambda notice: "owner" in notice)
    assert [one.word for one in opened(server).recent(NOW)] == ["written"]
    (task,) = server.written
    assert task["meta"] == {"security": [RESTRICTED], "tag": [SYNTHETIC]}


def test_a_notice_whose_labels_are_refused_is_not_written_without_them(opened: Opened) -> None:
    orderer = {"reference": "Practitioner/x"}
    server = Held([report("a", meta=LABELLED, performer=[orderer])], refuses=lambda notice: "meta" in notice)
    with pytest.raises(ResultsUnavailable, match="HTTP 422"):
        list(opened(server).recent(NOW))
    assert server.written == []


def test_a_notice_carries_the_labels_of_all_that_it_quotes(opened: Opened) -> None:
    crp = {
        "resourceType": "Observation",
        "id": "crp",
        "meta": {"tag": [OTHER]},
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
        ],
        "code": {"coding": [{"system": LOINC, "code": "1988-5"}]},
        "subject": {"reference": "Patient/p-a"},
        "effectiveDateTime": (NOW - timedelta(hours=2)).isoformat(),
        "valueQuantity": {"value": 96, "unit": "mg/L", "system": "http://unitsofmeasure.org", "code": "mg/L"},
    }
    lead = report("a", meta=LABELLED)
    unrelated = crp | {"id": "k", "code": {"coding": [{"system": LOINC, "code": "2823-3"}]}}
    unrelated["meta"] = {"tag": [{"system": "https://example.org/tags", "code": "unrelated"}]}
    panel = report("panel") | {
        "meta": {"versionId": "1", "tag": [SYNTHETIC]},
        "category": [{"coding": [{"system": SECTIONS, "code": "LAB"}]}],
        "code": {"text": "CRP"},
        "subject": {"reference": "Patient/p-a"},
        "conclusion": "",
        "result": [{"reference": "Observation/crp"}],
    }
    server = Held([lead, panel], [crp, unrelated])
    assert [one.word for one in opened(server).reports(["r-panel"], NOW)] == ["written"]
    (task,) = server.written
    assert task["focus"] == {"reference": "DiagnosticReport/r-panel"}
    assert task["meta"]["security"] == [RESTRICTED]
    assert sorted(one["code"] for one in task["meta"]["tag"]) == ["synthetic", "trial"]
