"""Where outgoing calls may lead: the one spelling of an address, and which network addresses are refused.

An address from a request is a wish of its sender. Only plain spellings are looked at; everything clever is refused.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from cds_service.config import is_loopback, origin_of

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_URL = 2000
# No user part, no backslash, no blank, no control or non-ASCII character can stand in such a URL.
_PLAIN = re.compile(
    r"(?i:https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/|-]*)?"
    r"(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?|-]*)?"
)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# A last label that is a number, also a hexadecimal one, makes resolvers read the whole name as an IPv4 address.
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")
_EMBEDDING = tuple(ipaddress.IPv6Network(text) for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48"))


def literal(host: str) -> Address | None:
    """Return the network address that ``host`` is written as, ``None`` for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    if literal(host) is not None:
        return True
    labels = host.split(".")
    return all(_LABEL.fullmatch(label) for label in labels) and not _NUMBER.fullmatch(labels[-1])


def _leaves_its_path(path: str) -> bool:
    """Whether servers could read ``path`` as one above it, or as another one, once they have decoded it."""
    decoded = unquote(unquote(path))
    return "\\" in decoded or any(part in {".", ".."} for part in decoded.split("/"))


def plain_url(url: str, *, query: bool = False) -> str:
    """Return ``url`` with its origin in the one spelling, or "" when it is not a plain http(s) URL.

    Refused are user parts, fragments, dot segments, escaped slashes, odd spellings of IPv4 addresses (decimal, octal,
    hexadecimal, short), names that are not ASCII, and a query unless ``query`` allows it.
    """
    match = _PLAIN.fullmatch(url) if len(url) <= _MAX_URL else None
    origin = origin_of(url)
    if match is None or not origin or not _is_host(match[1]) or (match[4] and not query):
        return ""
    path = match[3] or ""
    if _leaves_its_path(path) or re.search(r"%(2f|5c|00)", path, re.IGNORECASE):
        return ""
    return f"{origin}{path}{match[4] or ''}"


def allowed_url(url: str) -> str:
    """Return the one spelling of an address that an operator lists; raises ValueError saying what is wrong with it."""
    plain = plain_url(url).rstrip("/")
    if not plain:
        raise ValueError("must be a plain http(s) URL without user, query, fragment or dot segments")
    if not (plain.startswith("https://") or is_loopback(urlsplit(plain).hostname or "")):
        raise ValueError("must be https; http is for this machine only")
    return plain


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for on some networks, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and int(address) > 1 and any(address in network for network in _EMBEDDING):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def is_public(address: Address) -> bool:
    """Whether ``address``, or the IPv4 address that it carries, is one of the open internet."""
    one = _inner(address)
    closed = one.is_private or one.is_loopback or one.is_link_local or one.is_multicast or one.is_reserved
    return one.is_global and not closed and not one.is_unspecified


def may_connect(host: str, address: Address, listed: Iterable[Network]) -> bool:
    """Whether a connection for ``host`` may go to ``address``: this machine only by its own name, private if listed."""
    if is_loopback(host):
        return _inner(address).is_loopback
    return is_public(address) or any(_inner(address) in network for network in listed)


def networks_of(urls: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of one address each that ``urls`` name literally: listing such a URL lists its address."""
    hosts = (urlsplit(url).hostname or "" for url in urls)
    return tuple(ipaddress.ip_network(address) for address in map(literal, hosts) if address is not None)
