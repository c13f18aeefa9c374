"""Apache Spark in local mode: the same rows in the same order, the same summary, the same list of problems."""

import os
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from cds_service.replay.rows import TABLES
from cds_service.replay.tables import read_rows

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/tools/bin/python"


@pytest.fixture(scope="module")
def spark_python() -> Path:
    """The interpreter that has Spark; it is big, so it is installed with the other tools only."""
    missing = "Java was not found" if not shutil.which("java") else "" if TOOLS.exists() else "make tools was not run"
    if missing and os.environ.get("TESTS_REQUIRE_TOOLS"):
        pytest.fail(f"TESTS_REQUIRE_TOOLS is set, but {missing}")
    if missing:
        pytest.skip(missing)
    return TOOLS


def test_spark_gives_what_one_machine_gives(spark_python: Path, export: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(b'{"resourceType": "Observation", "id": "x"}\nnothing\n')
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "MARROW_PATIENT_HASH_KEY": "made-up key of the tests, long enough",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    for engine in ("local", "spark"):
        options = ["--engine", engine, "--jobs", "2", "--out", tmp_path / engine]
        command = [spark_python, "-P", "-m", "cds_service", "replay", export, bad, *options]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    for name in TABLES:
        local, spark = (list(read_rows(tmp_path / engine, name)) for engine in ("local", "spark"))
        assert spark == local
        assert local
    for name in ("summary.json", "problems.ndjson", "report.html"):
        assert (tmp_path / "spark" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert orjson.loads((tmp_path / "spark/summary.json").read_bytes())["reports"] > 30
