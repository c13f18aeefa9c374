"""Settings: strict, named in every error, safe when nothing is set."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.config import Settings, is_loopback, origin_of, read_settings
from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError


def test_nothing_set_gives_a_local_service_with_a_file_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    settings = read_settings({})
    assert (settings.host, settings.base_url) == ("127.0.0.1", "http://127.0.0.1:8000")
    assert settings.database == f"sqlite:///{settings.state_path}/marrow-cds.sqlite"
    assert settings.state_path.is_relative_to(tmp_path)
    settings.check_exposure()


def test_variables_and_arguments() -> None:
    environ = {
        "MARROW_PORT": "9000",
        "MARROW_LANGUAGE": "RO",
        "MARROW_FHIR_ORIGINS": "https://EHR.example.org:443, http://fhir:8080/",
        "MARROW_ALLOW_OPEN": "yes",
        "MARROW_BUDGET_SECONDS": "2.5",
        "MARROW_PUBLIC_URL": "https://cds.example.org/marrow/",
        "MARROW_STATE_DIR": "~/state",
        "MARROW_PRIVATE_NETWORKS": "10.20.0.0/16, fd00::/8",
        "MARROW_AUDIT_URL": "sqlite:///audit.sqlite",
        "OTHER": "x",
    }
    settings = read_settings(environ, port="9001", host=None, language=Language.DE)
    assert (settings.port, settings.language) == (9001, Language.DE)
    assert settings.fhir_origins == ("https://ehr.example.org", "http://fhir:8080")
    assert (settings.allow_open, settings.budget_seconds) == (True, 2.5)
    assert settings.private_networks == ("10.20.0.0/16", "fd00::/8")
    assert settings.audit_database == "sqlite:///audit.sqlite"
    assert settings.base_url == "https://cds.example.org/marrow"
    assert settings.state_path == Path("~/state").expanduser()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("PORT", "٣"),
        ("MAX_BODY_BYTES", "10 MB"),
        ("BUDGET_SECONDS", "soon"),
        ("BUDGET_SECONDS", "0"),
        ("ALLOW_OPEN", "maybe"),
        ("LANGUAGE", "fr"),
        ("PUBLIC_URL", "cds.example.org"),
        ("PUBLIC_URL", "https://a/?x=1"),
        ("FHIR_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "*"),
        ("PRIVATE_NETWORKS", "10.0.0.1/8"),
        ("PRIVATE_NETWORKS", "intranet"),
        ("AUDIT_DAYS", "-1"),
        ("PREVIEW", "perhaps"),
        ("PREVIEW_SECRET", "short"),
        ("METRICS_SECRET", "short"),
        ("OTLP_ENDPOINT", "collector:4318"),
        ("OTLP_ENDPOINT", "http://user:word@collector:4318"),
        ("PREVIEW_SECRET", "sixteen letters ä"),
        ("HOST", " "),
        ("CLIENTS", ""),
        ("NO_SUCH_THING", "1"),
    ],
)
def test_wrong_values_and_unknown_names_are_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^MARROW_{name}"):
        read_settings({f"MARROW_{name}": value})


@pytest.mark.parametrize(
    ("changes", "exposed"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104 - the case that must be refused
        ({"host": "192.168.1.5"}, True),
        ({"host": "cds.example.org"}, True),
        (
            {"host": "192.168.1.5", "clients": Path("clients.toml"), "public_url": "https://cds.example.org"},
            False,
        ),
        ({"host": "192.168.1.5", "allow_open": True}, False),
    ],
)
def test_service_for_everybody_needs_a_decision(changes: dict[str, Any], exposed: bool) -> None:  # noqa: FBT001
    settings = Settings(**changes)
    if exposed:
        with pytest.raises(ConfigError, match=r"MARROW_CLIENTS.*MARROW_ALLOW_OPEN"):
            settings.check_exposure()
    else:
        settings.check_exposure()


@pytest.mark.requirement("SEC-1")
@pytest.mark.parametrize("changes", [{}, {"public_url": "http://cds.example.org"}])
def test_registered_clients_beyond_this_machine_call_over_https(changes: dict[str, Any]) -> None:
    settings = Settings(host="192.168.1.5", clients=Path("clients.toml"), **changes)
    with pytest.raises(ConfigError, match="MARROW_PUBLIC_URL to the https address"):
        settings.check_exposure()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://EHR.example.org:443/fhir", "https://ehr.example.org"),
        ("http://a:8080", "http://a:8080"),
        ("http://[::1]:80/x", "http://[::1]"),
        ("ftp://a", ""),
        ("nothing", ""),
        ("http://a:port", ""),
        ("http://[broken", ""),
    ],
)
def test_origins_have_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("LOCALHOST", True), ("[::1]", True), ("127.0.0.1.evil", False), ("", False)],
)
def test_loopback_is_told_without_looking_names_up(host: str, local: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) == local


def test_trial_and_preview_end_with_a_registry() -> None:
    registry = Path("clients.toml")
    assert (Settings().trial, Settings().preview_open) == (True, True)
    assert (Settings(clients=registry).trial, Settings(clients=registry).preview_open) == (False, False)
    assert Settings(host="192.168.1.5", allow_open=True).trial is False
    assert Settings(clients=registry, preview=True).preview_open is True
    assert Settings(host="192.168.1.5", allow_open=True).preview_open is False
    assert Settings(host="192.168.1.5", allow_open=True, preview_secret="x" * 16).preview_open is True
    assert Settings(preview=False, preview_secret="x" * 16).preview_open is False
    assert Settings().audit_database == Settings().database


def test_ipv6_host_stands_in_brackets_in_the_address() -> None:
    assert Settings(host="::1").base_url == "http://[::1]:8000"


def test_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(patient_hash_key="s3cret"))
    address = "postgresql://marrow:s3cret@db.example/marrow"
    assert "s3cret" not in repr(Settings(database_url=address, audit_url=address))
