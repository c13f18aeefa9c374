"""A list of what is normal may go on to the signal; a signal of which something is said is none of that list."""

import pytest

from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import FindingId, Language, Status
from cds_service.reading.read import Reader


def _absent(reader: Reader, language: Language, text: str) -> set[FindingId]:
    reading = reader.read([ReportText(text, "conclusion", language.value)], title="MRI spine")
    return {f.finding for f in reading.findings if f.status is Status.ABSENT}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.EN, "Spinal cord normal in size and contour, signal increased at C5."),
        (Language.EN, "Vertebral bodies of normal height, signal reduced at T8."),
        (Language.DE, "Wirbelkörper normal hoch, Signalanhebung in BWK 12."),
        (Language.RO, "Măduva cu contur normal și semnal crescut C5."),
    ],
)
def test_a_changed_signal_is_not_normal(reader: Reader, language: Language, text: str) -> None:
    assert not _absent(reader, language, text) & {FindingId.CORD_SIGNAL, FindingId.MARROW_SIGNAL}


@pytest.mark.parametrize(
    ("language", "text", "finding"),
    [
        (Language.EN, "The cord is normal in size, contour and signal intensity.", FindingId.CORD_SIGNAL),
        (Language.EN, "Vertebral bodies of normal height and signal.", FindingId.MARROW_SIGNAL),
        (Language.DE, "Wirbelkörper mit normaler Höhe, Kontur und Signal.", FindingId.MARROW_SIGNAL),
    ],
)
def test_a_signal_in_the_list_is_normal(reader: Reader, language: Language, text: str, finding: FindingId) -> None:
    assert finding in _absent(reader, language, text)
