"""``assertion`` judges any phrase of a sentence, line by line."""

from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cds_service.cli.main import cli

ROWS: tuple[dict[str, Any], ...] = (
    {"id": "1", "sentence": "The stairs show no signs of WOODWORM.", "phrase": "woodworm", "language": "en"},
    {"id": "2", "sentence": "Her father had a STROKE.", "phrase": "Stroke"},
    {"id": "3", "sentence": "History of GALLSTONES.", "phrase": "gallstones"},
    {"id": "4", "sentence": "Kein Hinweis auf Gallensteine.", "phrase": "Gallensteine", "language": "de-CH"},
    {"id": "5", "sentence": "Fără semne de LITIAZĂ biliară.", "phrase": "litiaza biliara", "language": "ro"},
    {"id": "6", "sentence": "Possible gallstones.", "phrase": "gallstones", "language": 5},
)
EXPECTED = (
    ("1", "Negated", "Recent", "Patient"),
    ("2", "Affirmed", "Recent", "Other"),
    ("3", "Affirmed", "Historical", "Patient"),
    ("4", "Negated", "Recent", "Patient"),
    ("5", "Negated", "Recent", "Patient"),
    ("6", "Possible", "Recent", "Patient"),
)


def run(rows: list[Any]) -> Any:
    given = b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows)
    return CliRunner().invoke(cli, ["assertion"], input=given, catch_exceptions=False)


def test_each_phrase_is_judged_in_the_order_of_the_lines() -> None:
    result = run(list(ROWS))
    assert result.exit_code == 0
    keys = ("id", "negation", "temporality", "experiencer")
    assert [orjson.loads(line) for line in result.stdout_bytes.splitlines()] == [
        dict(zip(keys, row, strict=True)) for row in EXPECTED
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "1", "sentence": "No edema.", "phrase": "scar"}, "the phrase does not stand in the sentence"),
        ({"id": "1", "sentence": "No edema.", "phrase": " ... "}, "the phrase holds no word"),
        ({"id": 1.5, "sentence": "No edema.", "phrase": "edema"}, "a row needs an id, a sentence and a phrase"),
        ({"id": "1", "sentence": "No edema."}, "a row needs an id, a sentence and a phrase"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named_and_the_next_answered(row: Any, reason: str) -> None:
    result = run([row, ROWS[0]])
    assert result.exit_code == 1
    assert result.stderr == f"line 1: {reason}\n"
    assert orjson.loads(result.stdout_bytes)["negation"] == "Negated"
