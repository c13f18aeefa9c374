"""Tokens given on the command line."""

from pathlib import Path

from cds_service.errors import ConfigError


def secret(value: str) -> str:
    """Return a token as given, or what the file behind ``@`` holds: others on a machine see what commands are given."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{value}: cannot be read") from None
