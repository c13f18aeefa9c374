"""The error family of the service. Messages name fields and rules, never values of a patient's record."""


class MarrowError(Exception):
    """Base of every error that this project raises on purpose."""


class KnowledgeError(MarrowError):
    """A knowledge file is broken; the message names the file and the key. Raised at start-up only."""


class ConfigError(MarrowError):
    """A setting is missing or wrong; the message names the setting."""


class RequestError(MarrowError):
    """The caller sent something that cannot be processed. ``field`` is a JSON path such as ``context.patientId``."""

    def __init__(self, message: str, *, field: str = "", status: int = 400, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.status = status
        self.code = code


class PrefetchError(RequestError):
    """Required data are neither in the prefetch nor within reach (HTTP 412). ``keys`` are the prefetch keys."""

    def __init__(self, keys: tuple[str, ...], reason: str) -> None:
        super().__init__(
            f"required prefetch keys are missing and could not be fetched ({reason}): {', '.join(keys)}",
            field="prefetch",
            status=412,
            code="required",
        )
        self.keys = keys
