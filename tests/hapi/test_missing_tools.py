"""Where Java, Maven or its artifacts are missing, the tests that need the server say so; where required, they fail."""

from pathlib import Path

import pytest

from tests.hapi import server
from tests.hapi.conftest import skip_or_fail

JAVA_17 = "echo 'openjdk version \"17.0.1\" 2021-10-19' >&2"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty search path, and nothing built yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(server, "BUILD", tmp_path)
    monkeypatch.setattr(server, "STAMP", tmp_path / "built-for")
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def reason() -> str:
    with pytest.raises(server.UnavailableError) as missing:
        server.class_path()
    return str(missing.value)


def test_without_java(tools: Path) -> None:
    assert not list(tools.iterdir())
    assert "java was not found" in reason()


def test_with_a_java_too_old(tools: Path) -> None:
    put(tools, "java", "echo 'java version \"1.8.0_392\"' >&2")
    assert "needs Java 17 or newer" in reason()


def test_without_maven(tools: Path) -> None:
    put(tools, "java", JAVA_17)
    assert "mvn was not found" in reason()


def test_without_artifacts_and_network(tools: Path) -> None:
    put(tools, "java", JAVA_17)
    put(tools, "mvn", "echo Unknown host artifacts.example.org; exit 1")
    assert reason().endswith("could not be built: Unknown host artifacts.example.org")


def test_built_once_and_again_when_an_artifact_is_gone(tools: Path) -> None:
    put(tools, "java", JAVA_17)
    artifact = tools / "artifact.jar"
    put(tools, "mvn", f"echo . >>{tools}/runs; echo jar >{artifact}; echo {artifact} >{tools.parent}/classpath")
    assert server.class_path() == server.class_path() == f"{tools.parent / 'server.jar'}:{artifact}"
    assert (tools / "runs").read_text() == ".\n"
    artifact.unlink()
    server.class_path()
    assert (tools / "runs").read_text() == ".\n.\n"


def test_missing_is_a_skip_or_where_required_a_failure() -> None:
    with pytest.raises(pytest.skip.Exception, match="java was not found"):
        skip_or_fail(server.UnavailableError("java was not found"), required=False)
    with pytest.raises(pytest.fail.Exception, match="TESTS_REQUIRE_TOOLS is set, but java was not found"):
        skip_or_fail(server.UnavailableError("java was not found"), required=True)
