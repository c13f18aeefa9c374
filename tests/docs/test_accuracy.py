"""The reading is at least as accurate as the readme says, wherever the annotated texts are beside the checkout."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.cli.main import cli

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("CORPUS", ROOT.parent / "shared" / "corpus"))
COLUMNS = ("all", "en", "de", "ro")
MEASURES = {
    "finding and status, precision": ("finding_status", "precision"),
    "finding and status, recall": ("finding_status", "recall"),
    "finding and status, F1": ("finding_status", "f1"),
    "edema present, absent, possible or not mentioned, accuracy": ("edema", "accuracy"),
    "pathway, accuracy": ("pathway", "accuracy"),
}
# A change of words may move a figure by this much before the document has to be measured again.
ROUNDING = 0.02
ROW = re.compile(r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)


def documented() -> dict[tuple[str, str], float]:
    rows = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return {
        (name, column): float(value) for name, *values in rows for column, value in zip(COLUMNS, values, strict=True)
    }


def measured(folder: Path) -> dict[str, Any]:
    gold = CORPUS / "reports-dev.jsonl"
    result = CliRunner().invoke(cli, ["read"], input=gold.read_bytes(), catch_exceptions=False)
    assert result.exit_code == 0
    predictions = folder / "predictions.jsonl"
    predictions.write_bytes(result.stdout_bytes)
    scorer = [sys.executable, str(CORPUS / "score.py"), str(gold), str(predictions), "--by", "language", "--json"]
    scores: dict[str, Any] = json.loads(subprocess.run(scorer, capture_output=True, check=True).stdout)
    return scores


def test_readme_gives_every_measure_for_every_language() -> None:
    assert documented().keys() == {(measure, column) for measure in MEASURES for column in COLUMNS}


@pytest.mark.skipif(not (CORPUS / "score.py").is_file(), reason="the annotated texts are not beside this checkout")
def test_reading_is_as_accurate_as_documented(tmp_path: Path) -> None:
    scores = measured(tmp_path)
    worse = {}
    for (measure, column), value in documented().items():
        group, figure = MEASURES[measure]
        score = scores["all" if column == "all" else f"language {column}"][group][figure]
        if score < value - ROUNDING:
            worse[measure, column] = score
    assert worse == {}
