"""Headers of every answer: nothing is guessed, framed, cached by accident or loaded from elsewhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

Harden = Callable[["StartResponse"], "StartResponse"]

_EVERYWHERE = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
_POLICY = "Content-Security-Policy"
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ONE_YEAR = "max-age=31536000"


def varies(response: Response, name: str) -> None:
    """Say that the answer depends on a header of the request."""
    named = response.headers.get("Vary")
    if named:
        response.headers["Vary"] = f"{named}, {name}"
    else:
        response.headers.add("Vary", name)


def hardening(*, https: bool) -> Harden:
    """Add the headers to whatever is answered, beyond the framework: there each would be looked at once more.

    Pages bring a content policy of their own, everything else may load nothing at all.
    """
    everywhere = [*_EVERYWHERE, ("Strict-Transport-Security", _ONE_YEAR)] if https else _EVERYWHERE

    def harden(start_response: "StartResponse") -> "StartResponse":
        def start(status: str, headers: list[tuple[str, str]], failure: Any = None) -> Callable[[bytes], object]:
            policy = [] if _POLICY in dict(headers) else [(_POLICY, _NOTHING)]
            return start_response(status, [*headers, *everywhere, *policy], failure)

        return start

    return harden
