"""Whatever goes wrong, a process writes lines of JSON and no text of an exception."""

import json
import subprocess
import sys

PROGRAM = """
import logging, sys, threading, warnings
from cds_service.web.logs import log_as_json
log_as_json(sys.stderr)
def fail():
    raise ValueError("patient Zephyrine")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
warnings.warn("deprecated somewhere")
logging.getLogger("cds_service.x").warning("half a pair: %s", chr(0xD83D))
logging.getLogger("cds_service.x").warning("a number: %d", "Zephyrine")
logging.getLogger("cds_service.x").warning("details", extra={"details": {"a": chr(0xD83D), 5: {1, 2}}})
try:
    fail()
except ValueError:
    logging.getLogger("other").exception("it failed")
"""


def test_process_writes_lines_of_json_only() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"time", "level", "logger"} <= set(line) for line in lines)
    assert "Zephyrine" not in done.stderr
    said = " ".join(str(line.get("message")) for line in lines)
    assert "a thread ended: ValueError at" in said
    assert "deprecated somewhere" in said
    assert "half a pair" in said
    assert lines[-1]["exception"] == "ValueError"
