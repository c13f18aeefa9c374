"""NDJSON commands: streaming in order, broken lines named, the same answers from any number of processes."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cds_service.cli import lines
from cds_service.cli.lines import answer_lines
from cds_service.cli.main import cli
from cds_service.errors import MarrowError

TEXTS = (
    "MRI lumbar spine. Bone marrow edema of L4. No fracture.",
    "MRT der LWS. Knochenmarködem in LWK 3. Keine Fraktur.",
    "RMN coloana lombară. Edem medular L2, fără fractură.",
    "MRI lumbar spine. Unchanged chronic compression fracture of L1, previously described.",
)


def echo(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if "text" not in row:
        raise ValueError("a row needs an id and a text")
    return {"id": row["id"]}


def build_echo() -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return echo


def build_death() -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda _row: os._exit(3)


def command(name: str, *options: str, rows: list[Any]) -> Result:
    given = b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows)
    return CliRunner().invoke(cli, [name, *options], input=given, catch_exceptions=False)


def answers(result: Result) -> list[Any]:
    return [orjson.loads(line) for line in result.stdout_bytes.splitlines()]


BROKEN = (
    (b"{broken\n", "is not JSON"),
    (b"[1]\n", "a row is a JSON object"),
    (b'{"id": "2"}\n', "a row needs an id and a text"),
    (b'{"id": "x", "text": "\xff"}\n', "is not JSON"),
    (b'{"id": "x", "text": "\\ud800"}\n', "is not JSON"),
    (b"[" * 100_000 + b"\n", "is not JSON"),
)


def test_lines_are_answered_in_order_and_broken_ones_named(capsys: pytest.CaptureFixture[str]) -> None:
    given = [b'{"id": "1", "text": "a"}\n', *(line for line, _ in BROKEN), b"\n", '{"id": "ä", "text": "b"}'.encode()]
    sink, ticks = io.BytesIO(), list[int]()
    broken = answer_lines(given, sink, build_echo, lambda: ticks.append(1))
    assert [orjson.loads(line) for line in sink.getvalue().splitlines()] == [{"id": "1"}, {"id": "ä"}]
    assert (broken, len(ticks)) == (len(BROKEN), len(BROKEN) + 2)
    named = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in named] == [f"line {n + 2}" for n in range(len(BROKEN))]
    for line, (_, reason) in zip(named, BROKEN, strict=True):
        assert reason in line


def test_first_answer_is_written_before_the_second_line_is_read() -> None:
    sink = io.BytesIO()

    def source() -> Iterator[bytes]:
        yield b'{"id": "1", "text": "a"}\n'
        assert sink.getvalue() == b'{"id":"1"}\n'
        yield b'{"id": "2", "text": "a"}\n'

    assert answer_lines(source(), sink, build_echo, lambda: None) == 0


def test_several_processes_keep_the_order_and_read_ahead_within_bounds() -> None:
    sink, ahead = io.BytesIO(), 0

    def source() -> Iterator[bytes]:
        nonlocal ahead
        for number in range(400):
            ahead = max(ahead, number - sink.getvalue().count(b"\n"))
            yield b'{"id": "%d", "text": ""}\n' % number if number % 7 else b"broken\n"

    broken = answer_lines(source(), sink, build_echo, lambda: None, jobs=2)
    ids = [int(orjson.loads(line)["id"]) for line in sink.getvalue().splitlines()]
    assert ids == [number for number in range(400) if number % 7]
    assert broken == 58
    assert ahead < 250


def test_a_process_that_dies_is_a_fault_of_the_whole_run() -> None:
    with pytest.raises(MarrowError, match="process died"):
        answer_lines([b'{"id": "1"}\n'], io.BytesIO(), build_death, lambda: None, jobs=2)


def test_progress_shows_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (False, True):
        shown = io.StringIO()
        monkeypatch.setattr(
            lines,
            "Console",
            lambda shown=shown, terminal=terminal, **_: Console(file=shown, force_terminal=terminal, width=60),
        )
        with lines.progress("Reading") as done:
            done()
        assert ("Reading" in shown.getvalue()) is terminal


def test_read_gives_the_same_answers_from_two_processes() -> None:
    rows = [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    one, two = command("read", rows=rows), command("read", "--jobs", "2", rows=rows)
    assert one.exit_code == two.exit_code == 0
    assert one.stdout_bytes == two.stdout_bytes
    assert [answer["id"] for answer in answers(one)] == ["0", "1", "2", "3"]


def test_read_answers_in_guideline_labels() -> None:
    (answer,) = answers(command("read", rows=[{"id": "a", "text": TEXTS[0]}]))
    assert answer == {
        "id": "a",
        "pred": {
            "findings": [
                {"finding": "bone_marrow_edema", "status": "present", "levels": ["L4"]},
                {"finding": "vertebral_fracture", "status": "absent", "levels": []},
            ],
            "pathway": "unclear",
            "edema": "present",
        },
    }


def test_read_full_gives_every_finding_with_what_belongs_to_it() -> None:
    (answer,) = answers(command("read", "--labels", "full", rows=[{"id": "a", "text": TEXTS[3]}]))
    assert answer["pred"]["language"] == "en"
    (fracture,) = (f for f in answer["pred"]["findings"] if f["finding"] == "F-FX")
    assert set(fracture) == {
        "finding", "status", "certainty", "levels", "qualifiers", "trend", "percent", "millimetres",
    }  # fmt: skip
    assert (fracture["levels"], fracture["trend"]) == (["L1"], "same")
    assert "old" in fracture["qualifiers"]


def test_text_in_no_known_language_reads_nothing_and_says_so() -> None:
    (answer,) = answers(command("read", "--labels", "full", rows=[{"id": "a", "text": "12345"}]))
    assert answer["pred"] == {"language": None, "findings": []}


@pytest.mark.parametrize("labels", ["corpus", "full"])
def test_explained_places_slice_back_to_the_text(labels: str) -> None:
    rows = [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    for row, answer in zip(rows, answers(command("read", "--labels", labels, "--explain", rows=rows)), strict=True):
        found = answer["statements"] if labels == "corpus" else answer["pred"]["findings"]
        assert found
        for finding in found:
            start, end = finding["span"]
            first, last = finding["sentence"]
            assert row["text"][start:end].strip() == row["text"][start:end] != ""
            assert first <= start < end <= last
            assert finding["section"] in {"body", "findings"}
            assert finding["cue"] is None or finding["cue"] in row["text"][first:last]


@pytest.mark.parametrize("name", ["read", "assertion"])
def test_numbers_are_ids_as_well_and_come_back_as_numbers(name: str) -> None:
    row = {"text": TEXTS[0], "sentence": TEXTS[0], "phrase": "fracture"}
    result = command(name, rows=[{"id": 7, **row}, {"id": "8", **row}, {"id": True, **row}])
    assert [answer["id"] for answer in answers(result)] == [7, "8"]
    assert result.exit_code == 1


def test_read_leaves_with_status_1_after_a_broken_line() -> None:
    result = command("read", rows=[b"{\n", {"id": "a", "text": TEXTS[0]}])
    assert result.exit_code == 1
    assert [answer["id"] for answer in answers(result)] == ["a"]
    assert result.stderr.startswith("line 1: is not JSON")
