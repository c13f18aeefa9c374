"""Trust put together as in the running service: keys fetched from a real address, and no other address asked."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cds_service.config import Settings
from cds_service.security.outbound import FetchRefused
from cds_service.security.replay import SeenTokens
from cds_service.security.tokens import TokenRefused
from cds_service.security.trust import Trust, build_trust
from tests.security.conftest import AUDIENCE, KEY_ID, Sign
from tests.servers.in_thread import in_thread


class KeyServer(BaseHTTPRequestHandler):
    body: ClassVar[bytes] = b""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Stay quiet."""


@pytest.fixture
def address(key_set: dict[str, Any]) -> Iterator[str]:
    KeyServer.body, KeyServer.asked = json.dumps(key_set).encode(), []
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), KeyServer)) as origin:
        yield origin


@pytest.fixture
def trust(clients: Path, address: str) -> Trust:
    clients.write_text(clients.read_text().replace('jwks = "ehr.json"', f'jwks_url = "{address}/jwks"'))
    return build_trust(Settings(clients=clients), SeenTokens())


def bearer(sign: Sign, number: int, headers: dict[str, Any] | None = None) -> list[str]:
    now = time.time()
    return [f"Bearer {sign(headers=headers, iat=now, exp=now + 300, jti=str(number))}"]


def test_keys_are_fetched_from_the_listed_address(trust: Trust, sign: Sign, address: str) -> None:
    for number, headers in enumerate([None, None, {"jku": f"{address}/jwks"}]):
        assert trust.verifier.verify(bearer(sign, number, headers), AUDIENCE).client.name == "Example"
    assert KeyServer.asked == ["/jwks"]


@pytest.mark.requirement("SEC-16", "CLI-12")
def test_address_that_a_token_brings_is_never_asked(trust: Trust, sign: Sign, address: str) -> None:
    for number, jku in enumerate(
        [f"{address}/evil", f"{address}/jwks?x", f"{address}/jwks/../evil", "http://10.0.0.1/k"]
    ):
        with pytest.raises(TokenRefused, match="key address not listed"):
            trust.verifier.verify(bearer(sign, number, {"jku": jku}), AUDIENCE)
    assert KeyServer.asked == []


@pytest.mark.parametrize("body", [b" " * 300_000, b"<html>", b"[]", b'{"keys": {}}'])
def test_unusable_key_sets_let_nobody_in(trust: Trust, sign: Sign, body: bytes) -> None:
    KeyServer.body = body
    for number in range(3):
        with pytest.raises(TokenRefused, match="unknown key"):
            trust.verifier.verify(bearer(sign, number, {"kid": KEY_ID}), AUDIENCE)
    assert len(KeyServer.asked) == 1


def test_literal_private_address_in_a_list_may_be_reached_and_its_neighbour_not(
    clients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def refuse(address: Any, *_args: Any, **_kwargs: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    clients.write_text(clients.read_text() + 'fhir_servers = ["https://10.0.0.5/fhir"]\n')
    outbound = build_trust(Settings(clients=clients, private_networks=("10.9.0.0/16",)), SeenTokens()).outbound
    for host in ("10.0.0.5", "10.0.0.6", "10.9.1.1", "192.168.0.1"):
        with pytest.raises(FetchRefused):
            outbound.get_json(f"https://{host}/fhir", headers={}, seconds=1, max_bytes=10)
    assert tried == [("10.0.0.5", 443), ("10.9.1.1", 443)]


def test_without_registry_everybody_is_let_in() -> None:
    trust = build_trust(Settings(), SeenTokens())
    assert trust.directory is None
    assert trust.verifier.verify([], AUDIENCE).client.issuer == ""
