"""``marrow-cds seed`` on a real server: twice is once, and it leaves nothing behind."""

from typing import Any
from uuid import uuid4

import pytest
import requests
from click.testing import CliRunner, Result

import fhir_fixtures
from cds_service.cli.main import cli
from cds_service.ehr.seeding import TAG_SYSTEM
from tests.hapi.charts import SECONDS

FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture
def tag() -> str:
    return f"t{uuid4().hex[:10]}"


def seed(hapi: str, tag: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["seed", "--fhir", hapi, "--tag", tag, *arguments], catch_exceptions=False)


def count(hapi: str, kind: str, tag: str) -> int:
    query = {"_tag": f"{TAG_SYSTEM}|{tag}", "_summary": "count"}
    answer = requests.get(f"{hapi}/{kind}", params=query, headers=FRESH, timeout=SECONDS)
    return int(answer.json()["total"])


def wanted() -> dict[str, int]:
    found: dict[str, int] = {}
    for name in fhir_fixtures.scenarios():
        for entry in fhir_fixtures.bundle(name)["entry"]:
            kind = entry["resource"]["resourceType"]
            found[kind] = found.get(kind, 0) + 1
    return found


def test_twice_gives_no_duplicates_and_remove_takes_exactly_those(hapi: str, tag: str) -> None:
    other = f"{tag}-b"
    assert seed(hapi, other, "--scenario", "modic-type-1").exit_code == 0
    for _ in range(2):
        loaded = seed(hapi, tag)
        assert loaded.exit_code == 0
        assert len(loaded.stdout.splitlines()) == len(fhir_fixtures.scenarios())
        assert {kind: count(hapi, kind, tag) for kind in wanted()} == wanted()
    removed = seed(hapi, tag, "--remove")
    assert removed.exit_code == 0
    assert {kind: count(hapi, kind, tag) for kind in wanted()} == dict.fromkeys(wanted(), 0)
    assert count(hapi, "Patient", other) == 1
    assert seed(hapi, other, "--remove").exit_code == 0


def test_loading_again_after_removing(hapi: str, tag: str) -> None:
    for _ in range(2):
        assert seed(hapi, tag, "--scenario", "modic-type-1").exit_code == 0
        assert count(hapi, "Patient", tag) == 1
        seed(hapi, tag, "--remove")
        assert count(hapi, "Patient", tag) == 0


def test_what_others_refer_to_stays_and_is_named(hapi: str, tag: str) -> None:
    seed(hapi, tag, "--scenario", "modic-type-1")
    flag: dict[str, Any] = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "made by somebody else"},
        "subject": {"reference": f"Patient/{tag}-modic-type-1"},
    }
    made = requests.post(f"{hapi}/Flag", json=flag, timeout=SECONDS, headers={"Content-Type": "application/fhir+json"})
    kept = seed(hapi, tag, "--remove")
    assert kept.exit_code == 1
    assert f"Patient/{tag}-modic-type-1 stays: " in kept.stderr
    assert "Flag" in kept.stderr
    requests.delete(f"{hapi}/Flag/{made.json()['id']}", timeout=SECONDS).raise_for_status()
    assert seed(hapi, tag, "--remove").stdout == "Deleted 1 Patient\n"
