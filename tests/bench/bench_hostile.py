"""Measure the reader and the decoding of attachments on texts that are made to be slow; run it with ``make bench``.

Times are processor time of one core. Each text is also read at a quarter of its length, so that work that grows faster
than the text shows as an exponent above one.
"""

import base64
import io
import math
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import Language
from cds_service.fhir.attachments import attachment_text
from cds_service.fhir.gaps import GapLog
from cds_service.fhir.node import Intake, Node
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_findings, load_languages
from cds_service.reading.read import Reader

CHARACTERS = 1_000_000
MANY_REPORTS = 50
REPORT_CHARACTERS = 50_000
OPERATORS = 20_000
# what each hostile text repeats
SHAPES: Mapping[str, str] = {
    "one run-on sentence": "the vertebral body of L4 shows marrow edema and no fracture and ",
    "finding words": "edema ",
    "finding words, one a line": "edema\n",
    "findings with their place": "vertebra edema ",
    "findings with a level each": "edema (L4) ",
    "denial and statement": "Epidural abscess at L4. No epidural abscess at L4.\n",
    "two languages in turn": "There is edema of the disc.\nEs besteht ein Ödem der Bandscheibe.\n",
    "negation words": "no ",
    "words of doubt": "possible ",
    "levels": "L4 ",
    "list of levels": "L4, ",
    "chain of levels": "L4/5/",
    "suspicious masses": "suspicious liver mass ",
    "history": "History: known cancer since 3 weeks ",
    "line ends": "\n",
    "words broken at line ends": "a-\n",
    "brackets": "(",
    "one endless word": "a",
    "denials without end": "no edema, no fracture, ",
    "denials without end, nothing else": "no a, no b, no c, ",
    "denials with nor": "neither edema nor fracture nor ",
    "nested brackets": "(L4 (edema ",
    "levels and colons": "L4: edema: ",
    "ranges of levels": "T1-T12 L1-S1 edema ",
    "percentages": "50 % height loss of L1, ",
    "corrections": "ADDENDUM: edema at L5, not L4.\n",
    "statement and denial in one sentence": "discul L4 cu semnal lichidian, fără edem, ",
    "combining marks": "\u0301",
}


def say(label: str, value: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(f"{label:<44} {value}\n")


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def repeated(unit: str, characters: int) -> str:
    """Return a text of a given length."""
    return (unit * (characters // len(unit) + 1))[:characters]


def say_shape(reader: Reader, name: str, unit: str) -> None:
    """Say how long a hostile text takes, and how its time grows."""
    tag = None if "languages" in name else Language.EN
    short, long = (
        seconds(lambda size=size: reader.read([ReportText(repeated(unit, size), "text", tag)], declared=tag))  # type: ignore[misc]
        for size in (CHARACTERS // 4, CHARACTERS)
    )
    growth = math.log(max(long, 1e-3) / max(short, 1e-3), 4)
    say(name, f"{long:.2f} s for {CHARACTERS} characters, grows to the power of {growth:.2f}")


def pdf(content: bytes) -> bytes:
    """Return a PDF of one page with the given drawing operators, packed."""
    writer = PdfWriter()
    page = writer.add_blank_page(width=595, height=842)
    stream = DecodedStreamObject()
    stream.set_data(content)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): named})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def say_attachment(name: str, kind: str, data: bytes) -> None:
    """Say how long the text of an attachment takes, and what of it was kept."""
    node = Node(
        {"contentType": kind, "data": base64.b64encode(data).decode("ascii")},
        "DiagnosticReport/r",
        Intake(GapLog(), datetime(2026, 1, 1, tzinfo=UTC)),
        "presentedForm[0]",
    )
    kept: list[str] = []
    taken = seconds(lambda: kept.append(attachment_text(node)))
    say(name, f"{taken:.2f} s for {len(data)} bytes, {len(kept[0])} characters kept")


def main() -> None:
    """Measure and print."""
    reader = Reader(load_findings(), load_languages(), load_codes().condition_terms())
    for name, unit in SHAPES.items():
        say_shape(reader, name, unit)
    unit = "There is marrow edema at L4 without fracture. The conus ends at L1. No epidural abscess.\n"
    many = [ReportText(repeated(unit, REPORT_CHARACTERS), "text", Language.EN)] * MANY_REPORTS
    taken = seconds(lambda: [reader.read([text]) for text in many])
    say(f"{MANY_REPORTS} reports of {REPORT_CHARACTERS} characters", f"{taken:.2f} s")
    say_attachment("PDF of very many operators", "application/pdf", pdf(b"BT /F1 9 Tf (a) Tj ET\n" * OPERATORS))
    say_attachment("PDF that unpacks to blanks", "application/pdf", pdf(b" " * 100_000_000))
    say_attachment("PDF of nothing but line ends", "application/pdf", b"%PDF-1.4\n" * 100_000)
    say_attachment("packed text", "text/plain", zlib.compress(b"edema " * 1_000_000))
    say_attachment("deep web page", "text/html", b"<div>" * 200_000)
    say_attachment("web page of open brackets", "text/html", b"<" * 1_000_000)
    say_attachment("web page of entities", "text/html", b"&amp;" * 200_000)


if __name__ == "__main__":
    main()
