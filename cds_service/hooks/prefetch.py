"""What arrived against what was asked for: the missing part is fetched, what stays missing is said or refused.

Choices the specification leaves open: a bare resource where a Bundle was asked for counts as a result of one entry; a
value of the wrong JSON type counts as not sent, and so does a Bundle whose ``entry`` is no list or that announces
results and holds none; an error outcome is not asked for again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from cds_service.domain.facts import Gap, GapCode
from cds_service.errors import MarrowError, PrefetchError, RequestError
from cds_service.fhir.received import ReceivedResource
from cds_service.hooks.attachments import linked_texts
from cds_service.hooks.entries import Entry, Resource, entries_of, without_repeats
from cds_service.hooks.request import HookRequest
from cds_service.hooks.sent import SentBundle
from cds_service.hooks.services import PrefetchKey

_FAILED_SEVERITIES = ("error", "fatal")
# Part of the time in which further pages may be awaited: what has arrived by then is handed over, not lost.
_PAGES_SHARE = 0.9
# What an entry refers to may come along with it; every other extra type is left out.
_COMPANIONS = {
    "MedicationRequest": frozenset({"Medication"}),
    "MedicationStatement": frozenset({"Medication"}),
    "DiagnosticReport": frozenset({"DocumentReference", "Binary", "Observation"}),
}


class FetchFailed(MarrowError):  # noqa: N818 - an outcome of the other side, not a fault of this one
    """The client's FHIR server did not give usable data; ``reason`` is a word for the log and the 412 answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChartAccess(Protocol):
    """The client's FHIR server for the time of one call."""

    def get(self, address: str, seconds: float) -> Any:
        """Return the JSON of a relative query or of a page address. Raises FetchFailed."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one call: seconds for everything, pages and resources for each key."""

    seconds: float
    pages: int
    entries: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be read for one call; ``missing`` are the keys that neither arrived nor could be fetched.

    ``resources`` are as they came: plain JSON, or resources that are not parsed yet.
    """

    resources: tuple[Any, ...]
    gaps: tuple[Gap, ...] = ()
    missing: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answer:
    """State of one key: ``usable`` says whether the question was answered, with nothing or with something.

    ``total`` is how many results the Bundle says there are, ``matches`` how many arrived.
    """

    usable: bool
    entries: list[Entry | ReceivedResource] = field(default_factory=list)
    next_page: str = ""
    error_outcome: bool = False
    broken: int = 0
    skipped: set[str] = field(default_factory=set)
    total: int = 0
    matches: int = 0

    @property
    def incomplete(self) -> bool:
        """Whether there is more than arrived: a page not read, or results announced and not sent."""
        return bool(self.next_page) or self.total > self.matches + self.broken

    @property
    def hollow(self) -> bool:
        """Whether results are announced and none arrived, so that nothing at all is known."""
        return self.incomplete and not self.matches and not self.broken

    @property
    def answered(self) -> bool:
        """Whether the question was answered, with nothing or with something."""
        return self.usable and not self.hollow

    def joined(self, page: "_Answer") -> "_Answer":
        """Return this answer with the next page of it."""
        return _Answer(
            usable=True,
            entries=self.entries + page.entries,
            next_page=page.next_page,
            error_outcome=self.error_outcome or page.error_outcome,
            broken=self.broken + page.broken,
            skipped=self.skipped | page.skipped,
            total=max(self.total, page.total),
            matches=self.matches + page.matches,
        )


def _is_failure(outcome: Mapping[str, Any]) -> bool:
    issues = outcome.get("issue")
    severities = (
        [issue.get("severity") for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    )
    return not severities or any(severity in _FAILED_SEVERITIES for severity in severities)


def _next_page(links: Any) -> str:
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return ""


def _read_bundle(
    key: PrefetchKey, held: tuple[Sequence[Entry | ReceivedResource], int], links: Any, total: Any
) -> _Answer:
    """Read the entries ``held``, with the number of broken ones, of a Bundle with these ``links``."""
    # A narrower key is only a sample of the wider one, and of a read there is one: neither has a rest to ask for.
    whole = not (key.is_read or key.covered_by)
    answer = _Answer(
        usable=True,
        next_page=_next_page(links) if whole else "",
        total=total if whole and isinstance(total, int) else 0,
    )
    expected = key.resource_type
    wanted = {expected} | _COMPANIONS.get(expected, frozenset())
    entries, answer.broken = held
    kinds = {entry.kind for entry in entries}
    if kinds == {expected}:
        answer.entries, answer.matches = list(entries), len(entries)
        return answer
    for entry in entries:
        kind = entry.kind
        if kind in wanted:
            answer.entries.append(entry)
            answer.matches += kind == expected
        elif kind == "OperationOutcome":
            answer.error_outcome = answer.error_outcome or _is_failure(entry.body)
        else:
            answer.skipped.add(kind if kind.isalpha() else "unknown")
    answer.usable = bool(answer.entries) or not answer.error_outcome
    return answer


def _read_parsed(key: PrefetchKey, bundle: Resource) -> _Answer:
    if not isinstance(bundle.get("entry"), list | None):
        return _Answer(usable=False)
    return _read_bundle(key, entries_of(bundle), bundle.get("link"), bundle.get("total"))


def _read_value(key: PrefetchKey, value: Any) -> _Answer:
    """Read what stands under a key or came from the server; ``None`` is "looked for and nothing found"."""
    if isinstance(value, SentBundle):
        return _read_bundle(key, value.entries(), value.link, value.total)
    if value is None:
        return _Answer(usable=True)
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == "Bundle":
        return _read_parsed(key, value)
    if kind == "OperationOutcome":
        failed = _is_failure(value)
        return _Answer(usable=not failed, error_outcome=failed)
    matches = kind == key.resource_type
    return _Answer(usable=matches, entries=[Entry(value)] if matches else [], matches=int(matches))


def _fill(template: str, request: HookRequest) -> str:
    return template.replace("{{context.patientId}}", request.patient_id)


class PrefetchCompleter:
    """Completes the prefetch of one call. ``pool`` runs the queries in parallel, ``clock`` gives monotonic seconds."""

    def __init__(self, limits: FetchLimits, pool: Executor, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._pool = pool
        self._clock = clock

    def complete(self, request: HookRequest, access: ChartAccess | None) -> Chart:
        """Return the chart for ``request``. Raises PrefetchError (412) when a required key stays without answer."""
        deadline = self._clock() + self._limits.seconds
        sent = request.prefetch or {}
        answers = {
            key.name: _read_value(key, sent[key.name]) if key.name in sent else _Answer(usable=False)
            for key in request.service.prefetch
        }
        _refuse_other_patient(request, answers["patient"])
        reasons: dict[str, str] = {}
        fetched: tuple[str, ...] = ()
        if access is not None:
            fetched = self._fetch_missing(request, access, answers, deadline, reasons)
            self._fetch_report_texts(access, answers["reports"], deadline)
        self._refuse_incomplete(request, answers, access, reasons)
        return _chart(request, answers, fetched)

    def _fetch_missing(
        self,
        request: HookRequest,
        access: ChartAccess,
        answers: dict[str, _Answer],
        deadline: float,
        reasons: dict[str, str],
    ) -> tuple[str, ...]:
        jobs: dict[str, Future[_Answer]] = {}
        for key in request.service.prefetch:
            answer = answers[key.name]
            wanted = not answer.answered and not answer.error_outcome and not key.covered_by
            if wanted or answer.next_page:
                jobs[key.name] = self._pool.submit(self._fetch, key, request, access, answer, deadline)
        wait(jobs.values(), timeout=max(0.0, deadline - self._clock()))
        for name, job in jobs.items():
            if not job.done():
                job.cancel()
                reasons[name] = "timeout"
                continue
            try:
                answers[name] = job.result()
            except FetchFailed as failure:
                reasons[name] = failure.reason
        return tuple(name for name in jobs if name not in reasons)

    def _fetch_report_texts(self, access: ChartAccess, reports: _Answer, deadline: float) -> None:
        """Add the texts that reports only link to. One that cannot be had stays a link, which the extractor tells."""
        seconds = deadline - self._clock()
        if seconds <= 0:
            return
        jobs = {link: self._pool.submit(access.get, link, seconds) for link in linked_texts(reports.entries)}
        wait(jobs.values(), timeout=max(0.0, deadline - self._clock()))
        for link, job in jobs.items():
            if job.cancel() or not job.done() or isinstance(job.exception(), FetchFailed):
                continue
            found = job.result()
            if isinstance(found, dict) and found.get("resourceType") == "Binary":
                reports.entries.append(Entry(found, link))

    def _fetch(
        self, key: PrefetchKey, request: HookRequest, access: ChartAccess, known: _Answer, deadline: float
    ) -> _Answer:
        """Ask for a key, or go on from the first page that was prefetched. What failed after that stays incomplete."""
        answer = known
        if not known.next_page:
            value = access.get(_fill(key.template, request), self._left(deadline))
            answer = _read_value(key, value)
            if not answer.usable:
                raise FetchFailed("unusable answer")
            if _is_other_patient(request, answer):
                raise FetchFailed("answer about another patient")
        return self._with_pages(key, access, answer, deadline - self._limits.seconds * (1 - _PAGES_SHARE))

    def _with_pages(self, key: PrefetchKey, access: ChartAccess, answer: _Answer, deadline: float) -> _Answer:
        """Return the answer with its further pages, as many as may be read; a link back to a page read ends it."""
        seen: set[str] = set()
        while answer.next_page and answer.next_page not in seen and len(seen) < self._limits.pages:
            if len(answer.entries) >= self._limits.entries:
                break
            seen.add(answer.next_page)
            try:
                page = _read_value(key, access.get(answer.next_page, self._left(deadline)))
            except FetchFailed:
                break
            if not page.usable:
                break
            answer = answer.joined(page)
        return answer

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock()
        if left <= 0:
            raise FetchFailed("timeout")
        return left

    @staticmethod
    def _refuse_incomplete(
        request: HookRequest, answers: Mapping[str, _Answer], access: ChartAccess | None, reasons: Mapping[str, str]
    ) -> None:
        lost = tuple(key.name for key in request.service.prefetch if key.required and not answers[key.name].answered)
        if not lost:
            return
        if any(answers[name].error_outcome for name in lost):
            reason = "the client reported an error for them"
        elif access is None:
            reason = "no usable FHIR access was given"
        else:
            reason = ", ".join(sorted({reasons.get(name, "unusable answer") for name in lost}))
        raise PrefetchError(lost, reason)


def _is_other_patient(request: HookRequest, answer: _Answer) -> bool:
    """Whether a Patient that is not the one of the call came."""
    ids = [entry.body.get("id") for entry in answer.entries if entry.kind == "Patient"]
    return any(isinstance(found, str) and found not in {"", request.patient_id} for found in ids)


def _refuse_other_patient(request: HookRequest, patient: _Answer) -> None:
    if _is_other_patient(request, patient):
        raise RequestError("prefetch.patient is not the patient of context.patientId", field="prefetch.patient")


def _gaps(key: PrefetchKey, answer: _Answer) -> Iterator[Gap]:
    params = (("key", key.name),)
    if answer.error_outcome:
        yield Gap(GapCode.OPERATION_OUTCOME, key.resource_type, clinical=True, params=params)
    elif not answer.usable:
        yield Gap(GapCode.PREFETCH_MISSING, key.resource_type, clinical=True, params=params)
    if answer.incomplete:
        yield Gap(GapCode.FETCH_INCOMPLETE, key.resource_type, clinical=True, params=params)
    if answer.broken:
        counted = (*params, ("count", str(answer.broken)))
        yield Gap(GapCode.RESOURCE_UNREADABLE, key.resource_type, "entry", clinical=True, params=counted)
    for kind in sorted(answer.skipped):
        # a document may be the report of an outside examination
        yield Gap(GapCode.UNEXPECTED_RESOURCE, kind, clinical=kind == "DocumentReference", params=params)


def _chart(request: HookRequest, answers: Mapping[str, _Answer], fetched: tuple[str, ...]) -> Chart:
    keys = [key for key in request.service.prefetch if answers[key.name].usable or not key.covered_by]
    entries = without_repeats(chain.from_iterable([answers[key.name].entries for key in keys]))
    return Chart(
        resources=tuple([entry if isinstance(entry, ReceivedResource) else entry.item for entry in entries]),
        gaps=tuple(gap for key in keys for gap in _gaps(key, answers[key.name])),
        missing=tuple(key.name for key in keys if not answers[key.name].usable),
        fetched=fetched,
    )
