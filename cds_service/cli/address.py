"""The address that callers find the service at."""

import socket

from cds_service.errors import ConfigError


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything is loaded, so that a taken port is told at once. Raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise ConfigError(f"MARROW_HOST/MARROW_PORT: {host}:{port} cannot be used ({error.strerror})") from None
