"""The time of a call inside one report: counted questions stand for the clock, so nothing here depends on speed."""

import base64
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.app import Clinic, build_clinic
from cds_service.domain.facts import GapCode, PatientFacts
from cds_service.domain.vocabulary import FindingId, Language
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.prefetch import PrefetchCompleter
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.services import Hook
from cds_service.hooks.writing import CardDesk

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CALM = "Normal alignment of the vertebrae of the lumbar spine. "
ABSCESS = "There is an epidural abscess at L4-L5. "
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01", "gender": "male"}


class Clock:
    """Time for ``looks`` questions; counts how often it was asked after that."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.late = 0

    def __call__(self) -> bool:
        self.left -= 1
        self.late += self.left < 0
        return self.left >= 0


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return build_clinic()


def report(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": {"text": "MRI lumbar spine"},
        "effectiveDateTime": "2026-11-20T08:00:00Z",
        **members,
    }


def evaluate(clinic: Clinic, one: dict[str, Any], in_time: Callable[[], bool]) -> Evaluation:
    return clinic.evaluator.for_hook(Hook.PATIENT_VIEW, [PATIENT, one], patient_id="p", as_of=NOW, in_time=in_time)


def ids(found: Evaluation) -> set[str]:
    return {card.card_id for card in found.assessment.cards}


def late(facts: PatientFacts) -> list[tuple[GapCode, str]]:
    return [(gap.code, gap.element) for gap in facts.gaps if ("reason", "time") in gap.params]


def pdf(drawing: bytes) -> dict[str, str]:
    """A page that unpacks to ``drawing``, as an attachment."""
    packed = zlib.compress(drawing)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 %s >> >> "
        b"/Contents 4 0 R >>" % font,
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed),
    ]
    whole, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(whole)
    whole += b"xref\n0 5\n0000000000 65535 f \n" + table + end
    return {"contentType": "application/pdf", "data": base64.b64encode(whole).decode()}


def test_report_that_took_too_long_counts_as_unread_from_there(clinic: Clinic) -> None:
    clock = Clock(60)
    found = evaluate(clinic, report(conclusion=CALM * 400 + ABSCESS), clock)
    assert late(found.facts) == [(GapCode.REPORT_TRUNCATED, "")]
    assert found.facts.reports[0].reading.unfinished
    assert "C92" in ids(found)
    # Once the time is over nothing more is begun: the questions after it are a handful, not one for each sentence.
    assert clock.late < 10


def test_red_flag_that_was_read_in_time_stays(clinic: Clinic) -> None:
    found = evaluate(clinic, report(conclusion=ABSCESS + CALM * 400), Clock(60))
    assert found.facts.reports[0].reading.unfinished
    assert FindingId.ABSCESS_EPIDURAL in {f.finding for f in found.facts.reports[0].reading.findings}
    assert ids(found) >= {"C02", "C92"}


def test_no_calm_advice_on_a_report_that_was_not_read_to_its_end(clinic: Clinic) -> None:
    modic = "Modic type 2 change of the endplates L4-L5. Degenerative disc disease. "
    # in this order: a text that was read to its end once is known as a whole, however little time there is
    part = evaluate(clinic, report(conclusion=modic + CALM * 400), Clock(60))
    whole = evaluate(clinic, report(conclusion=modic + CALM * 400), Clock(10_000))
    assert late(whole.facts) == []
    assert "C92" not in ids(whole)
    assert "C92" in ids(part)
    assert not ids(part) & {"C50", "C60", "C63", "C80", "C82", "C83"}


def test_the_card_says_that_the_end_was_not_read(clinic: Clinic) -> None:
    found = evaluate(clinic, report(conclusion=CALM * 400), Clock(60))
    cards = clinic.writer.write(found.assessment, Language.EN, patient_id="p", new_uuid=lambda: str(NOW.timestamp()))
    assert any("only its beginning was read" in card.detail for card in cards)


def test_without_any_time_a_report_is_unread(clinic: Clinic) -> None:
    found = evaluate(clinic, report(conclusion=ABSCESS), Clock(0))
    assert late(found.facts)
    assert ids(found) == {"C92"}


def test_attachments_are_opened_while_there_is_time(clinic: Clinic) -> None:
    forms = [pdf(b"BT /F1 12 Tf (Marrow edema of L4.) Tj ET")] + [
        pdf(b"BT /F1 12 Tf " + b"(a) Tj " * 9_000 + b"ET")
    ] * 8
    clock = Clock(20)
    found = evaluate(clinic, report(presentedForm=forms), clock)
    assert (GapCode.REPORT_TRUNCATED, "presentedForm") in late(found.facts)
    assert "C92" in ids(found)
    assert clock.late < 10


def test_one_document_that_draws_without_end_is_left_when_the_time_is_over(clinic: Clinic) -> None:
    clock = Clock(8)
    found = evaluate(clinic, report(presentedForm=[pdf(b"BT /F1 12 Tf " + b"(a) Tj " * 20_000 + b"ET")]), clock)
    assert {gap.code for gap in found.facts.gaps if gap.element.startswith("presentedForm")} >= {
        GapCode.REPORT_TRUNCATED
    }
    assert ids(found) == {"C92"}
    assert clock.late < 10


def test_findings_without_end_are_bounded_and_the_rest_counts_as_unread(clinic: Clinic) -> None:
    sentences = [f"Marrow edema of L{1 + n % 5}. No fracture of T{1 + n % 12}. " for n in range(400)]
    found = evaluate(clinic, report(conclusion="".join(sentences)), Clock(100_000))
    assert len(found.facts.reports[0].reading.findings) <= 200
    assert {("reason", "findings")} <= {param for gap in found.facts.gaps for param in gap.params}
    assert "C92" in ids(found)


def test_other_kind_after_a_list_without_end_is_kept(clinic: Clinic) -> None:
    sentences = [f"Marrow edema of L{1 + n % 5}. " for n in range(400)]
    found = evaluate(clinic, report(conclusion="".join(sentences) + ABSCESS), Clock(100_000))
    assert "C02" in ids(found)


def test_preview_has_a_time_as_well(clinic: Clinic) -> None:
    clocks: list[Clock] = []

    def start() -> Any:
        clocks.append(Clock(60))
        return clocks[-1]

    cards = CardDesk(clinic.writer, "", lambda: "7d3c6f2e-0000-4000-8000-000000000001")
    completer: Any = PrefetchCompleter
    desk = PreviewDesk(completer, clinic.evaluator, cards, clinic.knowledge, start)
    shown = desk.preview({"text": CALM * 400, "orders": ["MRI lumbar spine"]}, Language.EN, NOW)
    assert (len(clocks), len(shown.evaluations)) == (1, 2)
    assert all(late(one.facts) for one in shown.evaluations)
    assert "C92" in {one.plan.card_id for one in shown.written}
    assert shown.evaluations[0].facts.reports[0].reading.unfinished


def test_no_calm_advice_while_the_end_of_another_current_report_was_not_read(clinic: Clinic) -> None:
    chosen = report(conclusion="Modic type 2 change of the endplates L4-L5. Degenerative disc disease.")
    endless = report(conclusion=CALM * 400, id="c", code={"text": "MRI cervical spine"})
    found = clinic.evaluator.for_hook(
        Hook.PATIENT_VIEW, [PATIENT, chosen, endless], patient_id="p", as_of=NOW, in_time=Clock(60)
    )
    assert [gap.resource for gap in found.facts.gaps if ("reason", "time") in gap.params] == ["DiagnosticReport/c"]
    assert ids(found) == {"C92"}
