"""``clients check`` and ``audit`` on the command line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec

from cds_service.cli.main import cli
from cds_service.errors import ConfigError
from cds_service.store.audit import AuditRecord, AuditStore
from tests.store.keeping import keep

KEY = ec.generate_private_key(ec.SECP384R1())
AUDIENCE = "https://cds.example.org/cds-services/marrow-edema-patient-view"


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARROW_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("MARROW_PUBLIC_URL", "https://cds.example.org")
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public | {"kid": "k1"}]}))
    path = tmp_path / "clients.toml"
    path.write_text(
        '[[client]]\nissuer = "https://ehr.example.org"\nname = "Example EHR"\njwks = "keys.json"\n'
        'hooks = ["patient-view"]\nrate = "60/minute"\nfhir_servers = ["https://ehr.example.org/fhir"]\n'
    )
    return path


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, list(arguments), **more)


def token(**claims: Any) -> str:
    now = datetime.now(UTC)
    body = {
        "iss": "https://ehr.example.org",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "1",
    }
    return jwt.encode(body | claims, KEY, algorithm="ES384", headers={"kid": "k1"})


def test_check_says_what_would_be_accepted(clients: Path) -> None:
    result = run("clients", "check", str(clients))
    assert result.exit_code == 0
    for said in (
        "Example EHR (https://ehr.example.org)",
        "Tokens: ES384, RS384, at most 3600 s of life, 60 s tolerance",
        "Keys pinned in keys.json: k1 (ES384)",
        "(jku): none; a token that names one is refused",
        "Tenants: any",
        "FHIR servers that may be asked: https://ehr.example.org/fhir",
        f"patient-view: aud must be {AUDIENCE}",
        "order-sign: refused with 403",
        "Answers: CDS Hooks 2.0, language: what each request accepts",
        "Rate: 60 per 1 minute, at once: no limit",
    ):
        assert said in result.output, result.output
    assert "Note:" not in result.output


def test_check_points_at_what_is_open(clients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARROW_PUBLIC_URL")
    clients.write_text(
        '[[client]]\nissuer = "https://sandbox.cds-hooks.org"\nname = "Sandbox"\nlanguage = "ro"\n'
        'jwks_url = "http://127.0.0.1:9/jwks.json"\nsynthetic_data_only = true\ntokens_required = false\n'
        '[[client]]\nissuer = "https://b.example"\nname = "B"\njwks = "keys.json"\ntenants = ["n"]\nfhir_servers = []\n'
    )
    said = run("clients", "check", str(clients)).output
    assert "WITHOUT any token" in said
    assert "anybody can sign in its name" in said
    assert "fetched from http://127.0.0.1:9/jwks.json" in said
    assert "keys are fetched without https" in said
    assert "is not https; set MARROW_PUBLIC_URL" in said
    assert "FHIR servers that may be asked: those of MARROW_FHIR_ORIGINS: none" in said
    assert "FHIR servers that may be asked: none" in said
    assert "language: ro" in said
    assert "Tenants: n" in said


def test_check_of_a_client_without_keys(clients: Path) -> None:
    clients.write_text(clients.read_text().replace('jwks = "keys.json"', "tokens_required = false"))
    assert "Tokens: none are accepted" in run("clients", "check", str(clients)).output


def test_fault_of_the_file_is_named(clients: Path) -> None:
    clients.write_text("x = 1")
    result = run("clients", "check", str(clients))
    assert isinstance(result.exception, ConfigError)
    assert "client" in str(result.exception)


def test_token_is_tried_without_using_it_up(clients: Path) -> None:
    for _ in range(2):
        result = run("clients", "check", str(clients), "--token", "-", input=token())
        assert result.exit_code == 0
        assert "The token would be accepted as Example EHR." in result.output
    refused = run("clients", "check", str(clients), "--token", "-", "--audience", "https://other", input=token())
    assert refused.exit_code == 1
    assert "The token would be refused: other audience." in refused.output


def test_token_needs_pinned_keys_to_be_tried(clients: Path) -> None:
    clients.write_text(clients.read_text().replace('jwks = "keys.json"', 'jwks_url = "https://ehr.example.org/k"'))
    result = run("clients", "check", str(clients), "--token", "-", input=token())
    assert isinstance(result.exception, ConfigError)
    assert "pin them in a file" in str(result.exception)


@pytest.fixture
def recorded(clients: Path) -> Path:
    audit = AuditStore(f"sqlite:///{clients.parent / 'marrow-cds.sqlite'}")
    audit.open()
    for at in (datetime(2025, 1, 1, tzinfo=UTC), datetime.now(UTC)):
        keep(audit, record=AuditRecord(at, "r", "hook", 200, "marrow-edema-patient-view", "patient-view", patient="p"))
    audit.close()
    return clients


@pytest.mark.usefixtures("recorded")
def test_export_writes_one_object_a_line() -> None:
    lines = [json.loads(line) for line in run("audit", "export").output.splitlines()]
    assert [line["at"][:4] for line in lines][:1] == ["2025"]
    assert len(lines) == 2
    events = run("audit", "export", "--format", "fhir", "--until", "2025-01-02").output.splitlines()
    assert [json.loads(event)["resourceType"] for event in events] == ["AuditEvent"]
    assert run("audit", "export", "--since", "2999-01-01").output == ""


@pytest.mark.usefixtures("recorded")
def test_purge_keeps_to_the_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARROW_AUDIT_DAYS", "0")
    assert run("audit", "purge").output.startswith("0 records")
    monkeypatch.setenv("MARROW_AUDIT_DAYS", "400")
    assert run("audit", "purge").output == "1 records older than 400 days were deleted.\n"
    assert run("audit", "purge", "--days", "1").output.startswith("0 records")
    assert len(run("audit", "export").output.splitlines()) == 1
