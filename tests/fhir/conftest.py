"""A patient, a moment, an extractor with a reader that understands nothing, and a way to extract."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.domain.facts import PatientFacts, Reading, ReportText
from cds_service.domain.vocabulary import Language
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.gaps import GapLog
from cds_service.fhir.node import Intake
from cds_service.knowledge.codes import Codes, load_codes

AS_OF = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1956-05-04"}


class SilentReader:
    """Stands in for the reader of report texts: takes the declared language and finds nothing."""

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        del texts, title, in_time
        return Reading(declared or Language.EN)


class Holder:
    """The part of the knowledge that extraction needs."""

    def __init__(self, codes: Codes) -> None:
        self.codes = codes


@pytest.fixture(scope="session")
def codes() -> Codes:
    return load_codes()


@pytest.fixture(scope="session")
def extractor(codes: Codes) -> FactExtractor:
    return FactExtractor(Holder(codes), SilentReader())


Extract = Callable[..., PatientFacts]


@pytest.fixture
def extract(extractor: FactExtractor) -> Extract:
    def run(*resources: Any, **options: Any) -> PatientFacts:
        return extractor.extract([PATIENT, *resources], patient_id="p1", as_of=AS_OF, **options)

    return run


@pytest.fixture
def intake() -> Intake:
    return Intake(GapLog(), AS_OF)
