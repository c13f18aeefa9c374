"""Readings are remembered by what was read, never by whose it was, and only when they are whole."""

from collections.abc import Callable, Sequence

import pytest

from cds_service.domain.facts import Reading, ReportText, Span, TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Language, Section, Status
from cds_service.fhir.remembered import RememberedReadings

TEXT = ReportText("Marrow edema at L4.", "conclusion", "en")


class CountingReader:
    """Answers a new reading each time; ``findings`` and ``unfinished`` as it was told."""

    def __init__(self, *, findings: tuple[TextFinding, ...] = (), unfinished: bool = False) -> None:
        self.read_texts: list[Sequence[ReportText]] = []
        self.findings = findings
        self.unfinished = unfinished

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",  # noqa: ARG002 - the signature of a reader
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        self.read_texts.append(texts)
        return Reading(declared, self.findings, unfinished=self.unfinished or not in_time())


def test_same_texts_are_read_once() -> None:
    reader = CountingReader()
    remembered = RememberedReadings(reader, "v1")
    assert remembered.read([TEXT], title="MRI") is remembered.read([TEXT], title="MRI")
    assert len(reader.read_texts) == 1


@pytest.mark.parametrize(
    ("texts", "title", "declared"),
    [
        ([ReportText("Marrow edema at L5.", "conclusion", "en")], "MRI", None),
        ([ReportText(TEXT.text, "presentedForm[0]", "en")], "MRI", None),
        ([ReportText(TEXT.text, "conclusion", "de")], "MRI", None),
        ([ReportText(TEXT.text, "conclusion")], "MRI", None),
        ([ReportText("Marrow edema", "conclusion", "en"), ReportText(" at L4.", "conclusion", "en")], "MRI", None),
        ([TEXT], "CT", None),
        ([TEXT], "MRI", Language.DE),
        ([TEXT, TEXT], "MRI", None),
    ],
)
def test_anything_else_is_read_anew(texts: list[ReportText], title: str, declared: Language | None) -> None:
    reader = CountingReader()
    remembered = RememberedReadings(reader, "v1")
    remembered.read([TEXT], title="MRI")
    remembered.read(texts, title=title, declared=declared)
    assert reader.read_texts == [[TEXT], texts]


def test_reading_that_the_time_cut_short_is_not_remembered() -> None:
    reader = CountingReader(unfinished=True)
    remembered = RememberedReadings(reader, "v1")
    remembered.read([TEXT])
    reader.unfinished = False
    assert not remembered.read([TEXT]).unfinished
    assert len(reader.read_texts) == 2


def test_remembered_reading_stands_for_none_when_the_time_is_over() -> None:
    remembered = RememberedReadings(CountingReader(), "v1")
    remembered.read([TEXT])
    assert remembered.read([TEXT], in_time=lambda: False).unfinished


def test_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    reader = CountingReader()
    remembered = RememberedReadings(reader, "v1", most=2)
    first, second, third = (ReportText(f"Text {number}.", "conclusion") for number in range(3))
    for text in (first, second, first, third, first, second):
        remembered.read([text])
    assert [texts[0] for texts in reader.read_texts] == [first, second, third, second]


def test_long_texts_are_never_kept() -> None:
    reader = CountingReader()
    remembered = RememberedReadings(reader, "v1")
    long = [ReportText("edema " * 10_000, "conclusion", "en")]
    remembered.read(long)
    remembered.read(long)
    assert len(reader.read_texts) == 2


def test_text_that_no_encoding_takes_is_read() -> None:
    reader = CountingReader()
    RememberedReadings(reader, "v1").read([ReportText("edema \ud800", "conclusion")])
    assert len(reader.read_texts) == 1


def test_memory_is_bounded_in_bytes_too() -> None:
    sentence = "Marrow edema at L4, " * 100
    finding = TextFinding(
        finding=FindingId.EDEMA,
        status=Status.PRESENT,
        certainty=Certainty.CERTAIN,
        levels=("L4",),
        span=Span(0, 12),
        sentence_span=Span(0, len(sentence)),
        sentence=sentence,
        section=Section.BODY,
        language=Language.EN,
    )
    reader = CountingReader(findings=(finding,) * 10)
    remembered = RememberedReadings(reader, "v1", most_bytes=100_000)
    texts = [ReportText(f"Text {number}.", "conclusion") for number in range(10)]
    for text in (*texts, texts[-1], texts[0]):
        remembered.read([text])
    assert [read[0] for read in reader.read_texts] == [*texts, texts[0]]
