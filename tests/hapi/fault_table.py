"""What may go wrong between the service and a FHIR server, and what comes of it.

``python -m tests.hapi.fault_table`` writes docs/faults.md; the outcomes are tested against a real server.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.hapi import fault_proxy
from tests.hapi.fault_proxy import FOREIGN_ORIGIN, Fault, changed, first_only, next_link, outcome_entry, refused

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
SAME = "same advice"
_HEAD = """# When the FHIR server fails

Written by `python -m tests.hapi.fault_table`. Each row is tested: a real FHIR server, the service in front of it
without any prefetch, and between the two a proxy that spoils the answers to one question. The patient has a report
that suggests spondylodiscitis, and raised markers. "Same advice" is, word for word, that of a complete prefetch.
Patient and reports are required, so losing one is a 412 that names the reason; what else is lost stands on the card,
among what could not be used. Nothing is waited for beyond four fifths of `MARROW_BUDGET_SECONDS`; a busy server (429,
502, 503, 504) and a broken connection are tried up to three times within it.

| fault | where | outcome |
| --- | --- | --- |"""
# The calls that are spoiled, by a part of their path and query.
PLACES = {
    "patient": ("Patient/",),
    "reports": ("DiagnosticReport?",),
    "results": ("%7Claboratory", "Observation?page="),
    "everything": ("",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One fault at one place. ``ends_with_time`` are faults that only the time limit of a call ends."""

    name: str
    fault: Fault
    where: str
    outcome: str
    ends_with_time: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Beginnings of what is spoiled."""
        return PLACES[self.where]


_SOMEBODY_ELSE = changed(fault_proxy.of_somebody_else)


_LOST = "same cards, card says: data were not sent"
_PARTLY = "same cards, card says: data are incomplete"
_FOREIGN = "card says: an entry of another patient was ignored"


def _everywhere(name: str, fault: Fault, required: str, optional: str) -> tuple[Row, ...]:
    """Return the rows of a fault at patient and reports, without which there is no answer, and at the results."""
    return (
        Row(name, fault, "patient", required),
        Row(name, fault, "reports", required),
        _at_results(name, fault, optional),
    )


def _at_results(name: str, fault: Fault, outcome: str) -> Row:
    return Row(name, fault, "results", outcome)


FAULTS: tuple[Row, ...] = (
    Row("no answer", fault_proxy.silent, "patient", "412: timeout", ends_with_time=True),
    Row("no answer", fault_proxy.silent, "reports", "412: timeout", ends_with_time=True),
    Row("no answer", fault_proxy.silent, "results", _LOST, ends_with_time=True),
    Row("no answer", fault_proxy.silent, "everything", "412: timeout", ends_with_time=True),
    Row("answer byte by byte without end", fault_proxy.dripping, "reports", "412: timeout", ends_with_time=True),
    Row("late answer", fault_proxy.late, "everything", SAME),
    *_everywhere("connection reset", fault_proxy.reset, "412: connection failed", _LOST),
    *_everywhere("connection reset once", first_only(fault_proxy.reset), SAME, SAME),
    *_everywhere("connection cut in the middle", fault_proxy.truncated, "412: connection failed", _LOST),
    *_everywhere("half of the JSON", fault_proxy.half, "412: answer is not JSON", _LOST),
    *_everywhere("503 once, then 200", first_only(refused(503)), SAME, SAME),
    *_everywhere("503 for good", refused(503), "412: HTTP 503", _LOST),
    *_everywhere("503 with Retry-After: 120", refused(503, Retry_After="120"), "412: HTTP 503", _LOST),
    *_everywhere("429 once, then 200", first_only(refused(429, Retry_After="0")), SAME, SAME),
    *_everywhere("429 for good", refused(429), "412: HTTP 429", _LOST),
    *_everywhere("500", refused(500), "412: HTTP 500", _LOST),
    *_everywhere("401", refused(401), "412: HTTP 401", _LOST),
    *_everywhere("403", refused(403), "412: HTTP 403", _LOST),
    *_everywhere("404", refused(404), "412: HTTP 404", _LOST),
    *_everywhere("410", refused(410), "412: HTTP 410", _LOST),
    *_everywhere("redirect to another server", fault_proxy.redirected, "412: HTTP 302", _LOST),
    *_everywhere("login page with 200", fault_proxy.web_page, "412: answer is not JSON", _LOST),
    *_everywhere("JSON labelled as XML", fault_proxy.xml, "412: answer is not JSON", _LOST),
    *_everywhere("compressed answer", fault_proxy.compressed, SAME, SAME),
    Row("answer about another patient", _SOMEBODY_ELSE, "patient", "412: answer about another patient"),
    Row("answer about another patient", _SOMEBODY_ELSE, "reports", _FOREIGN),
    Row("answer about another patient", _SOMEBODY_ELSE, "results", f"same cards, {_FOREIGN}"),
    Row("error in the Bundle instead of results", outcome_entry("error"), "reports", "412: unusable answer"),
    _at_results("error in the Bundle instead of results", outcome_entry("error"), _LOST),
    _at_results(
        "error in the Bundle beside results",
        outcome_entry("fatal"),
        "same cards, card says: the server sent an error instead of data",
    ),
    _at_results("warning in the Bundle beside results", outcome_entry("warning"), SAME),
    _at_results("next link back to the same page", next_link("same"), _PARTLY),
    _at_results("next link to ever new pages", next_link("new"), _PARTLY),
    _at_results("next link to another origin", next_link(f"{FOREIGN_ORIGIN}/fhir?page=2"), _PARTLY),
    _at_results("10,000 results in pages of 200", fault_proxy.ten_thousand(200), _PARTLY),
    _at_results("10,000 results in one answer", fault_proxy.ten_thousand(fault_proxy.MANY), SAME),
)


def document() -> str:
    """Return the table as it is kept in the documents."""
    rows = [f"| {row.name} | {row.where} | {row.outcome} |" for row in FAULTS]
    return "\n".join((_HEAD, *rows, ""))


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
