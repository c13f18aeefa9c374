"""The service as it is served, but for its clock, which is hours ahead as a file says."""

import os
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

    def moved(*given: Any) -> Any:
        backend, directory = build_service(*given)
        return replace(backend, clock=lambda: datetime.now(UTC) + timedelta(hours=float(file.read_text()))), directory

    with patch("cds_service.cli.workers.build_service", moved):
        run()


if __name__ == "__main__":
    main()
