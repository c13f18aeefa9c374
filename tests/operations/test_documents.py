"""The commands of the operations documents run as they stand, each page from its first block to its last."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.fixtures import made_or_skipped
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import MissingError, free_port
from tests.servers.redis import Redis

ROOT = Path(__file__).parents[2]
# The benchmarks and the faults have blocks that take minutes; `make bench` and tests/stack run them.
_OF_THEIR_OWN = {"performance", "faults"}
DOCUMENTS = [path for path in sorted((ROOT / "docs/operations").glob("*.md")) if path.stem not in _OF_THEIR_OWN]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Nothing is installed: what runs here is the checkout. Whatever a block leaves running ends with it.
_PRELUDE = """
set -euo pipefail
marrow-cds() {
  if [ "${1:-}" = serve ]; then exec "$PYTHON" -m cds_service "$@" --port "$PORT"; fi
  "$PYTHON" -m cds_service "$@"
}
pip() { [ "$1" = install ]; }
end_all() { for job in $(jobs -p); do kill "$job" 2>/dev/null || true; wait "$job" || true; done; }
trap end_all EXIT
# A store that was used before.
"$PYTHON" -m cds_service store migrate >/dev/null
"""


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language in their order."""
    return [text for name, text in _BLOCK.findall(document.read_text(encoding="utf-8")) if name == language]


def _curl() -> str:
    found = shutil.which("curl")
    if not found:
        raise MissingError("curl was not found (Debian: curl)")
    return found


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if blocks(path, "sh")], ids=lambda path: path.stem)
def test_commands_run_as_they_stand(document: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    script = _PRELUDE + "".join(f"{text}end_all\n" for text in blocks(document, "sh"))
    if "curl" in script:
        made_or_skipped(_curl)
    if "db.example.org" in script:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        database = postgresql.new_database().replace("postgresql+psycopg:", "postgresql:")
        script = re.sub(r"postgresql://\S*db\.example\.org/\w+", database, script)
    if "cache.example.org" in script:
        redis: Redis = request.getfixturevalue("own_redis")
        script = re.sub(r"redis://cache\.example\.org:6379/0", redis.url, script)
    port = str(free_port())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARROW_")}
    environment |= {"MARROW_STATE_DIR": str(tmp_path / "state"), "PORT": port, "PYTHON": sys.executable}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_what_is_not_run_says_what_it_needs(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found[1] != "console":
            assert found[1] == "sh" or "marrow-cds" not in found[2], "a block of commands that nobody runs"
            continue
        before = text[: found.start()].rstrip().rsplit("\n", 1)[-1]
        assert re.fullmatch(r"Needs a .+:", before), before
        assert all(line.startswith("$ ") for line in found[2].splitlines())


def test_engine_commands_name_files_and_profiles_that_exist() -> None:
    lines = [line for path in DOCUMENTS for text in blocks(path, "console") for line in text.splitlines()]
    assert lines
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for line in lines:
        for place in re.findall(r"--kustomize (\S+)", line):
            assert (ROOT / place / "kustomization.yaml").is_file()
        for profile in re.findall(r"--profile (\S+)", line):
            assert f"profiles: [{profile}]" in compose
