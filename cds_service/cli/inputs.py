"""Files given on the command line, and the desk that evaluates them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import orjson

from cds_service.app import build_clinic, build_previews
from cds_service.config import read_settings
from cds_service.errors import RequestError
from cds_service.hooks.preview.desk import PreviewDesk


def read_input(path: Path) -> Any:
    """Return the JSON of a file, or its text as a report. Raises RequestError naming the file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    if raw.lstrip()[:1] in {b"{", b"["}:
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise RequestError(f"{path}: is not JSON: {error.msg} ({place})") from None
    try:
        return {"text": raw.decode("utf-8-sig")}
    except UnicodeDecodeError:
        raise RequestError(f"{path}: is neither JSON nor UTF-8 text") from None


def moment(day: str | None) -> datetime:
    """Return the end of ``day``, or now. Raises RequestError for what is no date."""
    if day is None:
        return datetime.now(UTC)
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59), tzinfo=UTC)
    except ValueError:
        raise RequestError(f"--as-of {day}: is not a date such as 2026-03-31") from None


@contextmanager
def preview_desk() -> Iterator[PreviewDesk]:
    """Give the desk that evaluates files with the settings of the environment."""
    settings = read_settings()
    with ThreadPoolExecutor(1) as pool:
        yield build_previews(build_clinic(settings.knowledge_overlay), settings, pool)
