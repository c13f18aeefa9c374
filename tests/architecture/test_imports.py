"""The import contracts of pyproject.toml hold."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_import_contract_is_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("package", ["cds_service/domain", "cds_service/reading", "cds_service/rules"])
def test_the_clinical_middle_asks_no_clock(package: str) -> None:
    asked = [
        f"{path.relative_to(ROOT)}: {call}"
        for path in (ROOT / package).rglob("*.py")
        for call in ("datetime.now(", "date.today(", "datetime.utcnow(", "datetime.today(", "time.time(")
        if call in path.read_text(encoding="utf-8")
    ]
    assert asked == []
