"""The operations documents: their commands run as they stand, their settings exist, their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli.main import cli
from cds_service.config import read_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs/operations").glob("*.md"))
# What is started elsewhere, or belongs to the system.
_NOT_HERE = ("serve",)


def commands(document: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == "marrow-cds" and words[1] not in _NOT_HERE]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if commands(path)], ids=lambda path: path.stem)
def test_commands_run_as_they_stand(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"MARROW_STATE_DIR": str(tmp_path / "state")}
    CliRunner().invoke(cli, ["store", "migrate"], env=environment, catch_exceptions=False)
    for words in commands(document):
        if words[:2] == ["store", "restore"]:
            # Into an empty store, as the text says.
            environment = {"MARROW_STATE_DIR": str(tmp_path / "restored")}
        found = CliRunner().invoke(cli, words, env=environment, catch_exceptions=False)
        assert found.exit_code == 0, (words, found.output)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_settings_exist_and_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name in set(re.findall(r"MARROW_[A-Z_]+", text)):
        assert hasattr(read_settings({}), name.removeprefix("MARROW_").lower()), name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("http") or (document.parent / target).exists(), target
