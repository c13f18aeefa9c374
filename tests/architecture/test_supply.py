"""What is installed beside the service: its licences are allowed, its audit cannot pass unasked, its list is whole."""

import importlib.metadata
import json
import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

from scripts.audit import excused, judge

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "scripts/supply_chain.toml").read_text(encoding="utf-8"))
STATED: dict[str, str] = SETTINGS["licences"]["stated"]
PINNED = sorted(set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements-run.lock").read_text("utf-8"), re.MULTILINE)))
TODAY = date(2026, 11, 21)
TOOLS = ROOT / "build/tools/bin/cyclonedx-py"


def licence(name: str) -> str:
    """The SPDX expression that a package states, else the one that was read in its files."""
    try:
        stated = importlib.metadata.metadata(name).json.get("license_expression")
    except importlib.metadata.PackageNotFoundError:
        stated = None
    return str(stated) if stated else STATED.get(canonicalize_name(name), "")


@pytest.mark.parametrize("name", PINNED)
def test_licence_of_every_run_time_package_is_allowed(name: str) -> None:
    expression = canonicalize_license_expression(licence(name))
    # "OR" leaves a choice, so one allowed part is enough; "AND" does not.
    allowed = set(SETTINGS["licences"]["allowed"])
    parts = re.sub(r"[\w.+-]+", lambda m: m[0].lower() if m[0] in {"AND", "OR"} else str(m[0] in allowed), expression)
    assert eval(parts), f"{name}: {expression}"  # noqa: S307 - words true, false, and, or, and brackets only


def test_a_licence_that_is_unknown_or_not_stated_is_not_allowed() -> None:
    with pytest.raises(InvalidLicenseExpression):
        canonicalize_license_expression("")
    assert "AGPL-3.0-only" not in SETTINGS["licences"]["allowed"]
    assert "GPL-3.0-only" not in SETTINGS["licences"]["allowed"]


def weakness(identity: str, *aliases: str) -> dict[str, Any]:
    return {"id": identity, "aliases": list(aliases), "fix_versions": ["2.0"], "description": ""}


def test_audit_names_weaknesses_and_takes_nothing_unasked_for_safe() -> None:
    report = {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {"name": "weak", "version": "1", "vulns": [weakness("PYSEC-1", "CVE-1"), weakness("PYSEC-2")]},
            {"name": "unknown", "skip_reason": "not found"},
        ]
    }
    weak, unknown = judge(report, frozenset({("weak", "CVE-1")}))
    assert [line.split(" (")[0] for line in weak] == ["weak 1: PYSEC-2"]
    assert unknown == ["unknown"]


def test_exception_needs_a_reason_and_ends() -> None:
    entry = {"id": "CVE-1", "package": "weak", "reason": "not reached", "until": date(2026, 12, 31)}
    assert excused({"exception": [entry]}, TODAY) == {("weak", "CVE-1")}
    assert excused({"exception": [entry | {"until": date(2026, 1, 1)}]}, TODAY) == frozenset()
    for broken in ({"reason": ""}, {"until": "soon"}):
        with pytest.raises(ValueError, match="needs a reason"):
            excused({"exception": [entry | broken]}, TODAY)


def test_exceptions_in_force_are_argued() -> None:
    assert len(excused(SETTINGS, TODAY)) == len(SETTINGS.get("exception", ()))


def test_every_pin_of_the_tools_is_that_of_the_project_or_its_own() -> None:
    def pins(path: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / path).read_text("utf-8"), re.MULTILINE))

    project, tools = pins("requirements.lock"), pins("scripts/tools.lock")
    assert {name for name in project.keys() & tools.keys() if project[name] != tools[name]} == set()
    assert {"cyclonedx-bom", "pip-audit", "atheris"} <= tools.keys()


@pytest.mark.skipif(not TOOLS.exists(), reason="make sbom makes the tools")
def test_bill_of_materials_lists_the_whole_lock(tmp_path: Path) -> None:
    place = tmp_path / "sbom.json"
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", str(place)]
    subprocess.run([TOOLS, "requirements", "requirements-run.lock", *options], cwd=ROOT, check=True)
    bill = json.loads(place.read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert {canonicalize_name(each["name"]) for each in bill["components"]} == set(PINNED)
    hashed = [each for each in bill["components"] if any(r.get("hashes") for r in each.get("externalReferences", ()))]
    assert len(hashed) == len(bill["components"])
