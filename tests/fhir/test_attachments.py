"""Report texts from every kind of attachment."""

import base64
import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pypdf import PdfWriter

from cds_service.domain.facts import GapCode, PatientFacts
from cds_service.fhir.attachments import attachment_text, html_text
from cds_service.fhir.failure import MOST_BYTES
from cds_service.fhir.node import Intake, Node
from cds_service.fhir.text import report_texts

SENTENCE = "Ödem im Deckplattenbereich L3, „frisch“."


def encoded(text: str, charset: str = "utf-8") -> str:
    return base64.b64encode(text.encode(charset)).decode("ascii")


def pdf(*pages: str) -> bytes:
    """A minimal PDF with one line of text on each page."""
    objects: list[bytes] = []
    kids = " ".join(f"{3 + 2 * index} 0 R" for index in range(len(pages)))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    for index, page in enumerate(pages):
        stream = f"BT /F1 12 Tf 40 700 Td ({page}) Tj ET".encode("latin-1")
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 {font} >> >> "
            f"/Contents {4 + 2 * index} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def read(intake: Intake, language: str = "", **members: Any) -> str:
    return attachment_text(Node(members, "DiagnosticReport/r", intake, "presentedForm[0]"), language=language)


def gaps(intake: Intake) -> list[tuple[GapCode, tuple[tuple[str, str], ...]]]:
    return [(gap.code, gap.params) for gap in intake.log.all()]


@pytest.mark.parametrize(
    ("declared", "charset"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=utf-8", "utf-8"),
        ("text/plain;charset=ISO-8859-15", "iso-8859-15"),
        ('text/plain; charset="windows-1252"', "cp1252"),
        ("text/plain; charset=utf-16", "utf-16"),
        ("TEXT/PLAIN", "utf-8-sig"),
        ("application/octet-stream", "utf-8"),
    ],
)
def test_plain_text_is_decoded_as_declared(declared: str, charset: str, intake: Intake) -> None:
    text = SENTENCE if charset != "iso-8859-15" else SENTENCE.replace("„", '"').replace("“", '"')
    assert read(intake, contentType=declared, data=encoded(text, charset)) == text
    assert intake.log.all() == ()


@pytest.mark.parametrize(
    ("language", "charset", "text"),
    [("de", "cp1252", "Ödem in Höhe L3"), ("ro", "cp1250", "edem în platoul vertebral")],
)
def test_undeclared_single_byte_sets_are_guessed_by_language(
    language: str, charset: str, text: str, intake: Intake
) -> None:
    assert read(intake, language, contentType="text/plain", data=encoded(text, charset)) == text
    assert gaps(intake) == [(GapCode.INVALID_VALUE, (("reason", "charset"),))]


def test_a_wrong_charset_falls_back_to_utf8(intake: Intake) -> None:
    assert read(intake, contentType="text/plain; charset=ascii", data=encoded(SENTENCE)) == SENTENCE
    assert gaps(intake) == [(GapCode.INVALID_VALUE, (("reason", "charset"),))]


def test_html_keeps_blocks_apart_and_leaves_out_what_is_not_shown() -> None:
    markup = (
        "<html><head><title>Title</title><style>p {margin: 0}</style></head><body><h1>Finding</h1>"
        "<p>Edema of <b>L3</b>.<br>No abscess.</p><script>alert(1)</script>"
        "<table><tr><td>CRP</td><td>5 &lt; 10</td></tr></table><ul><li>one</li><li>two</li></ul></body></html>"
    )
    assert html_text(markup) == "Finding\n\nEdema of L3.\nNo abscess.\n\nCRP 5 < 10\n\none\n\ntwo"


def test_html_attachments_follow_their_meta_charset(intake: Intake) -> None:
    markup = f'<html><head><meta charset="windows-1252"></head><body><p>{SENTENCE}</p></body></html>'
    assert read(intake, contentType="text/html", data=encoded(markup, "cp1252")) == SENTENCE


def test_pdf_pages_are_read_in_order(intake: Intake) -> None:
    data = base64.b64encode(pdf("First page: edema L3.", "Second page: no abscess.")).decode()
    text = read(intake, contentType="application/pdf", data=data)
    assert text.split("\n") == ["First page: edema L3.", "Second page: no abscess."]
    assert intake.log.all() == ()


def test_a_long_pdf_is_cut_and_said_so(intake: Intake) -> None:
    text = read(intake, contentType="application/pdf", data=base64.b64encode(pdf(*["page"] * 45)).decode())
    assert text.count("page") == 40
    assert gaps(intake) == [(GapCode.REPORT_TRUNCATED, ())]


def packed_pdf(stream: bytes) -> bytes:
    """A PDF of one page whose compressed content unpacks to ``stream``."""
    packed = zlib.compress(stream, 9)
    plain = pdf("x")
    begin, end = plain.index(b"4 0 obj"), plain.index(b"xref")
    body = b"4 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n" % (len(packed), packed)
    start = begin + len(body)
    entries = plain[end:].replace(b"startxref\n%d" % end, b"startxref\n%d" % start)
    return plain[:begin] + body + entries


@pytest.mark.parametrize(
    ("operators", "times"),
    [
        (b"BT /F1 9 Tf (L4) Tj ET\n", 100_000),
        (b"(a)Tj\n", 70_000),
        (b"q\n", 70_000),
        (b"[", 500_000),
        (b"0 ", 9_000_000),
    ],
)
def test_a_small_pdf_that_unpacks_to_a_huge_one_is_given_up_and_said(
    intake: Intake, operators: bytes, times: int
) -> None:
    data = packed_pdf(operators * times)
    assert len(data) < 20_000
    assert read(intake, contentType="application/pdf", data=base64.b64encode(data).decode()) == ""
    assert GapCode.ATTACHMENT_UNREADABLE in {code for code, _ in gaps(intake)}


def test_pages_before_an_endless_one_are_kept(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.fhir.pdf._MOST_OPERATORS", 12)
    text = read(intake, contentType="application/pdf", data=base64.b64encode(pdf(*["page"] * 5)).decode())
    assert 0 < text.count("page") < 5
    assert gaps(intake) == [(GapCode.REPORT_TRUNCATED, ())]


def test_an_encrypted_pdf_is_a_gap(intake: Intake) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert read(intake, contentType="application/pdf", data=base64.b64encode(out.getvalue()).decode()) == ""
    assert gaps(intake) == [(GapCode.ATTACHMENT_UNREADABLE, (("reason", "encrypted"),))]


@pytest.mark.parametrize(
    ("content_type", "data", "code", "reason"),
    [
        ("application/pdf", base64.b64encode(pdf("")).decode(), GapCode.ATTACHMENT_UNREADABLE, "pdf-without-text"),
        ("application/pdf", base64.b64encode(b"%PDF-1.4 broken").decode(), GapCode.ATTACHMENT_UNREADABLE, "pdf"),
        ("application/rtf", encoded("{\\rtf1 text}"), GapCode.ATTACHMENT_TYPE, "rtf"),
        ("text/plain", encoded("{\\rtf1 text}"), GapCode.ATTACHMENT_TYPE, "rtf"),
        ("application/msword", encoded("abc"), GapCode.ATTACHMENT_TYPE, "application/msword"),
        ("odd type!", encoded("abc"), GapCode.ATTACHMENT_TYPE, "unknown"),
        (
            "application/octet-stream",
            base64.b64encode(b"\xff\xfe\x00\xd8\x00").decode(),
            GapCode.ATTACHMENT_TYPE,
            "application/octet-stream",
        ),
        ("text/plain", base64.b64encode(b"\xff\x00\x81\x00").decode(), GapCode.ATTACHMENT_UNREADABLE, "binary"),
        ("text/plain", "abcde", GapCode.ATTACHMENT_UNREADABLE, "base64"),
        ("text/plain", "%%%", GapCode.ATTACHMENT_UNREADABLE, "base64"),
        ("text/plain", "", GapCode.ATTACHMENT_UNREADABLE, "no-data"),
        ("text/plain", "A" * (MOST_BYTES * 4 // 3 + 4), GapCode.ATTACHMENT_UNREADABLE, "too-large"),
    ],
)
def test_what_cannot_be_read_becomes_a_clinical_gap(
    content_type: str, data: str, code: GapCode, reason: str, intake: Intake
) -> None:
    assert read(intake, contentType=content_type, data=data) == ""
    (gap,) = intake.log.all()
    assert (gap.code, gap.params, gap.clinical) == (code, (("reason", reason),), True)


def test_an_image_is_no_clinical_gap(intake: Intake) -> None:
    assert read(intake, contentType="image/png", data=encoded("x")) == ""
    assert [gap.clinical for gap in intake.log.all()] == [False]


def test_a_link_is_not_followed(intake: Intake) -> None:
    assert read(intake, contentType="application/pdf", url="https://example.org/report.pdf") == ""
    assert gaps(intake) == [(GapCode.ATTACHMENT_UNREADABLE, (("reason", "only-a-link"),))]


def test_text_that_nobody_encoded_is_taken_as_it_is(intake: Intake) -> None:
    assert (
        read(intake, contentType="text/plain", data="Edema of L3. No abscess seen.") == "Edema of L3. No abscess seen."
    )
    assert gaps(intake) == [(GapCode.INVALID_VALUE, (("reason", "not-encoded"),))]


def test_url_safe_and_unpadded_base64_is_accepted(intake: Intake) -> None:
    data = base64.urlsafe_b64encode("ÿÿÿ?ÿ>".encode()).decode().rstrip("=")
    assert read(intake, contentType="text/plain", data=data) == "ÿÿÿ?ÿ>"


@pytest.mark.parametrize(("data", "expected"), [("<p>Edema</p>", "Edema"), ("Edema", "Edema")])
def test_a_missing_type_is_guessed_from_the_content(data: str, expected: str, intake: Intake) -> None:
    assert read(intake, data=encoded(data)) == expected
    assert [gap.code for gap in intake.log.all()] == [GapCode.MISSING_VALUE]


# ---- several texts of one report ----


def texts(intake: Intake, **members: Any) -> list[tuple[str, str]]:
    node = Node(members, "DiagnosticReport/r", intake)
    return [(text.element, text.text) for text in report_texts(node, {}, {})]


def form(text: str) -> dict[str, str]:
    return {"contentType": "text/plain", "data": encoded(text)}


def test_a_conclusion_inside_the_full_text_is_read_once(intake: Intake) -> None:
    full = "FINDINGS: Edema of L3.\nIMPRESSION: Fracture   of L3."
    assert texts(intake, conclusion="Fracture of L3.", presentedForm=[form(full)]) == [
        ("presentedForm[0]", "FINDINGS: Edema of L3.\nIMPRESSION: Fracture of L3.")
    ]


def test_equal_texts_are_read_once(intake: Intake) -> None:
    assert texts(intake, conclusion="Edema.", presentedForm=[form("Edema."), form("edema.")]) == [
        ("conclusion", "Edema.")
    ]


def test_different_texts_are_all_read(intake: Intake) -> None:
    found = texts(intake, conclusion="Fracture.", presentedForm=[form("Edema of L3.")])
    assert found == [("conclusion", "Fracture."), ("presentedForm[0]", "Edema of L3.")]


def test_the_narrative_is_read_when_nothing_else_is_there(intake: Intake) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Edema of L3.</p></div>'
    assert texts(intake, text={"status": "generated", "div": div}) == [("text.div", "Edema of L3.")]


def test_a_narrative_that_holds_more_replaces_the_conclusion(intake: Intake) -> None:
    div = "<div><p>Edema of L3.</p><p>Fracture of L3.</p></div>"
    found = texts(intake, conclusion="Fracture of L3.", text={"div": div})
    assert found == [("text.div", "Edema of L3.\n\nFracture of L3.")]


def test_a_narrative_that_says_something_else_is_not_mixed_in(intake: Intake) -> None:
    assert texts(intake, conclusion="Edema.", text={"div": "<div>Final report</div>"}) == [("conclusion", "Edema.")]


def test_a_report_without_text_is_a_clinical_gap(intake: Intake) -> None:
    assert texts(intake, conclusion="  ") == []
    assert [(gap.code, gap.clinical) for gap in intake.log.all()] == [(GapCode.REPORT_WITHOUT_TEXT, True)]


def test_coded_conclusions_and_results_are_texts_as_well(intake: Intake) -> None:
    node = Node(
        {
            "conclusionCode": [{"text": "Discitis"}],
            "result": [{"reference": "#f"}, {"reference": "#missing"}],
        },
        "DiagnosticReport/r",
        intake,
    )
    finding = Node({"code": {"text": "Marrow"}, "valueString": "edema of L3"}, "Observation/f", intake)
    found = [(text.element, text.text) for text in report_texts(node, {"#f": finding}, {})]
    assert found == [("conclusionCode[0]", "Discitis"), ("result[0]", "Marrow: edema of L3")]


def test_a_form_behind_a_known_binary_is_read(intake: Intake) -> None:
    node = Node({"presentedForm": [{"url": "Binary/b"}]}, "DiagnosticReport/r", intake)
    binary = Node(form("Edema of L3."), "Binary/b", intake)
    assert [text.text for text in report_texts(node, {}, {"Binary/b": binary})] == ["Edema of L3."]


def test_too_many_forms_are_cut_and_said_so(intake: Intake) -> None:
    found = texts(intake, presentedForm=[form(f"Text number {index} only") for index in range(15)])
    assert len(found) == 12
    assert gaps(intake) == [(GapCode.REPORT_TRUNCATED, ())]


def test_a_text_beyond_all_measure_is_cut_and_said_so(intake: Intake) -> None:
    ((_, text),) = texts(intake, presentedForm=[form("edema " * 60_000)])
    assert len(text) == 200_000
    assert gaps(intake) == [(GapCode.REPORT_TRUNCATED, ())]


@pytest.mark.parametrize(
    "unit", ["<div>", "<ul><li>", "<optgroup>", "<b></p>", "<b><table></b></table></p>", "<p>a</p>"]
)
def test_markup_that_nests_without_end_loses_no_word_and_is_not_built(unit: str) -> None:
    # The tree of such a page takes minutes; its words are taken without one.
    assert html_text(unit * 60_000 + "Oedema of L4 &amp; L5").endswith("Oedema of L4 & L5")


def test_usual_markup_is_still_read_as_a_page() -> None:
    page = "<style>p {}</style>" + "<div><p>Oedema of L4</p></div>" * 900 + "<script>L5</script>"
    assert "{}" not in html_text(page)
    assert html_text(page).count("Oedema of L4") == 900


def test_attachment_without_any_text_is_said(intake: Intake) -> None:
    assert read(intake, contentType="text/html", data=encoded("<style>never closed <p>Oedema of L4</p>")) == ""
    assert gaps(intake) == [(GapCode.ATTACHMENT_UNREADABLE, (("reason", "without-text"),))]


@pytest.mark.parametrize("drawing", [b"[ 1 0 R ] TJ", b"[[[[ /F1 1 0 R", b"<< /a 1 0 R >> BDC", b"BI /W 1 0 R ID EI"])
def test_whatever_the_document_parser_raises_is_an_unreadable_attachment(drawing: bytes, intake: Intake) -> None:
    document = pdf("Marrow oedema").replace(b"(Marrow oedema) Tj", drawing.ljust(len(b"(Marrow oedema) Tj")))
    read(intake, contentType="application/pdf", data=base64.b64encode(document).decode())
    assert {code for code, _ in gaps(intake)} <= {GapCode.ATTACHMENT_UNREADABLE, GapCode.REPORT_TRUNCATED}
    assert gaps(intake)


def test_the_document_parser_tells_no_log_what_the_document_says(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    broken = pdf("Marrow oedema").replace(b"/Type /Page /Parent", b"/Type /Page Mrs Miller /Parent")
    read(intake, contentType="application/pdf", data=base64.b64encode(broken).decode())
    assert [record.getMessage() for record in caplog.records] == []


def test_pdf_document_from_outside_is_read_as_the_report(extract: Callable[..., PatientFacts]) -> None:
    data = base64.b64encode(pdf("MRI of the lumbar spine. Marrow edema of L3.", "No abscess.")).decode()
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "description": "Outside MRI lumbar spine",
        "date": "2026-03-20T08:00:00Z",
        "content": [{"attachment": {"contentType": "application/pdf", "data": data}}],
    }
    (report,) = extract(document).reports
    assert report.provenance.reference == "DocumentReference/d"
    text = " ".join(part.text for part in report.texts)
    assert text.index("Marrow edema of L3.") < text.index("No abscess.")
