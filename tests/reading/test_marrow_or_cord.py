"""Romanian "edem medular": marrow where the sentence names bone, else possibly the cord."""

import pytest

from cds_service.domain.facts import Conflict, ConflictKind, ReportText
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.reading.read import Reader


def _read(reader: Reader, text: str) -> tuple[set[tuple[FindingId, Status]], tuple[Conflict, ...]]:
    reading = reader.read([ReportText(text, "conclusion", "ro")], title="IRM coloană vertebrală")
    wanted = {FindingId.EDEMA, FindingId.CORD}
    return {(f.finding, f.status) for f in reading.findings if f.finding in wanted}, reading.conflicts


@pytest.mark.parametrize(
    "text",
    [
        "Edem medular T6-T7 cu compresie.",
        "Se remarcă edem medular la nivel T9.",
        "Edem medular al corpului vertebral T4, cu compresie în canal.",
    ],
)
def test_open_wording_is_possibly_the_cord_and_said(reader: Reader, text: str) -> None:
    found, conflicts = _read(reader, text)
    assert found == {(FindingId.EDEMA, Status.POSSIBLE), (FindingId.CORD, Status.POSSIBLE)}
    assert [(c.kind, c.finding) for c in conflicts] == [(ConflictKind.AMBIGUOUS_TERM, FindingId.CORD)]


@pytest.mark.parametrize(
    "text",
    [
        "Edem medular al corpurilor vertebrale L1 și L2.",
        "Edem medular la nivelul platoului inferior L3, fără compresie.",
        "Edem medular osos L2.",
        "Edem medular L2. Conul medular cu semnal normal.",
    ],
)
def test_bone_words_or_a_normal_cord_make_it_marrow(reader: Reader, text: str) -> None:
    found, conflicts = _read(reader, text)
    assert (FindingId.EDEMA, Status.PRESENT) in found
    assert (FindingId.CORD, Status.POSSIBLE) not in found
    assert conflicts == ()
