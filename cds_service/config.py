"""Settings of one running service, read once from the environment and the command line; nothing else reads either."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs

from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError

PREFIX = "MARROW_"
MEBIBYTE = 1024 * 1024
_SHORTEST_SECRET = 16


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("must not be empty")
    return raw.strip()


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        value = int(raw) if raw.strip().isascii() and raw.strip().isdigit() else None
        if value is None or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


def _seconds(raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 60:  # noqa: PLR2004 - a call that takes longer than a minute helps nobody
        raise ValueError("must be a number of seconds from 0.1 to 60")
    return value


def _yes_no(raw: str) -> bool:
    answers = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if raw.strip().lower() not in answers:
        raise ValueError("must be yes or no")
    return answers[raw.strip().lower()]


def _language(raw: str) -> Language:
    try:
        return Language(raw.strip().lower())
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Language)}") from None


def _web_url(raw: str) -> str:
    parts = urlsplit(raw.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be an http(s) URL without user, query or fragment")
    return raw.strip().rstrip("/")


def origin_of(url: str) -> str:
    """Scheme, host and port of ``url`` in one spelling (lower case, default port left out); "" when it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in {None, default} else f":{port}")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its own name or address; names are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _origins(raw: str) -> tuple[str, ...]:
    found = []
    for part in raw.replace(",", " ").split():
        if urlsplit(part).path not in {"", "/"} or not origin_of(part):
            raise ValueError("must be a list of origins such as https://ehr.example.org")
        found.append(origin_of(part))
    return tuple(found)


def _networks(raw: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part)) for part in raw.replace(",", " ").split())
    except ValueError:
        raise ValueError("must be a list of networks such as 10.20.0.0/16") from None


def _secret(raw: str) -> str:
    secret = raw.strip()
    if len(secret) < _SHORTEST_SECRET or not secret.isascii() or not secret.isprintable():
        raise ValueError(f"must be at least {_SHORTEST_SECRET} printable ASCII characters")
    return secret


def _notice_kind(raw: str) -> str:
    kinds = {"task": "Task", "flag": "Flag"}
    if raw.strip().lower() not in kinds:
        raise ValueError("must be task or flag")
    return kinds[raw.strip().lower()]


def _path(raw: str) -> Path:
    return Path(_text(raw)).expanduser()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between two installations. Each field is ``MARROW_<FIELD>`` in the environment.

    Empty ``database_url`` and ``public_url`` mean the default place below ``state_dir`` and ``http://host:port``.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    state_dir: Path | None = None
    database_url: str = field(default="", repr=False)
    language: Language = Language.EN
    fhir_origins: tuple[str, ...] = ()
    private_networks: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    clients: Path | None = None
    knowledge_overlay: Path | None = None
    allow_open: bool = False
    preview: bool | None = None
    preview_secret: str = field(default="", repr=False)
    usage_secret: str = field(default="", repr=False)
    metrics_secret: str = field(default="", repr=False)
    otlp_endpoint: str = ""
    patient_hash_key: str = field(default="", repr=False)
    repeat_lock: bool = True
    audit_url: str = field(default="", repr=False)
    audit_days: int = 400
    spool_dir: Path | None = None
    spool_megabytes: int = 256
    spool_reserve_megabytes: int = 16
    answer_unrecorded: bool = False
    redis_url: str = field(default="", repr=False)
    results_fhir: str = ""
    results_secret: str = field(default="", repr=False)
    results_token: str = field(default="", repr=False)
    results_as: Literal["Task", "Flag"] = "Task"
    max_body_bytes: int = 10 * MEBIBYTE
    max_depth: int = 100
    max_entries: int = 20_000
    max_pages: int = 10
    budget_seconds: float = 4.0
    remember_seconds: int = 60
    workers: int = 0
    threads: int = 8
    max_waiting: int = 64

    @property
    def state_path(self) -> Path:
        """Directory for the database and the hash key; not created here."""
        return self.state_dir or Path(platformdirs.user_state_dir("marrow-cds", appauthor=False))

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the feedback store."""
        return self.database_url or f"sqlite:///{(self.state_path / 'marrow-cds.sqlite').absolute()}"

    @property
    def audit_database(self) -> str:
        """SQLAlchemy URL of the audit record; the store unless another place is named."""
        return self.audit_url or self.database

    @property
    def spool_path(self) -> Path:
        """Directory for rows that wait for the database; on a disk of this machine, kept over restarts."""
        return self.spool_dir or self.state_path / "spool"

    @property
    def trial(self) -> bool:
        """Whether nobody from elsewhere can call: no registry is kept and the service stays on this machine."""
        return self.clients is None and is_loopback(self.host)

    @property
    def preview_open(self) -> bool:
        """Whether the preview answers: where nobody from elsewhere can call or a secret is asked for, unless set."""
        return self.trial or bool(self.preview_secret) if self.preview is None else self.preview

    @property
    def preview_charts(self) -> bool:
        """Whether previews may fetch charts of FHIR servers: beyond a trial only for those who know the secret."""
        return self.trial or bool(self.preview_secret)

    @property
    def usage_open(self) -> bool:
        """Whether the page on how cards are taken up answers: beyond a trial only to those who know the secret."""
        return self.trial or bool(self.usage_secret)

    @property
    def metrics_open(self) -> bool:
        """Whether the metrics answer: beyond a trial only to those who know the secret."""
        return self.trial or bool(self.metrics_secret)

    @property
    def base_url(self) -> str:
        """Public base URL without trailing slash; what tokens name as their audience."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    def check_results(self) -> None:
        """Refuse notifications of results without a secret, and a server that is not listed; raises ConfigError."""
        if self.results_fhir and not self.results_secret:
            raise ConfigError(f"{PREFIX}RESULTS_FHIR needs {PREFIX}RESULTS_SECRET, which each notification must carry")
        if self.results_fhir and origin_of(self.results_fhir) not in self.fhir_origins:
            raise ConfigError(f"{PREFIX}RESULTS_FHIR: its origin must be one of {PREFIX}FHIR_ORIGINS")
        private = self.results_fhir.startswith("https://") or is_loopback(urlsplit(self.results_fhir).hostname or "")
        if self.results_token and not private:
            raise ConfigError(f"{PREFIX}RESULTS_TOKEN would travel over plain http")

    def check_exposure(self) -> None:
        """Refuse to answer strangers: without a client registry the service stays on this machine, with one on https.

        Raises ConfigError unless the host is loopback, clients call an https address, or open access was chosen
        explicitly.
        """
        if self.allow_open or is_loopback(self.host):
            return
        if self.clients and not self.base_url.startswith("https://"):
            raise ConfigError(
                f"{PREFIX}HOST={self.host} would take tokens and patient data over plain http: "
                f"set {PREFIX}PUBLIC_URL to the https address of the proxy in front"
            )
        if not self.clients:
            raise ConfigError(
                f"{PREFIX}HOST={self.host} would answer everybody: name the callers in {PREFIX}CLIENTS, "
                f"or set {PREFIX}ALLOW_OPEN=yes where only synthetic data flow"
            )


_READERS: dict[str, Callable[[str], Any]] = {
    "host": _text,
    "port": _whole_number(0, 65535),
    "public_url": _web_url,
    "state_dir": _path,
    "database_url": _text,
    "language": _language,
    "fhir_origins": _origins,
    "private_networks": _networks,
    "cors_origins": _origins,
    "clients": _path,
    "knowledge_overlay": _path,
    "allow_open": _yes_no,
    "preview": _yes_no,
    "preview_secret": _secret,
    "usage_secret": _secret,
    "metrics_secret": _secret,
    "otlp_endpoint": _web_url,
    "patient_hash_key": _text,
    "repeat_lock": _yes_no,
    "audit_url": _text,
    "audit_days": _whole_number(0, 36_500),
    "spool_dir": _path,
    "spool_megabytes": _whole_number(1, 1_000_000),
    "spool_reserve_megabytes": _whole_number(0, 1_000_000),
    "answer_unrecorded": _yes_no,
    "redis_url": _text,
    "results_fhir": _web_url,
    "results_secret": _secret,
    "results_token": _text,
    "results_as": _notice_kind,
    "max_body_bytes": _whole_number(1024, 1024 * MEBIBYTE),
    "max_depth": _whole_number(10, 500),
    "max_entries": _whole_number(10, 1_000_000),
    "max_pages": _whole_number(1, 1000),
    "budget_seconds": _seconds,
    "remember_seconds": _whole_number(0, 3600),
    "workers": _whole_number(0, 256),
    "threads": _whole_number(1, 256),
    "max_waiting": _whole_number(1, 10_000),
}


def _setting_of(name: str, raw: str) -> Any:
    try:
        return _READERS[name](raw)
    except ValueError as error:
        raise ConfigError(f"{PREFIX}{name.upper()}: {error}") from None


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read settings from ``environ`` (default: the process environment); ``overrides`` that are not ``None`` win.

    Text overrides are checked like variables. Raises ConfigError naming the variable for wrong values and for
    ``MARROW_`` variables that do not exist, because a misspelt limit would otherwise silently not hold.
    """
    variables = os.environ if environ is None else environ
    known = {f"{PREFIX}{name.upper()}": name for name in _READERS}
    values: dict[str, Any] = {}
    for variable, raw in variables.items():
        if variable.startswith(PREFIX):
            if variable not in known:
                raise ConfigError(f"{variable} is not a setting; known are {', '.join(sorted(known))}")
            values[known[variable]] = _setting_of(known[variable], raw)
    for name, value in overrides.items():
        if value is not None:
            values[name] = _setting_of(name, value) if isinstance(value, str) else value
    return Settings(**values)
