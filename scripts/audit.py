"""Ask for known weaknesses of every pinned package; what could not be asked is a failure and not a pass.

Needs build/tools (``make audit`` makes it). Exceptions stand in scripts/supply_chain.toml, each with a reason and a day
after which it no longer counts.
"""  # noqa: INP001 - a script, no package

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_LOCKS = ("requirements-run.lock", "requirements.lock")
_TOOL = _ROOT / "build/tools/bin/python"
_FOUND, _UNKNOWN = 1, 2


def excused(settings: Mapping[str, Any], today: date) -> frozenset[tuple[str, str]]:
    """Return package and id of the exceptions in force. Raises ValueError for one without reason or day."""
    found = set()
    for entry in settings.get("exception", ()):
        if not entry.get("reason") or not isinstance(entry.get("until"), date):
            raise ValueError(f"exception {entry.get('id')}: needs a reason and a day in until")
        if entry["until"] >= today:
            found.add((entry["package"], entry["id"]))
    return frozenset(found)


def judge(report: Mapping[str, Any], allowed: frozenset[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the weaknesses that count, and the packages that were not looked up."""
    weak: list[str] = []
    unknown: list[str] = []
    for package in report["dependencies"]:
        if "vulns" not in package:
            unknown.append(package["name"])
            continue
        for each in package["vulns"]:
            names = {each["id"], *each.get("aliases", ())}
            if not any((package["name"], name) in allowed for name in names):
                fixed = ", ".join(each.get("fix_versions") or ()) or "none"
                weak.append(f"{package['name']} {package['version']}: {each['id']} (fixed in: {fixed})")
    return weak, unknown


def _ask(lock: str) -> Mapping[str, Any] | None:
    """Return the report of pip-audit, ``None`` when the advisory service could not be asked."""
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(  # noqa: S603 - our own tool with fixed arguments
        [_TOOL, "-m", "pip_audit", "-r", str(_ROOT / lock), *options], capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.stderr.write(done.stderr[-2000:])
        return None
    return report if isinstance(report, dict) and report.get("dependencies") else None


def main(locks: Sequence[str] = _LOCKS) -> int:
    """Say for each lock what was found. 0: nothing counts, 1: a weakness, 2: not everything could be looked up."""
    settings = tomllib.loads((_ROOT / "scripts/supply_chain.toml").read_text(encoding="utf-8"))
    allowed = excused(settings, datetime.now(UTC).date())
    status = 0
    for lock in locks:
        report = _ask(lock)
        weak, unknown = judge(report, allowed) if report else ([], ["every package"])
        for line in weak:
            sys.stdout.write(f"{lock}: {line}\n")
        if unknown:
            sys.stdout.write(
                f"{lock}: NOT CHECKED: {len(unknown)} of its packages ({', '.join(unknown[:5])} ...): the advisory "
                "service could not be reached or does not know them; this says nothing about their safety\n"
                if report
                else f"{lock}: NOT CHECKED: the advisory service could not be reached\n"
            )
        if not weak and not unknown:
            sys.stdout.write(f"{lock}: no known weakness\n")
        status = max(status, _FOUND if weak else 0, _UNKNOWN if unknown else 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
