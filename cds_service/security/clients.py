"""The registry of callers: who may call, signed by which keys, for what, how often, and in which language."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli
from limits import RateLimitItem, parse
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError
from cds_service.security.addresses import allowed_url
from cds_service.security.keys import ALGORITHMS, USUAL_ALGORITHMS, FetchedKeys, KeySource, PinnedKeys

# Its private key is published with its source, so anybody can sign in its name.
SANDBOX_ISSUER = "https://sandbox.cds-hooks.org"
_RATE = re.compile(r"[1-9]\d{0,6} ?(/|per) ?(second|minute|hour|day)")

Hooks = Literal["patient-view", "order-select", "order-sign"]
SpecVersion = Literal["1.0", "2.0", "3.0"]
MakeFetched = Callable[[str, tuple[str, ...]], FetchedKeys]


def _checked_rate(text: str) -> str:
    if not _RATE.fullmatch(text):
        raise ValueError("must be like 120/minute, with second, minute, hour or day")
    return text


def _known_algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ALGORITHMS)}")
    return name


Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
Url = Annotated[str, AfterValidator(allowed_url)]


class _ClientEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", max_length=500)]
    name: Filled
    language: Language | None = None
    jwks: Path | None = None
    jwks_url: Url | None = None
    jku: tuple[Url, ...] = ()
    algorithms: Annotated[tuple[Annotated[str, AfterValidator(_known_algorithm)], ...], Field(min_length=1)] = (
        USUAL_ALGORITHMS
    )
    fhir_servers: tuple[Url, ...] | None = None
    fhir_client_id: Filled | None = None
    tenants: tuple[Filled, ...] = ()
    hooks: Annotated[tuple[Hooks, ...], Field(min_length=1)] = ("patient-view", "order-select", "order-sign")
    version: SpecVersion = "2.0"
    rate: Annotated[str, AfterValidator(_checked_rate)] | None = None
    concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    repeat_lock: Annotated[bool, Field(strict=True)] | None = None
    tokens_required: Annotated[bool, Field(strict=True)] = True
    synthetic_data_only: Annotated[bool, Field(strict=True)] = False

    @field_validator("language", mode="before")
    @classmethod
    def _known_language(cls, value: object) -> object:
        return Language(value) if isinstance(value, str) and value in set(Language) else value

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        """Keys come from one place; without tokens there need not be any."""
        if self.jwks is not None and self.jwks_url is not None:
            raise ValueError("jwks and jwks_url exclude each other")
        if self.tokens_required and self.jwks is None and self.jwks_url is None:
            raise ValueError("needs jwks (a file of pinned keys) or jwks_url")
        if self.issuer == SANDBOX_ISSUER and not self.synthetic_data_only:
            raise ValueError("the signing key of this issuer is public; it needs synthetic_data_only = true")
        return self


class _ClientsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    client: Annotated[tuple[_ClientEntry, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Client:
    """One caller. ``language`` ``None`` leaves the choice to each request.

    ``jku`` are the key addresses that its tokens may name; ``fhir_servers`` its FHIR base addresses, ``None`` leaves
    them to the origins for everybody. ``fhir_client_id`` is the id under which its authorization server knows this
    service; access tokens made out to another one are not used. Without ``keys`` no token of this issuer is accepted.
    ``repeat_lock`` ``None`` leaves the choice to the setting.
    """

    issuer: str
    name: str
    language: Language | None = None
    keys: KeySource | None = None
    tenants: frozenset[str] = frozenset()
    jku: frozenset[str] = frozenset()
    algorithms: tuple[str, ...] = USUAL_ALGORITHMS
    fhir_servers: frozenset[str] | None = None
    fhir_client_id: str = ""
    hooks: frozenset[str] = frozenset({"patient-view", "order-select", "order-sign"})
    version: SpecVersion = "2.0"
    rate: RateLimitItem | None = None
    concurrent: int | None = None
    tokens_required: bool = True
    repeat_lock: bool | None = None


# Who calls where no registry is kept.
OPEN = Client(issuer="", name="anybody", tokens_required=False)


class ClientRegistry:
    """Callers by issuer; an issuer that is not listed is nobody."""

    def __init__(self, clients: tuple[Client, ...]) -> None:
        self.clients = clients
        self._by_issuer = {client.issuer: client for client in clients}

    def by_issuer(self, issuer: str) -> Client | None:
        """Return the caller whose issuer is exactly ``issuer``."""
        return self._by_issuer.get(issuer)

    @property
    def without_token(self) -> Client | None:
        """Who calls without any token; ``None`` when every call needs one."""
        return next((client for client in self.clients if not client.tokens_required), None)

    @property
    def addresses(self) -> frozenset[str]:
        """Every address that the registry lists: key sets and FHIR servers."""
        servers = {url for client in self.clients for url in client.fhir_servers or ()}
        return frozenset(servers | {c.keys.url for c in self.clients if isinstance(c.keys, FetchedKeys)})


def _no_fetching(url: str, algorithms: tuple[str, ...]) -> FetchedKeys:
    """Give keys that are never fetched: for looking at a registry without calling anybody."""

    def refuse(_url: str) -> Any:
        raise ConfigError("MARROW_CLIENTS: keys are not fetched here")

    return FetchedKeys(url, algorithms, refuse, lambda: 0.0)


def load_clients(path: Path, fetched: MakeFetched = _no_fetching) -> ClientRegistry:
    """Read the registry from a TOML file with ``[[client]]`` tables; relative JWKS paths start at that file.

    ``fetched`` makes the key source of an address. Raises ConfigError naming file and key. The public sandbox issuer is
    accepted only where the entry says ``synthetic_data_only = true``.
    """
    try:
        listed = _ClientsFile.model_validate(tomli.loads(path.read_text(encoding="utf-8"))).client
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"MARROW_CLIENTS: {path} cannot be read ({type(error).__name__})") from None
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"MARROW_CLIENTS: {path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"MARROW_CLIENTS: {path}: {where}: {first['msg']}") from None
    if len({entry.issuer for entry in listed}) != len(listed):
        raise ConfigError(f"MARROW_CLIENTS: {path}: an issuer is listed twice")
    if sum(not entry.tokens_required for entry in listed) > 1:
        raise ConfigError(
            f"MARROW_CLIENTS: {path}: only one client may do without tokens, others could not be told apart"
        )
    return ClientRegistry(tuple(_client(entry, path.parent, fetched) for entry in listed))


def _client(entry: _ClientEntry, folder: Path, fetched: MakeFetched) -> Client:
    keys: KeySource | None = None
    if entry.jwks is not None:
        keys = PinnedKeys(folder / entry.jwks, entry.algorithms)
    elif entry.jwks_url is not None:
        keys = fetched(entry.jwks_url, entry.algorithms)
    return Client(
        issuer=entry.issuer,
        name=entry.name,
        language=entry.language,
        keys=keys,
        tenants=frozenset(entry.tenants),
        jku=frozenset(entry.jku) | ({entry.jwks_url} if entry.jwks_url else frozenset()),
        algorithms=entry.algorithms,
        fhir_servers=None if entry.fhir_servers is None else frozenset(entry.fhir_servers),
        fhir_client_id=entry.fhir_client_id or "",
        hooks=frozenset(entry.hooks),
        version=entry.version,
        rate=parse(entry.rate) if entry.rate else None,
        concurrent=entry.concurrent,
        tokens_required=entry.tokens_required,
        repeat_lock=entry.repeat_lock,
    )


class ClientDirectory:
    """The registry in use, read again on demand; a file with a fault leaves the one in use as it is."""

    def __init__(
        self,
        path: Path,
        fetch: Callable[[str], Any],
        clock: Callable[[], float],
        approve: Callable[[ClientRegistry], None] = lambda _registry: None,
    ) -> None:
        """Raise ConfigError like ``load_clients``; ``approve`` may raise it as well."""
        self._approve = approve
        self._path = path
        self._fetch = fetch
        self._clock = clock
        self._fetched: Mapping[str, FetchedKeys] = {}
        self._warming = threading.Lock()
        self.current = self._load()

    def by_issuer(self, issuer: str) -> Client | None:
        """Return the caller whose issuer is exactly ``issuer``."""
        return self.current.by_issuer(issuer)

    @property
    def without_token(self) -> Client | None:
        """Who calls without any token."""
        return self.current.without_token

    def reload(self) -> None:
        """Read the file again. Raises ConfigError and keeps what is in use."""
        self.current = self._load()

    def keys_known(self) -> tuple[int, int]:
        """Return of how many callers the keys are known, and of how many they are needed."""
        sources = [client.keys for client in self.current.clients if client.keys is not None]
        return sum(not isinstance(keys, FetchedKeys) or keys.known for keys in sources), len(sources)

    def warm_soon(self) -> None:
        """Fetch in the background what is not known, unless that is being done."""

        def fetch() -> None:
            with self._warming:
                self.warm()

        if not self._warming.locked():
            threading.Thread(target=fetch, daemon=True, name="keys").start()

    def warm(self) -> None:
        """Fetch the keys that are not pinned."""
        for client in self.current.clients:
            if isinstance(client.keys, FetchedKeys):
                client.keys.warm()

    def _load(self) -> ClientRegistry:
        """Keys that were fetched for the same address and algorithms stay fetched."""
        kept: dict[str, FetchedKeys] = {}

        def fetched(url: str, algorithms: tuple[str, ...]) -> FetchedKeys:
            known = self._fetched.get(url)
            same = known if known is not None and known.algorithms == algorithms else None
            kept[url] = same or FetchedKeys(url, algorithms, self._fetch, self._clock)
            return kept[url]

        registry = load_clients(self._path, fetched)
        self._approve(registry)
        self._fetched = kept
        return registry
