"""The registry of callers: who may call, with which pinned keys, and in which language they want their cards."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError

# Its private key is published with its source, so anybody can sign in its name.
SANDBOX_ISSUER = "https://sandbox.cds-hooks.org"
_MIN_RSA_BITS = 2048
_EC_CURVE = "secp384r1"


class _ClientEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
    name: Annotated[str, StringConstraints(min_length=1)]
    language: Language | None = None
    jwks: Path
    tenants: tuple[str, ...] = ()
    synthetic_data_only: bool = False

    @field_validator("language", mode="before")
    @classmethod
    def _known_language(cls, value: object) -> object:
        return Language(value) if isinstance(value, str) and value in set(Language) else value


class _ClientsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    client: Annotated[tuple[_ClientEntry, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Client:
    """One caller. ``keys`` are its public keys by key id; ``language`` ``None`` leaves the choice to each request."""

    issuer: str
    name: str
    language: Language | None
    keys: Mapping[str, jwt.PyJWK]
    tenants: frozenset[str] = frozenset()


class ClientRegistry:
    """Callers by issuer; an issuer that is not listed is nobody."""

    def __init__(self, clients: tuple[Client, ...]) -> None:
        self._by_issuer = {client.issuer: client for client in clients}

    def by_issuer(self, issuer: str) -> Client | None:
        """Return the caller whose issuer is exactly ``issuer``."""
        return self._by_issuer.get(issuer)


def _may_sign(raw: Mapping[str, Any]) -> bool:
    return bool(raw.get("kid")) and raw.get("use", "sig") == "sig" and raw.get("kty") in {"EC", "RSA"}


def _strong_enough(key: jwt.PyJWK) -> bool:
    """Keep keys that the two accepted algorithms need: P-384, or RSA of at least 2048 bits."""
    if key.key_type == "EC":
        return bool(key.key.curve.name == _EC_CURVE)
    return bool(key.key.key_size >= _MIN_RSA_BITS)


def _read_keys(path: Path) -> dict[str, jwt.PyJWK]:
    """Return usable keys of a JWKS file by key id. Raises ConfigError naming the file."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["keys"]
        found = {raw["kid"]: jwt.PyJWK.from_dict(raw) for raw in listed if _may_sign(raw)}
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
        raise ConfigError(f"MARROW_CLIENTS: {path} is not a readable JWKS file") from None
    found = {key_id: key for key_id, key in found.items() if _strong_enough(key)}
    if not found:
        raise ConfigError(f"MARROW_CLIENTS: {path} holds no P-384 or RSA (2048 bits or more) signature key with a kid")
    return found


def load_clients(path: Path) -> ClientRegistry:
    """Read the registry from a TOML file with ``[[client]]`` tables; relative JWKS paths start at that file.

    Raises ConfigError naming file and key. The public sandbox issuer is accepted only where the entry says
    ``synthetic_data_only = true``.
    """
    try:
        listed = _ClientsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).client
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"MARROW_CLIENTS: {path} cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"MARROW_CLIENTS: {path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"MARROW_CLIENTS: {path}: {where}: {first['msg']}") from None
    if len({entry.issuer for entry in listed}) != len(listed):
        raise ConfigError(f"MARROW_CLIENTS: {path}: an issuer is listed twice")
    if any(entry.issuer == SANDBOX_ISSUER and not entry.synthetic_data_only for entry in listed):
        raise ConfigError(
            f"MARROW_CLIENTS: {path}: the signing key of {SANDBOX_ISSUER} is public; "
            "it needs synthetic_data_only = true"
        )
    return ClientRegistry(
        tuple(
            Client(
                issuer=entry.issuer,
                name=entry.name,
                language=entry.language,
                keys=_read_keys(path.parent / entry.jwks),
                tenants=frozenset(entry.tenants),
            )
            for entry in listed
        )
    )
