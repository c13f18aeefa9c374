"""Answers a notification: fetch the report, evaluate its patient, write what is serious into the chart, once.

Nothing is kept here but which versions of reports are done. What could not be done is told to the server as a failure,
so that it notifies again; what was done is recognised by its identifier on the server, so that doing it again changes
nothing.
"""

import hashlib
import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from types import TracebackType
from typing import Any

from cards.notices import Notice, NoticeKind, write_notice
from cds_service.domain.facts import PatientFacts
from cds_service.domain.vocabulary import BodyRegion, Indicator, Language
from cds_service.errors import PrefetchError, RequestError
from cds_service.hooks.advice import advised
from cds_service.hooks.answer import Answer
from cds_service.hooks.entries import entries_of
from cds_service.hooks.evaluate import Evaluation, Evaluator
from cds_service.hooks.prefetch import Chart, FetchFailed, PrefetchCompleter
from cds_service.hooks.request import HookRequest
from cds_service.hooks.results.labels import labels_of
from cds_service.hooks.results.notification import is_report_id
from cds_service.hooks.results.records import ResultServer, WriteRefused
from cds_service.hooks.results.responsible import responsible
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.hooks.writing import CardDesk, WrittenCard

_log = logging.getLogger("cds_service.results")

FINISHED = ("final", "amended", "corrected", "appended")
_SERIOUS = (Indicator.WARNING, Indicator.CRITICAL)
# How far back an empty notification makes the service look, and how many reports it then looks at.
_PING_LOOKS_BACK = timedelta(days=1)
_MOST_PAGES = 10
_REMEMBERED = 5000


class ResultsUnavailable(RequestError):  # noqa: N818 - an outcome of the other side, not a fault of this one
    """Not everything could be done now; the server is to notify again. The message holds no data of a patient."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"could not be evaluated now ({reason}): notify again", status=503, code="transient")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one report: a word for the log, and the call and its answer for the record of calls.

    ``lost`` are the prefetch keys that could not be had; with them the outcome could have been a more serious one.
    """

    word: str
    request: HookRequest | None = None
    answer: Answer | None = None
    lost: tuple[str, ...] = ()

    def require_whole(self) -> None:
        """Raise ResultsUnavailable when something was lost."""
        if self.lost:
            raise ResultsUnavailable(f"not everything could be read: {', '.join(self.lost)}")


class _Failures:
    """Passes over what fails in its ``with`` blocks, so that one report does not hide the others behind it."""

    def __init__(self) -> None:
        self._first: Exception | None = None

    def __enter__(self) -> None:
        """Begin one part of the work."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        if self._first is None:
            self._first = error
        elif not isinstance(error, ResultsUnavailable):
            _log.error("after a first failure another one: %s", type(error).__name__)
        return True

    def tell(self) -> None:
        """Raise the first failure, if there was one."""
        if self._first is not None:
            raise self._first


class ResultDesk:
    """Evaluates reports of one server. ``clock`` is monotonic, ``seconds`` is the time for one notification."""

    def __init__(
        self,
        *,
        server: ResultServer,
        completer: PrefetchCompleter,
        evaluator: Evaluator,
        cards: CardDesk,
        kind: NoticeKind,
        language: Language,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.server = server
        self._completer = completer
        self._evaluator = evaluator
        self._cards = cards
        self._kind = kind
        self.language = language
        self._seconds = seconds
        self._clock = clock
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = Lock()

    def reports(self, names: Sequence[str], as_of: datetime) -> Iterator[Outcome]:
        """Evaluate the reports with these ids one after the other; what this process has seen to is "known".

        A report that fails does not stop the others. Raises the first failure (ResultsUnavailable) after the last one.
        """
        deadline = self._clock() + self._seconds
        failures = _Failures()
        for name in names:
            with failures:
                report = self._fetched(name, deadline)
                if self._is_done(report):
                    yield Outcome("known")
                else:
                    yield from self._once(report, as_of, deadline)
        failures.tell()

    def recent(self, as_of: datetime) -> Iterator[Outcome]:
        """Evaluate what was filed or changed of late, as an empty notification asks for; raises like ``reports``.

        A version that this process has seen to is passed over.
        """
        deadline = self._clock() + self._seconds
        failures = _Failures()
        with failures:
            for report in self._filed(as_of - _PING_LOOKS_BACK, deadline):
                with failures:
                    if not self._is_done(report):
                        yield from self._once(report, as_of, deadline)
        failures.tell()

    def _is_done(self, report: Mapping[str, Any]) -> bool:
        with self._lock:
            return _version_of(report) in self._done

    def _once(self, report: Mapping[str, Any], as_of: datetime, deadline: float) -> Iterator[Outcome]:
        """Evaluate a report and remember its version, so that many notifications come to an end."""
        outcome = self._evaluated(report, as_of, deadline)
        yield outcome
        outcome.require_whole()
        version = _version_of(report)
        if not version[1]:
            return
        with self._lock:
            self._done[version] = None
            while len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)

    def _fetched(self, name: str, deadline: float) -> Mapping[str, Any]:
        try:
            report = self.server.get(f"DiagnosticReport/{name}", deadline)
        except FetchFailed as failure:
            if failure.reason == "HTTP 410":
                return {}
            raise ResultsUnavailable(failure.reason) from None
        if not isinstance(report, dict) or report.get("id") != name:
            raise ResultsUnavailable("another resource came")
        return report

    def _filed(self, since: datetime, deadline: float) -> Iterator[Mapping[str, Any]]:
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        address = f"DiagnosticReport?status={','.join(FINISHED)}&_lastUpdated=ge{moment}&_sort=-_lastUpdated&_count=50"
        for _ in range(_MOST_PAGES):
            try:
                bundle = self.server.get(address, deadline)
            except FetchFailed as failure:
                raise ResultsUnavailable(failure.reason) from None
            if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
                raise ResultsUnavailable("another resource came")
            yield from (one.resource for one in entries_of(bundle)[0] if one.kind == "DiagnosticReport")
            links = [one for one in bundle.get("link") or () if isinstance(one, dict)]
            address = next((str(one.get("url")) for one in links if one.get("relation") == "next"), "")
            if not address:
                return
        _log.warning("more reports are new than are looked at after an empty notification; subscribe with a payload")

    def _evaluated(self, report: Mapping[str, Any], as_of: datetime, deadline: float) -> Outcome:
        """Evaluate the patient of a report. Raises ResultsUnavailable."""
        if report.get("status") not in FINISHED:
            return Outcome("not final")
        patient = _patient_of(report, self.server.base)
        if not patient:
            return Outcome("without patient")
        request = HookRequest(
            PATIENT_VIEW, str(uuid.uuid4()), patient, user_id="", fhir_server=self.server.base, prefetch=None
        )
        try:
            chart = self._completer.complete(request, _Within(self.server, deadline))
            evaluation = self._evaluation(patient, chart, report, as_of, deadline)
            if not _bears_on(report, evaluation.facts, self.server.base):
                return Outcome("not about the spine", request, lost=chart.missing)
            written = self._serious(evaluation, patient)
            new = bool(written) and self._write(written, evaluation, chart, report, patient, as_of, deadline)
        except FetchFailed as failure:
            raise ResultsUnavailable(failure.reason) from None
        except PrefetchError:
            raise ResultsUnavailable("required data missing") from None
        except RequestError:
            raise ResultsUnavailable("unusable data") from None
        word = ("written" if new else "known") if written else "nothing serious"
        return Outcome(word, request, Answer(advised(written)), chart.missing)

    def _evaluation(
        self, patient: str, chart: Chart, report: Mapping[str, Any], as_of: datetime, deadline: float
    ) -> Evaluation:
        """Evaluate with the report itself, which a search may not know yet or may file elsewhere."""
        return self._evaluator.patient_view(
            (*chart.resources, dict(report)),
            patient_id=patient,
            as_of=as_of,
            gaps=chart.gaps,
            in_time=lambda: self._clock() < deadline,
        )

    def _serious(self, evaluation: Evaluation, patient: str) -> tuple[WrittenCard, ...]:
        planned = tuple(card for card in evaluation.assessment.cards if card.indicator in _SERIOUS)
        return self._cards.write(replace(evaluation.assessment, cards=planned), self.language, patient)

    def _write(
        self,
        written: Sequence[WrittenCard],
        evaluation: Evaluation,
        chart: Chart,
        report: Mapping[str, Any],
        patient: str,
        as_of: datetime,
        deadline: float,
    ) -> bool:
        notice = Notice(
            cards=[one.card for one in written],
            language=self.language,
            patient_id=patient,
            report=f"DiagnosticReport/{report['id']}",
            state=_state_of(evaluation, written, report, patient),
            moment=as_of,
            owner=responsible(report, self.server.base, lambda reference: self._order(reference, deadline)),
            labels=labels_of(report, chart.resources, evaluation.assessment, [one.plan for one in written]),
        )
        try:
            return self.server.create_once(write_notice(notice, self._kind), deadline)
        except WriteRefused as failure:
            # Servers refuse a reference that they cannot follow; the notice is worth more than its addressee, but not
            # more than the confidentiality that its labels ask for.
            if not notice.owner:
                raise
            _log.warning("notice refused (%s), written once more without addressee", failure.reason)
            return self.server.create_once(write_notice(replace(notice, owner={}), self._kind), deadline)

    def _order(self, reference: str, deadline: float) -> Mapping[str, Any] | None:
        try:
            found = self.server.get(reference, deadline)
        except FetchFailed:
            return None
        return found if isinstance(found, dict) else None


class _Within:
    """Reads of the chart that end with the time of the notification."""

    def __init__(self, server: ResultServer, deadline: float) -> None:
        self._server = server
        self._deadline = deadline

    def get(self, address: str, seconds: float) -> Any:
        """Return the JSON of an address; the time of the notification is the shorter one. Raises FetchFailed."""
        del seconds
        return self._server.get(address, self._deadline)


def _patient_of(report: Mapping[str, Any], base: str) -> str:
    subject = report.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return ""
    kind, _, name = reference.removeprefix(f"{base}/").partition("/_history/")[0].partition("/")
    return name if kind == "Patient" and is_report_id(name) else ""


def _bears_on(report: Mapping[str, Any], facts: PatientFacts, base: str) -> bool:
    """Whether the report is of the spine, or of a laboratory with results that rules read."""
    own = f"DiagnosticReport/{report['id']}"
    for one in facts.reports:
        if one.provenance.reference == own:
            return one.region is not BodyRegion.OTHER or one.reading.describes_spine
    listed = report.get("result")
    named = [one.get("reference") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    results = {str(one).removeprefix(f"{base}/") for one in named} | {own}
    return any(lab.provenance.reference in results for lab in facts.labs)


def _version_of(report: Mapping[str, Any]) -> tuple[str, str]:
    """Id and version; without a version nobody can say whether a report is still the same."""
    meta = report.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return str(report.get("id")), version if isinstance(version, str) else ""


def _state_of(evaluation: Evaluation, written: Sequence[WrittenCard], report: Mapping[str, Any], patient: str) -> str:
    """Name the state by the report that leads and what is said of it: a new value alone does not notify again."""
    lead = evaluation.assessment.leading_report
    leading = lead.provenance.reference if lead else f"DiagnosticReport/{report['id']}"
    said = [
        f"{one.plan.text_id} {one.plan.row} {one.plan.indicator.value} {','.join(one.plan.levels)}" for one in written
    ]
    return hashlib.sha256("\x1f".join((patient, leading, *said)).encode()).hexdigest()
