"""Every command, answer, path, setting and service that the documents name is checked against the product."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec

from cds_service.app import create_app
from cds_service.cli.main import cli
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES
from cds_service.security.clients import _ClientEntry, load_clients
from tests.ehr.stub_fhir import StubFhir, listening, serving

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/settings.md",
    "fhir_fixtures/README.md",
)
DOCUMENTED_BASE = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block with the answer block that follows it, if any."""

    language: str
    text: str
    answer: Any = None


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks() -> list[Block]:
    found = [Block(match[1], match[2]) for match in FENCE.finditer(text_of("README.md"))]
    result = []
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language == "sh" and following and following.language == "json":
            result.append(dataclasses.replace(block, answer=json.loads(following.text)))
        elif block.language == "sh":
            result.append(block)
    return result


def matches(documented: Any, real: Any) -> bool:
    """Whether ``real`` is as documented; ``…`` stands for any value, and in a text, list or object for any rest."""
    if documented == ANYTHING:
        return True
    if isinstance(documented, dict) and isinstance(real, dict):
        if ANYTHING in documented:
            documented = {key: value for key, value in documented.items() if key != ANYTHING}
            real = {key: value for key, value in real.items() if key in documented}
        return documented.keys() == real.keys() and all(matches(documented[key], real[key]) for key in documented)
    if isinstance(documented, list) and isinstance(real, list):
        if documented and documented[-1] == ANYTHING:
            documented, real = documented[:-1], real[: len(documented) - 1]
        return len(documented) == len(real) and all(map(matches, documented, real))
    if isinstance(documented, str) and documented.endswith(ANYTHING) and isinstance(real, str):
        return real.startswith(documented.removesuffix(ANYTHING))
    return bool(documented == real)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = create_app(Settings(state_dir=tmp_path_factory.mktemp("state"), port=8000))
    with listening(app) as origin:
        yield origin


def curl(command: str, base_url: str) -> Any:
    """Do what the documented ``curl`` would do; only the options that the document uses are known."""
    producer, _, consumer = command.replace("\\\n", " ").rpartition("|")
    words = shlex.split(consumer)
    assert words[:2] == ["curl", "-s"]
    headers, body, url = {}, None, ""
    rest = iter(words[2:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            assert next(rest) == "@-"
            body = run(producer, base_url)
        else:
            url = word
    assert url.startswith(DOCUMENTED_BASE)
    method = "POST" if body else "GET"
    answer = requests.request(method, url.replace(DOCUMENTED_BASE, base_url), data=body, headers=headers, timeout=20)
    answer.raise_for_status()
    return answer.json()


def run(command: str, base_url: str) -> bytes:
    """Run a documented command in the environment of the tests, against ``base_url``."""
    words = shlex.split(command)
    assert words[:3] == [".venv/bin/python", "-m", "fhir_fixtures"]
    return subprocess.run([sys.executable, *words[1:], base_url], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.mark.parametrize("block", [b for b in blocks() if "curl -s" in b.text], ids=lambda block: block.text[:60])
def test_documented_call_gets_the_documented_answer(block: Block, base_url: str) -> None:
    answer = curl(block.text, base_url)
    assert answer
    if block.answer is not None:
        assert matches(block.answer, answer), json.dumps(answer, ensure_ascii=False, indent=2)


def test_an_answer_is_documented() -> None:
    assert [block.answer is not None for block in blocks()].count(True) == 1


def commands(*, fhir: bool) -> list[str]:
    """Documented commands of the service in their order: those that call a FHIR server, or all others."""
    joined = text_of("README.md").replace("\\\n", " ")
    found = re.findall(r"^\.venv/bin/marrow-cds (.*)$", joined, re.MULTILINE)
    return [line for line in found if ("--fhir" in line) is fhir]


@pytest.mark.parametrize("line", [line for line in commands(fhir=False) if "build/" not in line])
def test_documented_command_of_the_service_works(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli, shlex.split(line), catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.strip()


def test_documented_commands_that_write_files_work_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They build on each other, and refuse a folder that holds the results of an earlier run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARROW_STATE_DIR", str(tmp_path / "state"))
    lines = [line for line in commands(fhir=False) if "build/" in line]
    for line in lines:
        result = CliRunner().invoke(cli, shlex.split(line), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert result.output.strip()
    assert (tmp_path / "build/replay/report.html").exists()


def test_documented_trial_with_a_fhir_server_works(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its commands one after the other; a server in memory stands for those of the document."""
    monkeypatch.chdir(ROOT)
    stub = StubFhir()
    said = []
    with serving(stub) as fhir:
        for line in commands(fhir=True):
            words = shlex.split(re.sub(r"--fhir \S+", f"--fhir {fhir}", line))
            words += ["--service", base_url] if words[0] == "invoke" else []
            result = CliRunner().invoke(cli, words, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            said.append(result.output)
    joined = "\n".join(said)
    for expected in ("Order CRP", "Feedback: accepted.", "Feedback: 1 overridden.", "Cement augmentation selected"):
        assert expected in joined
    assert stub.held == {}, "what was loaded was taken away again"


def documented_registry(document: str) -> str:
    (found,) = re.findall(r"^ *```toml\n(.*?)^ *```$", text_of(document), re.MULTILINE | re.DOTALL)
    return textwrap.dedent(found)


@pytest.mark.parametrize("document", ["README.md", "docs/settings.md"])
def test_documented_registry_of_clients_is_accepted(document: str, tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public)) | {"kid": "1", "use": "sig"}
    (tmp_path / "ehr-keys.json").write_text(json.dumps({"keys": [key]}))
    (tmp_path / "clients.toml").write_text(documented_registry(document))
    client = load_clients(tmp_path / "clients.toml").by_issuer("https://ehr.example.org")
    assert client is not None
    assert client.name == "Example EHR"


def test_no_shell_block_is_left_unchecked() -> None:
    checked = ("curl -s ", "make ", ".venv/bin/marrow-cds ", ".venv/bin/python -m fhir_fixtures ")
    lines = [line for block in blocks() for line in block.text.splitlines() if not line.startswith(" ")]
    assert [line for line in lines if not line.startswith(checked)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_make_targets_exist(document: str) -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^)make ([a-z-]+)", text_of(document), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_paths_and_links_exist(document: str) -> None:
    text = text_of(document)
    links = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    spans = re.findall(
        r"`((?:cds_service|cards|fhir_fixtures|tests|scripts|\.ci)/[\w./-]*|[\w-]+\.(?:md|toml|yml))`", text
    )
    here = (ROOT / document).parent
    missing = [p for p in [*links, *spans] if not (ROOT / p).exists() and not (here / p).exists()]
    templates = {"bundle.json", "context.json", "expected.toml"}
    assert [p for p in missing if p not in templates] == []


def test_every_setting_is_documented() -> None:
    settings = {f"MARROW_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    assert set(re.findall(r"MARROW_[A-Z_]+[A-Z]", text_of("docs/settings.md"))) == settings
    assert set(re.findall(r"MARROW_[A-Z_]+[A-Z]", text_of("README.md"))) <= settings


def test_every_key_of_the_registry_is_documented() -> None:
    text = text_of("docs/settings.md").partition("## Registry of clients")[2]
    assert [name for name in _ClientEntry.model_fields if not re.search(rf"\b{name}\b", text)] == []


def test_every_service_is_documented() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| `(/[\w/-]+)` \|$", text_of("README.md"), re.MULTILINE)
    assert rows == [(s.id, s.hook.value, f"/cds-services/{s.id}") for s in SERVICES]


def test_ellipsis_matches_only_where_it_stands() -> None:
    assert matches({"a": "begin…", "b": [1, "…"]}, {"a": "beginning", "b": [1, 2, 3]})
    assert matches({"a": 1, "…": "…"}, {"a": 1, "b": 2})
    assert not matches({"a": 1, "…": "…"}, {"b": 2})
    assert not matches({"a": "…"}, {"a": 1, "b": 2})
    assert not matches([1, 2], [1, 2, 3])
    assert not matches("begin…", "end")
