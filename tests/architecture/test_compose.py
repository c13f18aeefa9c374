"""The compose file is one that its client takes, and sets the service up with settings that exist."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cds_service.config import read_settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SETTING = re.compile(r"^ *(MARROW_[A-Z_]+): (.+)$", re.MULTILINE)


def client() -> list[str]:
    """The command of the compose client: the plug-in of docker, or the program of its own."""
    plug_in = ["docker", "compose"]
    if (
        shutil.which("docker")
        and not subprocess.run([*plug_in, "version"], capture_output=True, check=False).returncode
    ):
        return plug_in
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    reason = "no compose client was found (Debian: docker-compose)"
    if os.environ.get("TESTS_REQUIRE_TOOLS"):
        pytest.fail(f"TESTS_REQUIRE_TOOLS is set, but {reason}")
    pytest.skip(reason)


def resolved(*options: str) -> str:
    """What the client makes of the file; no daemon is asked."""
    command = [*client(), "-f", str(FILE), "--profile", "fhir", "--profile", "monitoring", "config", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_client_takes_it_and_knows_its_services() -> None:
    assert {"marrow-cds", "fhir"} <= set(resolved("--services").split())


def test_the_service_is_set_up_with_settings_that_exist() -> None:
    given = {name: value.strip("'\"") for name, value in SETTING.findall(resolved())}
    assert given
    settings = read_settings(given)
    settings.check_exposure()
    settings.check_results()
    assert settings.fhir_origins == ("http://fhir:8080",)


def test_nothing_is_open_beyond_this_machine() -> None:
    published = re.findall(r'^ *- "?([\d.:]+)"?$', FILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
