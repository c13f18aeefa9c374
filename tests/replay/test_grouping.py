"""Patients come whole and in the order of their keys, however little memory there is."""

from pathlib import Path

import orjson
import pytest

from cds_service.replay import grouping
from cds_service.replay.grouping import Dealer, bucket_count, patients
from cds_service.replay.sources import Source, list_sources

PATIENTS = 60


@pytest.fixture
def dealt(tmp_path: Path) -> Path:
    source = tmp_path / "export.ndjson"
    resources = (
        {"resourceType": "Observation", "id": str(number), "subject": {"reference": f"Patient/p{number % PATIENTS}"}}
        for number in range(6 * PATIENTS)
    )
    source.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in resources))
    with Dealer(tmp_path, 2, b"key") as dealer:
        assert [problem for one in list_sources([str(source)]) for problem in dealer.deal(one) if problem] == []
    return tmp_path


def found(folder: Path) -> list[tuple[str, str, list[bytes]]]:
    return [one for number in range(2) for one in patients(folder, number)]


@pytest.mark.parametrize("held", [1, 500, 5_000])
def test_a_bucket_beyond_memory_is_read_in_ranges(dealt: Path, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(dealt)
    monkeypatch.setattr(grouping, "_HELD_BYTES", held)
    assert found(dealt) == whole
    assert len(whole) == PATIENTS
    assert all(len(content) == 6 for _, _, content in whole)
    assert [key for key, _, _ in whole] == sorted(key for key, _, _ in whole)


def test_no_range_holds_more_than_it_may(dealt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_HELD_BYTES", 1_500)
    sizes = {key: sum(map(len, content)) for key, _, content in patients(dealt, 0)}
    ranges = grouping._ranges(grouping.bucket_path(dealt, 0))
    assert len(ranges) > 1
    for first, last in ranges:
        assert sum(size for key, size in sizes.items() if first.decode() <= key[:6] <= last.decode()) <= 1_500


def test_small_exports_give_work_to_several_processes() -> None:
    assert bucket_count([Source("a.ndjson", 5_000_000)]) == 8
    assert bucket_count([Source("a.ndjson", 10)]) == 1
    assert bucket_count([Source("a.ndjson.gz", 10**15)]) == 256
