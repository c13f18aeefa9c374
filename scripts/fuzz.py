"""Coverage-guided fuzzing: ``fuzz.py reader 60`` reads mutated reports, ``fuzz.py attachment 60`` opens mutated files.

Needs atheris (``make fuzz`` makes build/tools). It starts from own synthetic texts and files; anything that raises, or
breaks what a reading has to keep, ends the run with the input in build/fuzz. The numbers of a run are on stderr.
"""  # noqa: INP001 - a script, no package

import base64
import gzip
import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # in build/tools only

with atheris.instrument_imports(include=["cds_service", "pypdf"]):
    from cds_service.domain.facts import ReportText
    from cds_service.fhir.attachments import attachment_text
    from cds_service.fhir.failure import MOST_CHARACTERS
    from cds_service.fhir.gaps import GapLog
    from cds_service.fhir.node import Intake, Node
    from cds_service.knowledge.load import load_knowledge
    from cds_service.reading.read import Reader

_PLACE = Path(__file__).parents[1] / "build/fuzz"
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_LONGEST = {"reader": 2_000, "attachment": 6_000}
# Asked about once a sentence, a page or some hundred drawing operators: far more than a small file needs.
_MOST_LOOKS = 20_000
TEXTS = (
    "FINDINGS: Marrow edema of L4 and L5 with fluid in the disc L4-L5. Epidural abscess, 12 mm. IMPRESSION: Discitis.",
    "Fracture of T12 (60 % height loss), no retropulsion. Cord is not compressed. Compare 12.03.2026: progressive.",
    "BEFUND: Ödem in LWK 1 und LWK 2, kein Abszess. BEURTEILUNG: V. a. Spondylodiszitis L1/2, DD Modic Typ 1.",
    "Keine Fraktur. Bekanntes Hämangiom BWK 7. Bandscheibenvorfall L5/S1 mit Kompression der Wurzel S1 rechts.",
    "DESCRIERE: Edem osos medular L3, fără colecții epidurale. CONCLUZII: suspiciune de metastază vertebrală L3.",
    "Fractură-tasare T11, fără retropulsie; canal spinal liber. Discopatie L4-L5. Sechele de spondilită.",
)
KINDS = ("text/plain", "text/plain; charset=utf-16", "text/html", "application/pdf", "application/rtf", "", "image/png")


class _Looks:
    """Counts the questions for time; a run that asks without end does not end."""

    def __init__(self) -> None:
        self.left = _MOST_LOOKS

    def __call__(self) -> bool:
        self.left -= 1
        if self.left < 0:
            raise AssertionError("work without end")
        return True


def pdf(drawing: bytes, *, packed: bool) -> bytes:
    """Return a file of one page; ``packed`` compresses its drawing."""
    stream = zlib.compress(drawing) if packed else drawing
    how = b"/Filter /FlateDecode " if packed else b""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 %s >> >> /Contents 4 0 R >>" % font,
        b"<< %s/Length %d >>\nstream\n%s\nendstream" % (how, len(stream), stream),
    )
    out = io.BytesIO(b"%PDF-1.4\n")
    places = []
    out.seek(0, io.SEEK_END)
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def files() -> Iterator[tuple[int, bytes]]:
    """Yield a kind (as a place in KINDS) and the bytes of each file to start from."""
    for text in TEXTS:
        plain = text.encode()
        yield 0, plain
        yield 1, text.encode("utf-16")
        yield 2, b"<html><head><style>p {}</style></head><body><p>%s</p><table><tr><td>L4</td></tr></table>" % plain
        drawing = b"BT /F1 12 Tf 40 700 Td (%s) Tj ET" % text.encode("cp1252", "replace").replace(b"(", b"").replace(
            b")", b""
        )
        yield 3, pdf(drawing, packed=False)
        yield 3, pdf(drawing, packed=True)
        yield 4, b"{\\rtf1\\ansi " + text.encode("ascii", "replace") + b"}"
        yield 5, gzip.compress(plain)


def _reader() -> Callable[[bytes], None]:
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "surrogatepass" if data[:1] < b"\x80" else "replace") if _is_text(data) else ""
        reading = reader.read([ReportText(text, "conclusion")], in_time=_Looks())
        for found in reading.findings:
            span, around = found.span, found.sentence_span
            assert 0 <= span.start < span.end <= len(text), "a finding outside of its text"  # noqa: S101 - the property
            assert text[around.start : around.end] == found.sentence, "a sentence that is not the text"  # noqa: S101

    return read


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass" if data[:1] < b"\x80" else "replace")
    except UnicodeDecodeError:
        return False
    return True


def _attachment() -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        if not data:
            return
        kind, body = KINDS[data[0] % len(KINDS)], data[1:]
        members = {"contentType": kind, "data": base64.b64encode(body).decode()}
        intake = Intake(GapLog(()), _NOW)
        text = attachment_text(Node(members, "DiagnosticReport/r", intake, "presentedForm[0]"), in_time=_Looks())
        assert len(text) <= 10 * MOST_CHARACTERS, "a text without bound"  # noqa: S101 - the property
        said = {gap.element for gap in intake.log.all()}
        assert text.strip() or said or not body.strip(), "an attachment lost without a word"  # noqa: S101

    return read


def _corpus(name: str) -> Path:
    """Write what to start from, and return the folder."""
    folder = _PLACE / name
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [text.encode() for text in TEXTS] if name == "reader" else [struct.pack("B", k) + b for k, b in files()]
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:02}").write_bytes(seed)
    return folder


def main(name: str, seconds: int) -> None:
    """Fuzz ``reader`` or ``attachment`` for some seconds, from the same start every time."""
    test = {"reader": _reader, "attachment": _attachment}[name]()
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST[name]}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-seed=1",
    ]
    folder = _corpus(name)
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={_PLACE}/{name}-", "-print_final_stats=1", str(folder)], test
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
