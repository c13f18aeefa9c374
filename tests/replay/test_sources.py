"""Files are found and opened wherever they are and however they are packed."""

import gzip
import tracemalloc
from pathlib import Path

import fsspec
import pytest
import zstandard

from cds_service.replay.sources import SourceError, lines, list_sources

LINES = [b'{"resourceType":"Patient","id":"a"}', b"", b'{"resourceType":"Patient","id":"b"}']
PLAIN = b"\n".join(LINES)


def packed(kind: str) -> bytes:
    if kind == "gzip":
        return gzip.compress(PLAIN)
    if kind == "zstd frames":
        # as several writers after each other make them
        return zstandard.compress(PLAIN[:40]) + zstandard.compress(PLAIN[40:])
    return zstandard.compress(PLAIN) if kind == "zstd" else PLAIN


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd", "zstd frames"])
def test_packing_is_told_by_the_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(packed(kind))
    (source,) = list_sources([str(path)])
    assert [(line.number, line.content.strip()) for line in lines(source)] == [(1, LINES[0]), (3, LINES[2])]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_file_that_breaks_off_is_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "Patient.ndjson"
    content = gzip.compress(PLAIN * 5000) if kind == "gzip" else zstandard.compress(PLAIN * 5000)
    path.write_bytes(content[: len(content) // 2])
    (source,) = list_sources([str(path)])
    read = list(lines(source))
    assert read[-1].fault == "file damaged or incomplete from here"


def test_a_line_too_long_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.replay.sources._LONGEST_LINE", 60)
    path = tmp_path / "x.ndjson"
    path.write_bytes(LINES[0] + b"\n" + b"y" * 200 + b"\n" + LINES[2] + b"\n")
    (source,) = list_sources([str(path)])
    assert [line.fault or line.content.strip() for line in lines(source)] == [LINES[0], "line too long", LINES[2]]


def test_folders_patterns_and_urls_are_each_taken_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.ndjson", "deep/b.ndjson.gz", "deep/c.jsonl.zst", "readme.txt"):
        (tmp_path / name).write_bytes(PLAIN)
    found = list_sources([str(tmp_path), str(tmp_path / "*.ndjson"), (tmp_path / "a.ndjson").as_uri()])
    assert [Path(source.place).name for source in found] == ["a.ndjson", "b.ndjson.gz", "c.jsonl.zst"]
    assert found[0].size == len(PLAIN)


@pytest.mark.parametrize("place", ["nowhere.ndjson", "empty", "nonsense://x/y.ndjson"])
def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=place):
        list_sources([place])


def test_a_file_in_memory_is_one_as_well() -> None:
    with fsspec.open("memory://export/Patient.ndjson", "wb") as file:
        file.write(PLAIN)
    (source,) = list_sources(["memory://export/Patient.ndjson"])
    assert len(list(lines(source))) == 2


def test_a_file_that_unpacks_to_far_more_than_it_holds_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(zstandard.compress(b"0" * 300_000_000 + b"\n" + LINES[0] + b"\n"))
    (source,) = list_sources([str(path)])
    tracemalloc.start()
    read = list(lines(source))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line.fault or line.content.strip() for line in read] == ["line too long", LINES[0]]
    assert most < 250_000_000
