"""Headers of every answer: nothing is guessed, framed, cached by accident or loaded from elsewhere."""

from flask import Response

from cds_service.web.current import After, Current

_EVERYWHERE = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ONE_YEAR = "max-age=31536000"


def varies(response: Response, name: str) -> None:
    """Say that the answer depends on a header of the request."""
    named = response.headers.get("Vary")
    response.headers["Vary"] = f"{named}, {name}" if named else name


def hardening(*, https: bool) -> After:
    """Add the headers; pages bring a content policy of their own, everything else may load nothing at all."""
    everywhere = [*_EVERYWHERE, ("Strict-Transport-Security", _ONE_YEAR)] if https else _EVERYWHERE

    def harden(call: Current, response: Response) -> None:
        del call
        # None of them is there yet, so that none has to be looked for.
        response.headers.extend(everywhere)
        if "Content-Security-Policy" not in response.headers:
            response.headers.add("Content-Security-Policy", _NOTHING)

    return harden
