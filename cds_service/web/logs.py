"""Log lines as JSON, one object each, with the request they belong to; messages hold no data of a patient."""

import json
import logging
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from cds_service.web.current import current_if_any
from cds_service.web.problems import describe_crash

_log = logging.getLogger("cds_service.serve")


def of_request() -> dict[str, Any]:
    """Return request id, trace of the caller and hook instance of the current call; nothing outside of one."""
    call = current_if_any()
    if call is None:
        return {}
    known = {"request": call.id, "trace": call.seen.trace, "instance": call.details.get("instance", "")}
    return {name: value for name, value in known.items() if value}


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON, so that no message can forge another line.

    Exceptions are named by type only: their text may repeat what a record says.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        details = getattr(record, "details", None)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **of_request(),
        }
        if isinstance(details, dict):
            line |= details
        else:
            line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return _as_json(line)


def _as_json(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Halves of surrogate pairs, which plain JSON escapes: a line that cannot be written would be shown with its
        # arguments instead.
        return json.dumps(line, default=str)


def _log_end_of_thread(arguments: threading.ExceptHookArgs) -> None:
    """Log what ended a thread, by kind and place; Python would print its text."""
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        _log.error("a thread ended: %s", describe_crash(arguments.exc_value))


def log_as_json(stream: TextIO, level: int = logging.INFO) -> None:
    """Send the log of this process to ``stream`` as lines of JSON, with what Python would print beside it."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level)
    # What would else be printed as it is.
    logging.raiseExceptions = False
    # Found out for each line otherwise, and told in none of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_end_of_thread
