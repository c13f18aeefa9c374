"""The locks pin everything the project asks for, with hashes, and name no address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([\w.-]+)==(\S+?)(?: ;.*)? \\$", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return {
        canonicalize_name(name): version for name, version in PIN.findall((ROOT / lock).read_text(encoding="utf-8"))
    }


def asked_for(extras: tuple[str, ...]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["dependencies"] + [r for extra in extras for r in project["optional-dependencies"][extra]]
    return [Requirement(r) for r in listed]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ("dev",)), ("requirements-run.lock", ("postgresql", "redis", "telemetry"))],
)
def test_lock_satisfies_the_project(lock: str, extras: tuple[str, ...]) -> None:
    pinned = pins(lock)
    unsatisfied = [
        str(asked)
        for asked in asked_for(extras)
        if not asked.specifier.contains(pinned.get(canonicalize_name(asked.name), "0"))
    ]
    assert unsatisfied == [], "make lock"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-run.lock"])
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_the_run_lock_is_part_of_the_whole_lock() -> None:
    assert pins("requirements-run.lock").items() <= pins("requirements.lock").items()
