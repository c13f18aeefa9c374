"""Remembers for a moment which advice a chart led to: records are opened again and again, by several people at once.

A call is known by a keyed digest over everything that its advice depends on: service, prefetch, context, FHIR server,
language, client and tenant, day, version of the knowledge. The key is random and lives as long as the process, and so
does what is remembered; none of it is logged or stored. Whoever made the call and the id of its hook instance are no
part of the advice: they are taken from each call and go on record as with any other.
"""

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from cds_service.domain.vocabulary import Language
from cds_service.hooks.advice import Advice
from cds_service.hooks.request import MAX_INSTANCE, HookRequest
from cds_service.hooks.sent import SentCall
from cds_service.hooks.services import Hook, Service
from cds_service.security.clients import Client
from cds_service.security.tokens import Caller

_MOST_CALLS = 1000
_MOST_BYTES = 16 * 1024 * 1024
# What a remembered call takes beside the words of its cards.
_OVERHEAD_BYTES = 2048
# Readers who see the same cards; patients and proxies see none.
_CLINICIAN = re.compile(r"Practitioner(?:Role)?/[A-Za-z0-9_.~-]{1,256}")
_Members = dict[str, msgspec.Raw]
_members: Final = msgspec.json.Decoder(_Members).decode


@dataclass(frozen=True, slots=True)
class CallDigest:
    """What a call is known by, and what is its own: the hook instance, and who made it unless that is in ``value``.

    ``reach`` tells whether it brought a token for its FHIR server; the token itself is no part of ``value``.
    """

    value: bytes
    hook_instance: str
    user_id: str = ""
    reach: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    request: HookRequest
    advice: Advice
    client: Client
    until: float
    size: int


class AdviceMemory:
    """The advice of the last calls, for so many ``seconds``; with 0 nothing is remembered. ``clock`` is monotonic."""

    def __init__(self, seconds: float, knowledge_version: str, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._version = knowledge_version
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def digest(
        self, sent: SentCall, service: Service, language: Language, caller: Caller, as_of: datetime
    ) -> CallDigest | None:
        """Return what the call is known by; ``None`` for one that has to be looked at as a whole."""
        if not self._seconds:
            return None
        authorization = sent.member("fhirAuthorization")
        try:
            instance = _value(sent.member("hookInstance"))
            context, user = _shared_context(service, sent)
            if not _is_flat(authorization):
                return None
        except (msgspec.DecodeError, orjson.JSONDecodeError, KeyError, RecursionError):
            return None
        if not isinstance(instance, str) or not 0 < len(instance) <= MAX_INSTANCE:
            return None
        hashed = hashlib.sha256(self._key)
        # Whether a server could be asked is part of it: with a token what is missing may be fetched.
        reach = bool(authorization and sent.member("fhirServer"))
        issuer, tenant = caller.client.issuer, caller.tenant
        head = (service.id, language.value, issuer, tenant, self._version, str(as_of.date()), reach)
        hashed.update(orjson.dumps([head, list(context)]))
        own = ("hookInstance", "fhirAuthorization", *(("context",) if context else ()))
        for value in (*sent.beside(*own), *context.values()):
            part = memoryview(value)
            # The length first, so that no part can be taken for the end of another.
            hashed.update(len(part).to_bytes(8, "big"))
            hashed.update(part)
        return CallDigest(hashed.digest(), instance, user, reach)

    def find(self, digest: CallDigest, client: Client) -> tuple[HookRequest, Advice] | None:
        """Return request and advice of a call like this one a moment ago, the request with what is this call's own."""
        with self._lock:
            entry = self._entries.get(digest.value)
            # A registry that was read again has clients of its own, with other settings perhaps.
            if entry is None or entry.client is not client or self._clock() >= entry.until:
                self.misses += 1
                return None
            self.hits += 1
        own: dict[str, Any] = {"hook_instance": digest.hook_instance}
        if digest.user_id:
            own["user_id"] = digest.user_id
        return replace(entry.request, **own), entry.advice

    def keep(self, digest: CallDigest, client: Client, request: HookRequest, advice: Advice) -> None:
        """Remember the advice of a call, unless it rests on more than the call.

        A token that could not be used is more than that: the next call may bring one that leads to the server.
        """
        if digest.reach and request.grant is None:
            return
        size = _OVERHEAD_BYTES + sum(len(card.body) for card in advice.cards)
        if not advice.lasting or size > _MOST_BYTES:
            return
        # Nothing of the chart and no token stays; the orders are in the words of the cards.
        bare = replace(request, prefetch=None, grant=None, orders=(), selections=())
        now = self._clock()
        entry = _Entry(bare, advice, client, now + self._seconds, size)
        with self._lock:
            before = self._entries.pop(digest.value, None)
            self._size += size - (before.size if before is not None else 0)
            self._entries[digest.value] = entry
            # The oldest stand first, and go when their time is over: nobody can find them any more.
            while (
                len(self._entries) > _MOST_CALLS
                or self._size > _MOST_BYTES
                or next(iter(self._entries.values())).until <= now
            ):
                self._size -= self._entries.popitem(last=False)[1].size


def _shared_context(service: Service, sent: SentCall) -> tuple[_Members, str]:
    """Take the context apart when clinicians see the same for it: all but the user, and the user."""
    if service.hook is not Hook.PATIENT_VIEW:
        return {}, ""
    context = _members(sent.member("context"))
    user = _value(context.pop("userId"))
    if not isinstance(user, str) or not _CLINICIAN.fullmatch(user):
        return {}, ""
    return context, user


def _is_flat(authorization: msgspec.Raw) -> bool:
    """Whether it is what nobody has to look at: the advice of a call that asked no server does not depend on it."""
    if not authorization:
        return True
    value = _value(authorization)
    return isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values())


def _value(raw: msgspec.Raw) -> Any:
    return orjson.loads(memoryview(raw))
