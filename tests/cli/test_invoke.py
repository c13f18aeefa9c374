"""``invoke`` and ``seed`` as commands, between a FHIR server in memory and the real service with a registry."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console

from cds_service.app import create_app
from cds_service.cli.main import cli
from cds_service.cli.shown import show_numbered_cards
from cds_service.config import Settings
from cds_service.ehr.signing import load_key
from cds_service.errors import MarrowError
from cds_service.store.database import SqlStore
from tests.ehr.stub_fhir import StubFhir, listening, paths, serving

ISSUER = "https://ehr.example.org"
PUBLIC = "https://cds.example.org"


@dataclass
class Site:
    """A service, a FHIR server, and the options that lead to both."""

    stub: StubFhir
    fhir: str
    service: str
    key: Path
    state: Path

    def invoke(self, *arguments: str) -> Result:
        signed = ("--client-key", str(self.key), "--issuer", ISSUER, "--public-url", PUBLIC)
        return run("invoke", "--fhir", self.fhir, "--service", self.service, *signed, *arguments)

    def cards(self, *arguments: str) -> Any:
        return json.loads(self.invoke("--json", *arguments).stdout)

    def feedback(self) -> list[tuple[Any, ...]]:
        store = SqlStore(Settings(state_dir=self.state).database)
        try:
            kept = [one.feedback for one in store.feedback()]
        finally:
            store.close()
        return [(one.outcome.value, one.reason_code, one.comment) for one in kept]


def run(*arguments: str) -> Result:
    """Run a command; its own errors are told as text on stderr, as ``marrow-cds`` does."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)


def message(result: Result) -> str:
    assert isinstance(result.exception, MarrowError), result.output
    return str(result.exception)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr("cds_service.ehr.calls._FIRST_PAUSE", 0.001)
    key = tmp_path / "key.pem"
    private = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [load_key(key).public()]}))
    clients = tmp_path / "clients.toml"
    clients.write_text(f'[[client]]\nissuer = "{ISSUER}"\nname = "EHR"\njwks = "keys.json"\n')
    state = tmp_path / "state"
    state.mkdir()
    stub = StubFhir()
    app = create_app(Settings(state_dir=state, clients=clients, public_url=PUBLIC))
    with listening(app) as service, serving(stub) as fhir:
        yield Site(stub, fhir, service, key, state)


def seed(site: Site, *names: str) -> None:
    chosen = [word for name in names for word in ("--scenario", name)]
    assert run("seed", "--fhir", site.fhir, *chosen).exit_code == 0


def test_a_round_from_cards_to_orders_and_feedback(site: Site) -> None:
    seed(site, "t11-before-labs")
    shown = site.invoke("--patient", "t11-before-labs", "--user", "Practitioner/dr-1")
    assert shown.exit_code == 0
    for words in ("1 INFO", "[1] Order CRP (recommended)", "already-done", "/about/knowledge#", "Source: Marrow CDS"):
        assert words in shown.stdout
    assert not any(path.startswith("ServiceRequest") for path in paths(site.stub))
    done = site.invoke("--patient", "t11-before-labs", "--accept", "1", "--accept", "2")
    assert "Created ServiceRequest/new-1: Order CRP" in done.stdout
    assert "Feedback: accepted." in done.stdout
    assert [one["code"]["coding"][0]["code"] for one in orders(site.stub)] == ["1988-5", "4537-7"]
    assert site.feedback() == [("accepted", "", "")]
    assert "Order CRP" not in site.invoke("--patient", "t11-before-labs").stdout


def orders(stub: StubFhir) -> list[dict[str, Any]]:
    return [one for one in stub.held.values() if one["resourceType"] == "ServiceRequest"]


def test_not_following_a_card(site: Site) -> None:
    seed(site, "t11-before-labs")
    result = site.invoke("--patient", "t11-before-labs", "--override", "2", "--reason", "other", "--comment", "known")
    assert "Feedback: 1 overridden." in result.stdout
    assert site.feedback() == [("overridden", "other", "known")]
    assert orders(site.stub) == []


@pytest.mark.parametrize(("language", "words"), [("de", "WARNING"), ("ro", "WARNING")])
def test_cards_come_in_the_language_asked_for(site: Site, language: str, words: str) -> None:
    seed(site, "t11-raised-labs")
    found = site.cards("--patient", "t11-raised-labs", "--language", language)
    english = site.cards("--patient", "t11-raised-labs")
    assert words.lower() in {card["indicator"] for card in found["cards"]}
    assert found["cards"][0]["summary"] != english["cards"][0]["summary"]


def test_draft_orders(site: Site) -> None:
    seed(site, "kyphoplasty-raised-crp")
    draft = Path("fhir_fixtures/patients/kyphoplasty-raised-crp/context.json")
    order = json.loads(draft.read_text(encoding="utf-8"))["draftOrders"]["entry"][0]["resource"]
    alone = site.state / "order.json"
    alone.write_text(json.dumps(order))
    for file in (str(draft), str(alone)):
        found = site.cards("--patient", "kyphoplasty-raised-crp", "--hook", "order-select", "--draft", file)
        assert [card["source"]["topic"]["code"] for card in found["cards"]] == ["OVPa"]
        assert found["service"] == "marrow-edema-order-select"


def test_without_prefetch_the_service_lacks_what_it_may_not_fetch(site: Site) -> None:
    seed(site, "t11-raised-labs")
    with_all = site.cards("--patient", "t11-raised-labs")
    assert with_all["leftOut"] == {}
    assert with_all["cards"]
    assert "HTTP 412" in message(site.invoke("--patient", "t11-raised-labs", "--no-prefetch", "--no-access"))


def test_what_could_not_be_prefetched_is_said(site: Site) -> None:
    seed(site, "t11-raised-labs")
    site.stub.failures = {"Device": [403]}
    result = site.invoke("--patient", "t11-raised-labs")
    assert result.exit_code == 0
    assert "prefetch key devices left out: FHIR server" in result.stderr


def test_patients_with_reports_of_spine_mri_are_listed(site: Site) -> None:
    seed(site, "t11-before-labs", "knee-bone-bruise", "coded-conclusion")
    listed = site.invoke("--list-patients").stdout
    assert "t11-before-labs" in listed
    assert "coded-conclusion" in listed
    assert "knee-bone-bruise" not in listed
    first = json.loads(site.invoke("--list-patients", "--json").stdout)[0]
    assert first.keys() == {"patient_id", "name", "born", "day", "title", "reports"}
    assert first["name"]


def test_an_empty_server_has_no_patient_to_list(site: Site) -> None:
    assert "No report of a spine MRI was found" in site.invoke("--list-patients").stdout


def test_half_a_list_says_so(site: Site) -> None:
    seed(site, "t11-before-labs")
    site.stub.failures = {"DiagnosticReport": [400]}
    result = site.invoke("--list-patients")
    assert "t11-before-labs" in result.stdout
    assert "not everything could be asked" in result.stderr
    site.stub.failures = {"DiagnosticReport": [400, 400]}
    assert "HTTP 400" in message(site.invoke("--list-patients"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "whom? Give --patient ID"),
        (("--patient", "nobody"), "has no Patient/nobody; --list-patients finds some"),
        (("--patient", "t11-before-labs", "--hook", "order-sign"), "is about draft orders: give them with --draft"),
        (("--patient", "t11-before-labs", "--accept", "99"), "--accept 99: there are"),
        (("--patient", "t11-before-labs", "--reason", "other"), "--reason belongs to --override"),
        (
            ("--patient", "t11-before-labs", "--service-id", "other"),
            "offers no other for patient-view; there is marrow",
        ),
        (("--patient", "t11-before-labs", "--token", "x"), "two ways of saying who calls"),
        (("--patient", "t11-before-labs", "--issuer", ""), "--client-key needs --issuer"),
        (("--patient", "t11-before-labs", "--issuer", "https://other.example.org"), "does not accept the caller"),
        (("--patient", "t11-before-labs", "--public-url", ""), "--public-url where it knows itself by another"),
        (
            ("--patient", "t11-before-labs", "--service", "http://127.0.0.1:9"),
            "CDS service http://127.0.0.1:9 does not",
        ),
        (("--patient", "t11-before-labs", "--fhir", "http://127.0.0.1:9"), "FHIR server http://127.0.0.1:9 does not"),
        (("--patient", "t11-before-labs", "--fhir", ""), "which FHIR server?"),
        (("--patient", "t11-before-labs", "--fhir-token", "@/none"), "@/none: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(site: Site, arguments: tuple[str, ...], words: str) -> None:
    seed(site, "t11-before-labs")
    assert words in message(site.invoke(*arguments))


def test_a_service_that_is_none_is_named(site: Site) -> None:
    seed(site, "t11-before-labs")
    result = site.invoke("--patient", "t11-before-labs", "--service", site.fhir)
    assert "is no CDS Hooks service: /cds-services lists no services" in message(result)


def test_when_only_the_feedback_fails_it_is_said_that_the_orders_are_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(site, "t11-before-labs")
    monkeypatch.setattr("cds_service.ehr.rounds.accepted", lambda *_: [{"card": ""}])
    said = message(site.invoke("--patient", "t11-before-labs", "--accept", "1"))
    assert "the FHIR server took all changes, but the feedback failed" in said
    assert len(orders(site.stub)) == 1


def test_a_fhir_server_with_login(site: Site) -> None:
    seed(site, "t11-before-labs")
    site.stub.token = "secret"
    assert "it wants a login, give a token with --fhir-token" in message(site.invoke("--patient", "t11-before-labs"))
    file = site.state / "token"
    file.write_text("secret\n")
    assert site.invoke("--patient", "t11-before-labs", "--fhir-token", f"@{file}").exit_code == 0


def test_a_server_that_stumbles_is_asked_again(site: Site) -> None:
    seed(site, "t11-before-labs")
    site.stub.failures = {"metadata": [503, 429], "Observation": [500]}
    assert site.cards("--patient", "t11-before-labs")["leftOut"] == {}


def test_a_ready_token_is_taken(site: Site) -> None:
    seed(site, "t11-before-labs")
    result = run(
        "invoke", "--fhir", site.fhir, "--service", site.service, "--patient", "t11-before-labs", "--token", "x"
    )
    assert "does not accept the caller (HTTP 401)" in message(result)


def test_the_public_key_for_the_registry(site: Site) -> None:
    (key,) = json.loads(run("invoke", "--client-key", str(site.key), "--public-key").stdout)["keys"]
    assert key == load_key(site.key).public()
    assert "needs --client-key" in message(run("invoke", "--public-key"))


def test_seed_and_remove(site: Site) -> None:
    loaded = run("seed", "--fhir", site.fhir, "--scenario", "modic-type-1")
    assert loaded.stdout.split() == ["modic-type-1", "patient-view", "7", "resources", "Patient/modic-type-1"]
    site.stub.held["Flag/1"] = {"resourceType": "Flag", "id": "1", "subject": {"reference": "Patient/modic-type-1"}}
    kept = run("seed", "--fhir", site.fhir, "--remove")
    assert kept.exit_code == 1
    assert "Patient/modic-type-1 stays: Flag/1 refers to" in kept.stderr
    del site.stub.held["Flag/1"]
    assert run("seed", "--fhir", site.fhir, "--remove").stdout == "Deleted 1 Patient\n"
    assert run("seed", "--fhir", site.fhir, "--remove").stdout == "Nothing carries that tag.\n"
    assert "there is ambiguous-cord-or-marrow" in message(run("seed", "--fhir", site.fhir, "--scenario", "x"))


def test_remove_takes_accepted_orders_along(site: Site) -> None:
    seed(site, "t11-before-labs")
    site.invoke("--patient", "t11-before-labs", "--accept", "1")
    assert len(orders(site.stub)) == 1
    assert "Deleted 1 ServiceRequest" in run("seed", "--fhir", site.fhir, "--remove").stdout
    assert site.stub.held == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "holds something that is no draft order"),
        ('{"resourceType": "Bundle", "entry": [{}]}', "holds something that is no draft order"),
        (
            '{"resourceType": "ServiceRequest", "id": "1", "subject": {"reference": "Patient/other"}}',
            "ServiceRequest/1 is an order for another patient",
        ),
    ],
)
def test_an_unusable_draft_is_named(site: Site, content: str, words: str) -> None:
    file = site.state / "draft.json"
    file.write_text(content)
    assert words in message(site.invoke("--patient", "p", "--hook", "order-select", "--draft", str(file)))


def test_words_of_a_strange_service_cannot_command_the_terminal() -> None:
    card = {"summary": "a\x1b[2Jb", "detail": "c\x9bd", "indicator": "info", "source": {"label": "e\x07"}}
    page = StringIO()
    console = Console(file=page, width=80)
    show_numbered_cards(console, [card], [])
    written = page.getvalue()
    assert "a[2Jb" in written
    assert not {"\x1b", "\x9b", "\x07"} & set(written)


@pytest.fixture
def closed() -> str:
    """A FHIR address of this machine where nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}/fhir"


@pytest.mark.parametrize(
    "command",
    [
        ("invoke", "--patient", "p"),
        ("invoke", "--list-patients"),
        ("seed",),
        ("seed", "--remove"),
        ("subscribe", "--secret", "a-secret-for-this-test"),
        ("subscribe", "--remove"),
    ],
    ids=" ".join,
)
def test_a_server_that_is_down_is_said_in_one_line(
    closed: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cds_service.ehr.calls._FIRST_PAUSE", 0.001)
    result = run(*command, "--fhir", closed)
    assert result.exit_code != 0
    assert f"FHIR server {closed}" in message(result)
    assert "is it running?" in message(result)
    assert "\n" not in message(result)


def test_a_subscription_needs_the_secret(site: Site) -> None:
    assert "--secret" in message(run("subscribe", "--fhir", site.fhir))


def test_a_subscription_is_made_renewed_and_taken_away(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret-for-this-test\n")
    where = ("subscribe", "--fhir", site.fhir, "--service", "https://cds.example.org/")
    for _ in range(2):
        assert "notifies https://cds.example.org/results" in run(*where, "--secret", f"@{secret}").output
    (made,) = [one for one in site.stub.held.values() if one["resourceType"] == "Subscription"]
    assert made["channel"]["header"] == ["Authorization: Bearer a-secret-for-this-test"]
    assert made["channel"]["endpoint"] == "https://cds.example.org/results"
    assert run(*where, "--remove").output == f"Deleted Subscription/{made['id']}\n"
    assert run(*where, "--remove").output == "No Subscription notifies that service.\n"
