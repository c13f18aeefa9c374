"""Print the hook request of a scenario, moved to today: ``python -m fhir_fixtures NAME [BASE_URL]``."""

import argparse
import json
import sys
from datetime import UTC, datetime
from urllib.request import urlopen

import fhir_fixtures


def main() -> None:
    """Ask the running service for its prefetch templates, as a client does, and fill them."""
    parser = argparse.ArgumentParser(prog="python -m fhir_fixtures", description=__doc__)
    parser.add_argument("scenario", choices=fhir_fixtures.scenarios(), metavar="NAME")
    parser.add_argument("base_url", nargs="?", default="http://127.0.0.1:8000", metavar="BASE_URL")
    arguments = parser.parse_args()
    hook = fhir_fixtures.scenario(arguments.scenario).hook
    with urlopen(f"{arguments.base_url}/cds-services", timeout=10) as answer:  # noqa: S310 - the address is the user's own
        service = next(entry for entry in json.load(answer)["services"] if entry["hook"] == hook)
    request = fhir_fixtures.hook_request(arguments.scenario, service, datetime.now(UTC))
    json.dump(request, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
