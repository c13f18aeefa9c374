"""JSON over HTTP as a client: one time limit for all calls, another try when a server is busy, words for failures."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from cds_service.errors import MarrowError

TRIES = 4
MAX_BYTES = 64 * 1024 * 1024
_CHUNK = 65_536
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0
_CONNECT_SECONDS = 5.0
_TOO_MANY = 429
_FAILED = 500
_REDIRECTS = range(300, 400)

Headers = Callable[[], Mapping[str, str]]


class CallFailed(MarrowError):  # noqa: N818 - an outcome of the other side, not a fault of this one
    """A server did not give what was asked for; the message is for the user. ``status`` is 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Timing:
    """What time and chance are: monotonic seconds, a pause in seconds, a number from 0 to 1."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and decoded JSON of an answer; ``body`` is ``None`` when it is empty."""

    status: int
    body: Any


class Calls:
    """Makes calls until ``seconds`` are over, counted from the first one on; every further call fails at once."""

    def __init__(self, seconds: float, timing: Timing | None = None) -> None:
        self._seconds = seconds
        self._timing = timing or Timing()
        self._ends: float | None = None
        self._session = requests.Session()
        # Without this, credentials of the user's netrc file would travel along unasked.
        self._session.auth = lambda request: request

    def send(self, method: str, url: str, *, name: str, headers: Headers, body: Any = None) -> Answer:
        """Return the answer of ``url``, whatever its status, trying again on 429, 5xx and broken connections.

        ``name`` is what the server is called in messages. ``headers`` is asked for each try, because a signed token
        counts once. Only calls that may be repeated belong here. Raises CallFailed.
        """
        content = None if body is None else orjson.dumps(body)
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            try:
                answer, wait = self._once(method, url, name, headers(), content)
            except requests.exceptions.RequestException as failure:
                if last or isinstance(failure, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
                    raise CallFailed(f"{name} does not answer ({_cause(failure)})") from None
                wait = 0.0
            else:
                if last or not (answer.status == _TOO_MANY or answer.status >= _FAILED):
                    return answer
            self._pause(attempt, wait, name)
        raise AssertionError("the last try returns or raises")

    def left(self, name: str) -> float:
        """Return the seconds that are left. Raises CallFailed when there are none."""
        now = self._timing.clock()
        if self._ends is None:
            self._ends = now + self._seconds
        if now >= self._ends:
            raise CallFailed(f"{name} did not answer within the time limit of {self._seconds:g} s")
        return self._ends - now

    def _pause(self, attempt: int, wait: float, name: str) -> None:
        """Wait as long as the server wants, or a random part of a doubling limit: clients must not march in step."""
        limit = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        seconds = max(wait, self._timing.chance() * limit)
        if seconds >= self.left(name):
            raise CallFailed(f"{name} is busy and wants another try later than the time limit of {self._seconds:g} s")
        self._timing.pause(seconds)

    def _once(
        self, method: str, url: str, name: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[Answer, float]:
        left = self.left(name)
        with self._session.request(
            method,
            url,
            data=content,
            headers=dict(headers),
            timeout=(min(left, _CONNECT_SECONDS), left),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code in _REDIRECTS:
                place = response.headers.get("Location", "elsewhere")
                raise CallFailed(f"{name} sends callers on to {place}: give that address", response.status_code)
            raw = self._content(response, name)
            wanted = response.headers.get("Retry-After", "")
            wait = float(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= len("99999") else 0.0
            return Answer(response.status_code, _decoded(response, raw, name)), wait

    def _content(self, response: requests.Response, name: str) -> bytes:
        raw = bytearray()
        for chunk in response.iter_content(_CHUNK):
            raw += chunk
            if len(raw) > MAX_BYTES:
                raise CallFailed(f"{name} sent more than {MAX_BYTES // 2**20} MiB in one answer", response.status_code)
            # A server that sends a byte now and then never runs into the timeout of one read.
            self.left(name)
        return bytes(raw)


def _decoded(response: requests.Response, raw: bytes, name: str) -> Any:
    if not raw.strip():
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        if response.status_code == _TOO_MANY or response.status_code >= _FAILED:
            # The page of a proxy in between; the status says enough.
            return None
        kind = response.headers.get("Content-Type", "no content type")
        raise CallFailed(
            f"{name} answered HTTP {response.status_code} with {kind} that is not JSON: is the address right?",
            response.status_code,
        ) from None


def _cause(failure: requests.exceptions.RequestException) -> str:
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (requests.exceptions.Timeout, "timeout"),
        (requests.exceptions.SSLError, "its certificate is not trusted"),
        (requests.exceptions.ProxyError, "the proxy refuses"),
        (requests.exceptions.ConnectionError, "connection failed: is it running?"),
        (requests.exceptions.InvalidURL, "not an address"),
        (requests.exceptions.MissingSchema, "not an address"),
        (requests.exceptions.ChunkedEncodingError, "the answer broke off"),
    )
    return next((word for kind, word in kinds if isinstance(failure, kind)), type(failure).__name__)


def outcome_text(body: Any) -> str:
    """Return what an OperationOutcome says, in one line; "" when there is none."""
    issues = body.get("issue") if isinstance(body, dict) else None
    texts = []
    for issue in issues if isinstance(issues, list) else []:
        if isinstance(issue, dict):
            details = issue.get("details")
            words = [details.get("text")] if isinstance(details, dict) else []
            texts.append(": ".join(one for one in (*words, issue.get("diagnostics")) if isinstance(one, str)))
    return " ".join("; ".join(text for text in texts if text).split())[:500]
