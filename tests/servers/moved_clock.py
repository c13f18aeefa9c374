"""The service as it is served, but for its clock, which is hours ahead as a file says.

With the word ``machine`` behind the hours the clock of tokens and limits is moved as well.
"""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cds_service.app import build_service
from cds_service.cli.main import run

AHEAD = "TESTS_CLOCK_AHEAD"


def main() -> None:
    """Serve with the clock of the file that the environment names."""
    file = Path(os.environ[AHEAD])
    real = time.time

    def machine_time() -> float:
        hours, *whole = file.read_text().split()
        return real() + (float(hours) * 3600 if whole else 0.0)

    def moved(*given: Any) -> Any:
        backend, directory = build_service(*given)
        return replace(
            backend, clock=lambda: datetime.now(UTC) + timedelta(hours=float(file.read_text().split()[0]))
        ), directory

    with patch("cds_service.cli.workers.build_service", moved), patch("time.time", machine_time):
        run()


if __name__ == "__main__":
    main()
