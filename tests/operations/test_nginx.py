"""The configuration of the proxy: nginx takes it, passes calls on, and ends who is too slow, too large or too many."""

import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import fhir_fixtures
from cds_service.config import read_settings
from cds_service.hooks.services import SERVICES
from tests.servers.fixtures import made_or_skipped
from tests.servers.processes import Server, free_port, program, takes_connections, unprivileged
from tests.servers.service import Service

ROOT = Path(__file__).parents[2]
SITE = ROOT / "deploy/nginx/marrow-cds.conf"
TEXT = SITE.read_text(encoding="utf-8")
NAME = "cds.example.org"
SLOW_SECONDS = 2


def certificate(folder: Path) -> None:
    """Write a key and a certificate of the name that the configuration serves."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "cds.key").write_bytes(private)
    (folder / "cds.crt").write_bytes(made.public_bytes(pem))


@dataclass(frozen=True)
class Proxy:
    """A running nginx; ``folder`` holds its files."""

    folder: Path
    port: int
    plain: int

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def trusted(self) -> str:
        return str(self.folder / "cds.crt")


def configuration(folder: Path, port: int, plain: int, backend: int) -> Path:
    """Write a whole configuration around the one of a site: other places and ports, and shorter waits."""
    site = TEXT.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(
        "listen 80", f"listen 127.0.0.1:{plain}"
    )
    site = site.replace("server 127.0.0.1:8000", f"server 127.0.0.1:{backend}")
    site = site.replace("/etc/nginx/tls", str(folder)).replace("/var/log/nginx", str(folder))
    for name in ("client_header_timeout", "client_body_timeout"):
        site, changed = re.subn(rf"{name} \d+s", f"{name} {SLOW_SECONDS}s", site)
        assert changed == 1
    (folder / "site.conf").write_text(site, encoding="utf-8")
    places = [f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {' '.join(places)} include {folder}/site.conf; }}\n"
    )
    return file


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    made_or_skipped(lambda: program("nginx", "nginx-light", "/usr/sbin"))
    started = Service(folder, {"PUBLIC_URL": f"https://{NAME}", "BUDGET_SECONDS": "30"})
    started.server.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def proxy(service: Service) -> Iterator[Proxy]:
    # Not in the folder of the test run, which a user without privileges cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    certificate(folder)
    port, plain = free_port(), free_port()
    file = configuration(folder, port, plain, service.port)
    user = made_or_skipped(unprivileged)
    if user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    nginx = made_or_skipped(lambda: program("nginx", "nginx-light", "/usr/sbin"))
    command = [nginx, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(file)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, user=user, cwd="/", check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr
    server = Server(command, folder / "log", lambda: takes_connections(port), user)
    server.start()
    yield Proxy(folder, port, plain)
    server.stop()
    shutil.rmtree(folder)


def test_calls_go_through_with_tls_and_come_back_with_cards(proxy: Proxy) -> None:
    call = fhir_fixtures.hook_request("spondylodiscitis-l4-l5", SERVICES[0].to_wire(), datetime.now(UTC))
    answer = requests.post(
        f"{proxy.url}/cds-services/{SERVICES[0].id}",
        json=call,
        headers={"Host": NAME},
        verify=proxy.trusted,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["cards"]
    assert answer.headers["Strict-Transport-Security"]


def test_plain_http_is_refused_before_anything_is_sent_on(proxy: Proxy) -> None:
    for path in ("/cds-services", "/livez"):
        answer = requests.get(
            f"http://127.0.0.1:{proxy.plain}{path}", headers={"Host": NAME}, timeout=60, allow_redirects=False
        )
        assert answer.status_code == 403


def test_pages_for_operators_are_closed(proxy: Proxy) -> None:
    for path, status in (("/metrics", 404), ("/about/usage", 403)):
        assert requests.get(f"{proxy.url}{path}", verify=proxy.trusted, timeout=60).status_code == status


def test_body_beyond_the_limit_of_the_service_is_refused_by_the_proxy(proxy: Proxy) -> None:
    limit = read_settings({}).max_body_bytes
    assert f"client_max_body_size {limit // 2**20}m;" in TEXT
    with secure(proxy) as connection:
        connection.sendall(head(limit + 1))
        assert received(connection).startswith(b"HTTP/1.1 413 ")


def test_slow_body_is_cut_off_and_never_reaches_a_worker(proxy: Proxy, service: Service) -> None:
    def calls() -> int:
        return sum("/cds-services/" in str(line.get("path", "")) for line in service.logged())

    before = calls()
    with secure(proxy) as connection:
        connection.sendall(head(1000) + b'{"hook": ')
        # Nothing more is sent; what comes is the end, by the time limit of the proxy and not by ours.
        connection.settimeout(120)
        assert b"200 OK" not in received(connection)
    assert calls() == before


def test_slow_header_is_cut_off(proxy: Proxy) -> None:
    with secure(proxy) as connection:
        connection.sendall(b"POST /cds-services HTTP/1.1\r\nHost: x\r\n")
        connection.settimeout(120)
        assert b"200 OK" not in received(connection)


def test_one_address_gets_its_share_of_connections(proxy: Proxy) -> None:
    share = int(re.findall(r"limit_conn marrow_addresses (\d+);", TEXT)[0])
    with ExitStack() as opened:
        connections = [opened.enter_context(secure(proxy)) for _ in range(share)]
        for connection in connections:
            # A connection counts once its header is there; the body that is announced keeps it.
            connection.sendall(head(10))
        seen = set()
        for _ in range(5):
            answer = requests.get(f"{proxy.url}/livez", verify=proxy.trusted, timeout=60)
            seen.add(answer.status_code)
        assert seen <= {200, 429}
        assert 429 in seen


def test_log_holds_no_query(proxy: Proxy) -> None:
    requests.get(f"{proxy.url}/livez?patient=Planted-Name", verify=proxy.trusted, timeout=60)
    logged = (proxy.folder / "marrow-cds.log").read_text(encoding="utf-8")
    assert "/livez" in logged
    assert "Planted" not in logged


def secure(proxy: Proxy) -> ssl.SSLSocket:
    """Open a connection to the proxy as a caller does."""
    context = ssl.create_default_context(cafile=proxy.trusted)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), 60), server_hostname="localhost")


def head(length: int) -> bytes:
    """The header of a call that announces so many bytes."""
    path = f"/cds-services/{SERVICES[0].id}"
    lines = (f"POST {path} HTTP/1.1", f"Host: {NAME}", "Content-Type: application/json", f"Content-Length: {length}")
    return "\r\n".join((*lines, "", "")).encode()


def received(connection: ssl.SSLSocket) -> bytes:
    """Everything until the connection is ended, also when it is ended without a word."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except (ConnectionResetError, ssl.SSLError):
        return found
    return found
