"""Every way to send the service where it should not go is refused before a connection is tried."""

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cds_service.hooks.access import AccessPolicy
from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.request import FhirGrant, HookRequest
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.hooks.transport import HttpTransport
from cds_service.security.addresses import allowed_url, is_public, networks_of, plain_url
from cds_service.security.lookup import LookupFailed, Lookups, look_up
from cds_service.security.outbound import FetchRefused, Outbound
from tests.servers.in_thread import in_thread

PRIVATE = (ipaddress.ip_network("10.20.0.0/16"),)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that the process tries; none of them is made."""
    tried: list[Any] = []

    def refuse(address: Any, *_args: Any, **_kwargs: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    return tried


def outbound(*addresses: str, listed: Any = ()) -> Outbound:
    return Outbound(lambda: listed, lambda _host, _port: list(addresses))


def ask(client: Outbound, url: str, seconds: float = 1.0) -> Any:
    return client.get_json(url, headers={}, seconds=seconds, max_bytes=1000)


# Each is an attempt to reach something inside; the third column says why it fails.
FORMS = {
    "loopback": "https://127.0.0.1/fhir",
    "loopback, other address": "https://127.8.8.8/fhir",
    "loopback by name": "https://localhost/fhir",
    "loopback, IPv6": "https://[::1]/fhir",
    "unspecified": "https://0.0.0.0/fhir",
    "unspecified, IPv6": "https://[::]/fhir",
    "decimal": "https://2130706433/fhir",
    "octal": "https://0177.0.0.1/fhir",
    "hexadecimal": "https://0x7f000001/fhir",
    "hexadecimal parts": "https://0x7f.0x0.0x0.0x1/fhir",
    "short": "https://127.1/fhir",
    "IPv4-mapped IPv6": "https://[::ffff:127.0.0.1]/fhir",
    "IPv4-mapped IPv6 in hexadecimal": "https://[::ffff:7f00:1]/fhir",
    "IPv4-compatible IPv6": "https://[::127.0.0.1]/fhir",
    "6to4": "https://[2002:7f00:1::]/fhir",
    "NAT64": "https://[64:ff9b::a9fe:a9fe]/fhir",
    "cloud metadata": "https://169.254.169.254/latest/meta-data",
    "cloud metadata, IPv6": "https://[fd00:ec2::254]/latest",
    "link-local, IPv6": "https://[fe80::1]/fhir",
    "private 10": "https://10.0.0.1/fhir",
    "private 172": "https://172.16.0.1/fhir",
    "private 192": "https://192.168.1.1/fhir",
    "carrier-grade NAT": "https://100.64.0.1/fhir",
    "multicast": "https://224.0.0.1/fhir",
    "broadcast": "https://255.255.255.255/fhir",
    "user part": "https://ehr.example.org@127.0.0.1/fhir",
    "user and password": "https://ehr.example.org:x@evil.example/fhir",
    "backslash": "https://evil.example\\@ehr.example.org/fhir",
    "backslash after the host": "https://ehr.example.org\\.evil.example/fhir",
    "fragment before the host": "https://evil.example#@ehr.example.org/fhir",
    "look-alike host": "https://ehr.example.org.evil.example/fhir",
    "full-width dots": "https://ehr。example。org/fhir",
    "full-width digits": "https://１２７.0.0.1/fhir",
    "circled digits": "https://①②⑦.⓪.⓪.①/fhir",
    "percent in the host": "https://ehr.example.org%2eevil.example/fhir",
    "percent-encoded address": "https://%31%32%37.0.0.1/fhir",
    "blank": "https://ehr.example.org /fhir",
    "line end": "https://ehr.example.org/fhir\r\nHost: evil.example",
    "tab in the scheme": "ht\ttps://ehr.example.org/fhir",
    "no slashes": "https:ehr.example.org/fhir",
    "other port": "https://ehr.example.org:6379/fhir",
    "port out of range": "https://ehr.example.org:99999/fhir",
    "plain http": "http://ehr.example.org/fhir",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://ehr.example.org/fhir",
    "data": "data:application/json,{}",
    "scheme left out": "//ehr.example.org/fhir",
    "dot segments": "https://ehr.example.org/fhir/../../admin",
    "escaped dot segments": "https://ehr.example.org/fhir/%2e%2e/admin",
    "query": "https://ehr.example.org/fhir?next=",
    "trailing dot": "https://ehr.example.org./fhir",
}


@pytest.mark.requirement("FHIR-13")
@pytest.mark.parametrize("form", FORMS)
def test_address_in_a_call_is_never_asked(form: str, connections: list[Any]) -> None:
    policy = AccessPolicy(
        ("https://ehr.example.org",), HttpTransport(1000, outbound("93.184.215.14")), lambda: 0.0, local=False
    )
    call = HookRequest(PATIENT_VIEW, "i", "p", "Practitioner/1", fhir_server=FORMS[form], grant=FhirGrant("secret"))
    assert policy.open(call) is None
    assert connections == []


CLOSED = [name for name in FORMS if "://" in FORMS[name] and not FORMS[name].startswith(("https://ehr", "http://ehr"))]


@pytest.mark.parametrize("form", [name for name in CLOSED if name not in {"look-alike host", "loopback by name"}])
def test_address_is_refused_even_if_nobody_asked_the_list(form: str, connections: list[Any]) -> None:
    if form.startswith("loopback"):
        # This machine may be asked by its own address; that it is listed is decided before.
        assert plain_url(FORMS[form]) == FORMS[form]
        return
    with pytest.raises(FetchRefused, match="address refused"):
        ask(outbound("93.184.215.14"), FORMS[form])
    assert connections == []


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.20.1.1"],
        ["169.254.169.254"],
        ["fe80::1%1"],
        ["::ffff:10.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"],
    ],
)
def test_name_that_leads_inside_is_refused_as_a_whole(answers: list[str], connections: list[Any]) -> None:
    with pytest.raises(FetchRefused, match="address refused"):
        ask(outbound(*answers), "https://ehr.example.org/fhir")
    assert connections == []


def test_rebinding_changes_nothing_because_the_checked_address_is_used(connections: list[Any]) -> None:
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    client = Outbound(find=lambda _host, _port: next(answers))
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(client, "https://ehr.example.org/fhir")
    assert connections == [("93.184.215.14", 443)]
    with pytest.raises(FetchRefused, match="address refused"):
        ask(client, "https://ehr.example.org/fhir")
    assert len(connections) == 1


def test_listed_private_network_may_be_reached(connections: list[Any]) -> None:
    client = outbound("10.20.1.1", listed=PRIVATE)
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(client, "https://ehr.hospital.example/fhir")
    assert connections == [("10.20.1.1", 443)]
    with pytest.raises(FetchRefused, match="address refused"):
        ask(outbound("10.21.1.1", listed=PRIVATE), "https://ehr.hospital.example/fhir")


def test_listed_address_lists_itself_only() -> None:
    assert networks_of(["http://10.0.0.5:8080/fhir", "https://ehr.example.org", "https://[fd00::5]"]) == (
        ipaddress.ip_network("10.0.0.5"),
        ipaddress.ip_network("fd00::5"),
    )


@pytest.mark.parametrize("answers", [[], ["8.8.8.8"] * 3 + [f"8.8.4.{n}" for n in range(9)], ["no address"]])
def test_odd_answers_of_the_name_server_end_the_call(answers: list[str], connections: list[Any]) -> None:
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(outbound(*answers), "https://ehr.example.org/fhir")
    assert connections == []


def test_unknown_name_is_a_failed_connection() -> None:
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(Outbound(find=look_up), "https://no-such-host.invalid/fhir")


def test_name_server_that_never_answers_costs_the_time_of_the_call_and_no_more(connections: list[Any]) -> None:
    hanging = threading.Event()

    def never(_host: str, _port: int) -> list[str]:
        hanging.wait()
        return ["93.184.215.14"]

    try:
        with pytest.raises(FetchRefused, match="timeout"):
            ask(Outbound(find=never), "https://ehr.example.org/fhir", 0.05)
    finally:
        hanging.set()
    assert connections == []


def test_lookups_that_hang_are_bounded_in_number() -> None:
    hanging = threading.Event()
    asked: list[str] = []

    def never(host: str, _port: int) -> list[str]:
        asked.append(host)
        hanging.wait()
        return []

    lookups = Lookups(never, most=2)
    try:
        for name in ("a.example", "b.example", "c.example", "d.example"):
            with pytest.raises(LookupFailed, match="timeout"):
                lookups.addresses(name, 443, 0.02)
        assert sorted(asked) == ["a.example", "b.example"]
        with pytest.raises(LookupFailed, match="timeout"):
            lookups.addresses("e.example", 443, 0)
    finally:
        hanging.set()


def test_this_machine_is_found_by_its_name() -> None:
    assert set(look_up("localhost", 80)) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.215.14", True), ("2606:2800:21f::1", True), ("::ffff:93.184.215.14", True), ("198.51.100.1", False)],
)
def test_public_addresses_are_told(address: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(ipaddress.ip_address(address)) == public


@pytest.mark.parametrize("wrong", ["http://ehr.example.org/fhir", "ehr.example.org", "https://u@ehr.example.org"])
def test_operator_lists_only_safe_addresses(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        allowed_url(wrong)
    assert allowed_url("HTTPS://EHR.example.org:443/fhir/") == "https://ehr.example.org/fhir"
    assert allowed_url("http://127.0.0.1:8080/fhir") == "http://127.0.0.1:8080/fhir"


class Server(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str | None, str | None]]] = []
    location: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Host"], self.headers["Authorization"]))
        if self.path.startswith("/drip"):
            # After ten seconds a whole answer, unless the caller has gone.
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500:
                try:
                    self.wfile.write(bytes([letter]))
                except OSError:
                    return
                time.sleep(0.02)
        moved = self.path.startswith("/moved")
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", self.location)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Stay quiet."""


@pytest.fixture
def server() -> ThreadingHTTPServer:
    Server.seen.clear()
    return ThreadingHTTPServer(("127.0.0.1", 0), Server)


@pytest.fixture
def port(server: ThreadingHTTPServer) -> Iterator[int]:
    with in_thread(server):
        yield server.server_port


@pytest.mark.requirement("FHIR-14")
@pytest.mark.parametrize("to", ["http://127.0.0.1:{}/elsewhere", "/elsewhere", "http://169.254.169.254/"])
def test_redirects_are_not_followed(port: int, to: str) -> None:
    Server.location = to.format(port)
    with pytest.raises(FetchFailed, match="HTTP 302"):
        HttpTransport(1000).get(f"http://127.0.0.1:{port}/moved", token="secret", seconds=1)
    assert [path for path, _, _ in Server.seen] == ["/moved"]


def test_dripping_headers_end_with_the_time(port: int) -> None:
    with pytest.raises(FetchRefused, match="timeout"):
        ask(Outbound(), f"http://127.0.0.1:{port}/drip", 0.2)


def test_time_that_is_over_asks_nobody(connections: list[Any]) -> None:
    with pytest.raises(FetchRefused, match="timeout"):
        ask(outbound("93.184.215.14"), "https://ehr.example.org/fhir", -1)
    assert connections == []


@pytest.fixture
def certified(tmp_path: Path, server: ThreadingHTTPServer) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A TLS server on this machine whose certificate is for ehr.example.org, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ehr.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ehr.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cadata=pem.decode())
    with in_thread(server):
        yield server.server_port, trusting


def test_certificate_is_that_of_the_name_though_the_address_is_called(certified: tuple[int, ssl.SSLContext]) -> None:
    port, trusting = certified
    listed = (ipaddress.ip_network("127.0.0.0/8"),)
    client = Outbound(lambda: listed, lambda _host, _port: ["127.0.0.1"], trusting)
    assert ask(client, f"https://ehr.example.org:{port}/fhir") == {}
    assert Server.seen == [("/fhir", f"ehr.example.org:{port}", None)]
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(client, f"https://other.example.org:{port}/fhir")
    with pytest.raises(FetchRefused, match="connection failed"):
        ask(Outbound(lambda: listed, lambda _host, _port: ["127.0.0.1"]), f"https://ehr.example.org:{port}/fhir")
    assert len(Server.seen) == 1
