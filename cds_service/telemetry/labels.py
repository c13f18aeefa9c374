"""Closed lists of label values; what is on none of them counts as "other", so that no caller can word a label."""

from collections.abc import Collection

OTHER = "other"

# Why a request was refused: the FHIR issue types of the answer, and for a token what was wrong with it.
REFUSALS = frozenset(
    {
        "business-rule", "exception", "forbidden", "invalid", "login", "not-found", "not-supported", "processing",
        "required", "security", "structure", "throttled", "too-long", "transient", "value",
        "several-headers", "not-bearer", "not-a-token", "token-used-before", "no-token-id", "unknown-tenant",
        "unknown-issuer", "bad-times", "expired", "issued-in-the-future", "not-valid-yet", "lives-too-long",
        "bad-header", "key-address-not-listed", "bad-algorithm", "no-keys-listed", "unknown-key", "bad-signature",
        "claim-missing", "other-audience", "wrong-secret",
    }
)  # fmt: skip

# The words of a refused token in short; each says what an operator would look at.
_TOKENS = {
    "not exactly one Authorization header": "several-headers",
    "not a bearer token": "not-bearer",
    "not a token": "not-a-token",
    "token used before": "token-used-before",
    "no token id": "no-token-id",
    "unknown tenant": "unknown-tenant",
    "unknown issuer": "unknown-issuer",
    "times are no numbers": "bad-times",
    "times are no moments": "bad-times",
    "expired": "expired",
    "issued in the future": "issued-in-the-future",
    "not valid yet": "not-valid-yet",
    "lives too long": "lives-too-long",
    "not typed as JWT": "bad-header",
    "critical header that is not understood": "bad-header",
    "key address not listed": "key-address-not-listed",
    "algorithm not accepted": "bad-algorithm",
    "algorithm does not fit the key": "bad-algorithm",
    "no key id": "bad-header",
    "no keys listed": "no-keys-listed",
    "unknown key": "unknown-key",
    "signature does not hold": "bad-signature",
    "other audience": "other-audience",
}

# What came of a read from a FHIR server.
FETCHES = frozenset(
    {
        "ok", "timeout", "connection failed", "address refused", "answer too large", "answer is not JSON",
        "token expired", "HTTP 401", "HTTP 403", "HTTP 404", "HTTP 410", "HTTP 429", "HTTP 4xx", "HTTP 5xx",
    }
)  # fmt: skip

# Reasons of our own list of override reasons come from the cards; beside them stand these.
NO_REASON, SITE_REASON = "none", "of the site"


def listed(value: str, known: Collection[str]) -> str:
    """Return ``value`` when it is known, else "other"."""
    return value if value in known else OTHER


def of_refused_token(reason: str) -> str:
    """Return the label for the words with which a token was refused."""
    if reason.startswith("claim ") and reason.endswith(" missing"):
        return "claim-missing"
    if reason.startswith("the secret of "):
        return "wrong-secret"
    return _TOKENS.get(reason, "login")


def of_fetch(reason: str) -> str:
    """Return the label for the words with which a read failed; "" is one that worked."""
    if not reason:
        return "ok"
    if reason in FETCHES:
        return reason
    if reason.startswith("HTTP ") and reason[5:6] in {"4", "5"}:
        return f"HTTP {reason[5]}xx"
    return OTHER
