"""The registry of callers: strict, named in every fault, read again without losing what works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from cds_service.config import Settings
from cds_service.errors import ConfigError
from cds_service.hooks.services import Hook
from cds_service.security.clients import SANDBOX_ISSUER, ClientDirectory, Hooks, load_clients
from cds_service.security.keys import FetchedKeys
from cds_service.security.outbound import FetchRefused
from cds_service.security.replay import SeenTokens, SharedTokens
from cds_service.security.trust import build_trust
from tests.security.conftest import ISSUER, KEY_ID, Keys, jwk

JWKS_URL = "https://ehr.example.org/jwks.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "x = 1\n", "client.0.x"),
        (lambda text: text.replace('"de"', '"fr"'), "client.0.language"),
        (lambda text: text.replace(ISSUER, "ehr"), "client.0.issuer"),
        (lambda text: text.replace('"Example"', '""'), "client.0.name"),
        (lambda text: text + text, "twice"),
        (lambda text: text.replace(ISSUER, SANDBOX_ISSUER), "synthetic_data_only"),
        (lambda text: text.replace("ehr.json", "none.json"), "JWKS"),
        (lambda text: text.replace("ehr.json", "clients.toml"), "JWKS"),
        (lambda text: text.replace("[[client]]", "[[client"), "clients.toml"),
        (lambda _: "", "client"),
        (lambda text: text.replace('jwks = "ehr.json"\n', ""), "needs jwks"),
        (lambda text: text + f'jwks_url = "{JWKS_URL}"\n', "exclude each other"),
        (lambda text: text.replace('jwks = "ehr.json"', 'jwks_url = "http://ehr.example.org/k"'), "https"),
        (lambda text: text + 'algorithms = ["HS256"]\n', "client.0.algorithms.0"),
        (lambda text: text + 'algorithms = ["none"]\n', "client.0.algorithms.0"),
        (lambda text: text + "algorithms = []\n", "client.0.algorithms"),
        (lambda text: text + 'algorithms = ["EdDSA"]\n', "no signature key"),
        (lambda text: text + 'fhir_servers = ["http://ehr.example.org/fhir"]\n', "client.0.fhir_servers.0"),
        (lambda text: text + 'fhir_servers = ["https://u:p@ehr.example.org/fhir"]\n', "client.0.fhir_servers.0"),
        (lambda text: text + 'hooks = ["encounter-start"]\n', "client.0.hooks.0"),
        (lambda text: text + "hooks = []\n", "client.0.hooks"),
        (lambda text: text + 'version = "1.1"\n', "client.0.version"),
        (lambda text: text + 'rate = "many"\n', "client.0.rate"),
        (lambda text: text + 'rate = "0/minute"\n', "client.0.rate"),
        (lambda text: text + "concurrent = 0\n", "client.0.concurrent"),
        (lambda text: text + 'tokens_required = "no"\n', "client.0.tokens_required"),
        (
            lambda text: (
                text + "tokens_required = false\n" + text.replace(ISSUER, "https://b") + "tokens_required = false\n"
            ),
            "only one client",
        ),
    ],
)
def test_flaws_of_the_registry_are_named(clients: Path, change: Callable[[str], str], message: str) -> None:
    clients.write_text(change(clients.read_text()))
    with pytest.raises(ConfigError, match="MARROW_CLIENTS") as refused:
        load_clients(clients)
    assert message in str(refused.value)


def test_registry_without_usable_keys_is_refused(clients: Path, keys: Keys) -> None:
    (clients.parent / "ehr.json").write_text(json.dumps({"keys": [jwk(keys.p256, "p256")]}))
    with pytest.raises(ConfigError, match="no signature key with a kid that fits ES384, RS384"):
        load_clients(clients)


def test_private_key_in_the_file_is_told(clients: Path, keys: Keys) -> None:
    (clients.parent / "ehr.json").write_text(json.dumps({"keys": [jwk(keys.p384, "1", d="AA")]}))
    with pytest.raises(ConfigError, match="holds a private key"):
        load_clients(clients)


@pytest.mark.parametrize("text", ["[]", "{}", '{"keys": 1}', "[" * 100_000])
def test_file_that_is_no_key_set_is_told(clients: Path, text: str) -> None:
    (clients.parent / "ehr.json").write_text(text)
    with pytest.raises(ConfigError, match="JWKS file"):
        load_clients(clients)


def test_missing_registry_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_clients(tmp_path / "none.toml")


def test_sandbox_is_trusted_only_for_synthetic_data(clients: Path) -> None:
    clients.write_text(clients.read_text().replace(ISSUER, SANDBOX_ISSUER) + "synthetic_data_only = true\n")
    assert load_clients(clients).by_issuer(SANDBOX_ISSUER) is not None
    assert load_clients(clients).by_issuer(ISSUER) is None


def test_hooks_that_can_be_agreed_are_those_that_are_answered() -> None:
    assert set(get_args(Hooks)) == set(Hook)


class Web:
    """A key address: what it answers now, how often it was asked, and the time."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.asked: list[str] = []
        self.now = 1000.0

    def fetch(self, url: str) -> Any:
        self.asked.append(url)
        if isinstance(self.document, FetchRefused):
            raise self.document
        return self.document

    def source(self) -> FetchedKeys:
        return FetchedKeys(JWKS_URL, ("ES384", "RS384"), self.fetch, lambda: self.now)


@pytest.fixture
def web(key_set: dict[str, Any]) -> Web:
    return Web(key_set)


@pytest.mark.requirement("SEC-20")
def test_keys_are_fetched_once_and_kept(web: Web) -> None:
    source = web.source()
    source.warm()
    assert all(source.find(KEY_ID) for _ in range(5))
    assert web.asked == [JWKS_URL]
    web.now += 601
    assert source.find(KEY_ID)
    assert len(web.asked) == 2


@pytest.mark.requirement("SEC-18", "SEC-20")
def test_new_key_id_is_asked_for_once_and_not_again_soon(web: Web, keys: Keys, key_set: dict[str, Any]) -> None:
    source = web.source()
    assert source.find(KEY_ID)
    web.document = {"keys": [*key_set["keys"], jwk(keys.foreign, "rotated")]}
    assert source.find("rotated")
    assert len(web.asked) == 2
    assert not any(source.find(f"invented-{number}") for number in range(50))
    assert len(web.asked) == 2
    web.now += 31
    assert not any(source.find(f"invented-{number}") for number in range(50))
    assert len(web.asked) == 3


@pytest.mark.requirement("SEC-20")
def test_key_that_is_gone_from_the_set_stops_working(web: Web) -> None:
    source = web.source()
    assert source.find(KEY_ID)
    web.document = {"keys": []}
    web.now += 601
    assert source.find(KEY_ID) == ()


@pytest.mark.requirement("SEC-20")
@pytest.mark.parametrize("fault", [FetchRefused("timeout"), [], {"keys": "none"}, None])
def test_outage_is_bridged_for_a_while_and_then_refused(web: Web, fault: Any) -> None:
    source = web.source()
    assert source.find(KEY_ID)
    web.document = fault
    web.now += 601
    assert source.find(KEY_ID)
    assert source.find(KEY_ID)
    assert len(web.asked) == 2
    web.now += 6 * 3600
    assert source.find(KEY_ID) == ()


@pytest.mark.requirement("SEC-29")
def test_key_set_is_read_up_to_a_bound(web: Web, keys: Keys) -> None:
    web.document = {"keys": [jwk(keys.p384, f"k{number}") for number in range(101)]}
    source = web.source()
    assert source.find("k99")
    assert source.find("k100") == ()


@pytest.fixture
def fetched(clients: Path) -> Path:
    clients.write_text(clients.read_text().replace('jwks = "ehr.json"', f'jwks_url = "{JWKS_URL}"'))
    return clients


def test_reading_again_takes_over_what_is_new_and_keeps_fetched_keys(fetched: Path, web: Web) -> None:
    directory = ClientDirectory(fetched, web.fetch, lambda: web.now)
    directory.warm()
    before = directory.by_issuer(ISSUER)
    fetched.write_text(fetched.read_text().replace('"Example"', '"Renamed"'))
    directory.reload()
    after = directory.by_issuer(ISSUER)
    assert before is not None
    assert after is not None
    assert after.name == "Renamed"
    assert after.keys is before.keys
    assert after.jku >= {JWKS_URL}
    assert len(web.asked) == 1


def test_faulty_file_leaves_the_registry_in_use(fetched: Path, web: Web) -> None:
    directory = ClientDirectory(fetched, web.fetch, lambda: web.now)
    fetched.write_text("[[client")
    with pytest.raises(ConfigError):
        directory.reload()
    assert directory.by_issuer(ISSUER) is not None


def test_looking_at_a_registry_fetches_nothing(fetched: Path) -> None:
    client = load_clients(fetched).by_issuer(ISSUER)
    assert client is not None
    assert client.keys is not None
    assert client.keys.describe() == f"fetched from {JWKS_URL}"
    with pytest.raises(ConfigError, match="not fetched here"):
        client.keys.find("1")


def test_client_without_tokens_is_for_this_machine_unless_said_otherwise(clients: Path) -> None:
    clients.write_text(clients.read_text() + "tokens_required = false\n")
    build_trust(Settings(clients=clients), SeenTokens())
    build_trust(Settings(clients=clients, host="192.168.1.5", allow_open=True), SeenTokens())
    with pytest.raises(ConfigError, match="MARROW_ALLOW_OPEN"):
        build_trust(Settings(clients=clients, host="192.168.1.5"), SeenTokens())


class Broken:
    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        raise OSError(f"{issuer}{token_id}{expires}{now}")


def test_when_the_shared_record_fails_this_process_still_refuses_repeats() -> None:
    tokens = SharedTokens(Broken(), OSError)
    assert tokens.first_use("i", "t", 100, 0)
    assert not tokens.first_use("i", "t", 100, 0)


def test_shared_record_refuses_what_another_process_used() -> None:
    record = SeenTokens()
    first, second = SharedTokens(record, OSError), SharedTokens(record, OSError)
    assert first.first_use("i", "t", 100, 0)
    assert not second.first_use("i", "t", 100, 0)
    assert second.first_use("other", "t", 100, 0)


@pytest.mark.parametrize(
    ("line", "choice"), [("", None), ("repeat_lock = false\n", False), ("repeat_lock = true\n", True)]
)
def test_a_client_may_choose_the_repeat_lock(clients: Path, line: str, *, choice: bool | None) -> None:
    clients.write_text(clients.read_text() + line)
    (client,) = load_clients(clients).clients
    assert client.repeat_lock is choice
