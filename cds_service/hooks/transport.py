"""HTTP reads from a client's FHIR server: bounded in time and size, no redirects, the token in its header only."""

import time
from typing import Any

import orjson
import requests
import urllib3

from cds_service.hooks.prefetch import FetchFailed

_ACCEPT = "application/fhir+json, application/json;q=0.9"
_CHUNK = 65_536
_CONNECT_SECONDS = 2.0
_OK = 200


class HttpTransport:
    """Reads JSON over HTTP. ``max_bytes`` bounds one answer."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def get(self, url: str, *, token: str, seconds: float) -> Any:
        """Return the decoded JSON of ``url`` within ``seconds``. Raises FetchFailed with a word for the reason."""
        deadline = time.monotonic() + seconds
        headers = {"Accept": _ACCEPT} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            with requests.Session() as session:
                # Otherwise a .netrc of this machine would replace the token of the caller.
                session.trust_env = False
                with session.get(
                    url,
                    headers=headers,
                    timeout=(min(seconds, _CONNECT_SECONDS), seconds),
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    return self._read(answer, deadline)
        except requests.Timeout:
            raise FetchFailed("timeout") from None
        except urllib3.exceptions.ReadTimeoutError:
            raise FetchFailed("timeout") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, OSError):
            raise FetchFailed("connection failed") from None

    def _read(self, answer: requests.Response, deadline: float) -> Any:
        if answer.status_code != _OK:
            raise FetchFailed(f"HTTP {answer.status_code}")
        if "json" not in answer.headers.get("Content-Type", ""):
            raise FetchFailed("answer is not JSON")
        body = bytearray()
        # read1 gives what has arrived; a full chunk could be awaited byte by byte for ever.
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                raise FetchFailed("answer too large")
            # A server that sends a byte now and then never runs into the timeout of one read.
            if time.monotonic() > deadline:
                raise FetchFailed("timeout")
        try:
            return orjson.loads(bytes(body))
        except orjson.JSONDecodeError:
            raise FetchFailed("answer is not JSON") from None
