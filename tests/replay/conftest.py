"""A small cohort as a Bulk Data export: the synthetic demonstration patients at a fixed day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

import fhir_fixtures
from cds_service.app import build_clinic
from cds_service.replay.local import Run
from cds_service.replay.patient import PatientReplay, Questions
from cds_service.replay.sources import list_sources

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
KEY = b"made-up key of the tests"


def cohort() -> Iterator[dict[str, Any]]:
    """Yield every resource of the demonstration patients."""
    for name in fhir_fixtures.scenarios():
        yield from (entry["resource"] for entry in fhir_fixtures.bundle(name, NOW)["entry"])


def write_lines(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for each type, as servers write them."""
    folder = tmp_path_factory.mktemp("export")
    by_type: dict[str, list[bytes]] = {}
    for resource in cohort():
        by_type.setdefault(resource["resourceType"], []).append(orjson.dumps(resource))
    for kind, lines in by_type.items():
        write_lines(folder / f"{kind}.ndjson", lines)
    return folder


class Silent:
    """Shows nothing."""

    def begin(self, title: str, total: int | None) -> None:
        """Begin a stage."""

    def advance(self, steps: int = 1) -> None:
        """Take steps."""


def judge(day: datetime | None = None) -> PatientReplay:
    clinic = build_clinic()
    return PatientReplay(clinic.evaluator, Questions(KEY, frozenset(clinic.knowledge.codes.laboratory_categories), day))


def run_of(*inputs: Path, out: Path, day: datetime | None = None, jobs: int = 1) -> Run:
    sources = list_sources([str(one) for one in inputs])
    return Run(sources, out, partial(judge, day), KEY, ("test",), jobs=jobs, day=day)
