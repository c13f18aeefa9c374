"""Headers of every answer: nothing is guessed, framed, cached by accident or loaded from elsewhere."""

from flask import Flask, Response

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ONE_YEAR = "max-age=31536000"


def register_headers(app: Flask, *, https: bool) -> None:
    """Add the headers; pages bring a content policy of their own, everything else may load nothing at all."""

    def harden(response: Response) -> Response:
        for name, value in _EVERYWHERE.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", _NOTHING)
        if https:
            response.headers["Strict-Transport-Security"] = _ONE_YEAR
        return response

    app.after_request(harden)
