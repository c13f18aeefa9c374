"""Puts together what decides on trust: who may call, and where the service may call."""

import ipaddress
import time
from dataclasses import dataclass, replace
from functools import partial

from cds_service.config import Settings
from cds_service.security.addresses import Network, networks_of
from cds_service.security.clients import ClientDirectory, ClientRegistry
from cds_service.security.outbound import Outbound
from cds_service.security.replay import ReplayGuard
from cds_service.security.tokens import CallerCheck, OpenAccess, TokenVerifier

_JWKS_HEADERS = {"Accept": "application/json"}
_JWKS_SECONDS = 3.0
_JWKS_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may call and where the service may call. ``directory`` is ``None`` where no registry is kept."""

    verifier: CallerCheck
    outbound: Outbound
    directory: ClientDirectory | None


def build_trust(settings: Settings, seen: ReplayGuard) -> Trust:
    """Build from the settings; ``seen`` remembers used tokens.

    Raises ConfigError naming what is wrong with the registry, or when it lets strangers in without having been told to.
    """
    private = tuple(ipaddress.ip_network(network) for network in settings.private_networks)
    own = networks_of(settings.fhir_origins)
    directories: list[ClientDirectory] = []

    def listed() -> tuple[Network, ...]:
        """Return the private networks that may be reached; the registry may have been read again since."""
        return (*private, *own, *(n for each in directories for n in networks_of(each.current.addresses)))

    outbound = Outbound(listed)
    if settings.clients is None:
        return Trust(OpenAccess(), outbound, None)
    fetch = partial(outbound.get_json, headers=_JWKS_HEADERS, seconds=_JWKS_SECONDS, max_bytes=_JWKS_BYTES)
    directory = ClientDirectory(settings.clients, fetch, time.monotonic, partial(_check_exposure, settings))
    directories.append(directory)
    return Trust(TokenVerifier(directory, time.time, seen), outbound, directory)


def _check_exposure(settings: Settings, registry: ClientRegistry) -> None:
    """Refuse a registry whose client needs no token where strangers can call, like a service without registry."""
    if registry.without_token is not None:
        replace(settings, clients=None).check_exposure()
