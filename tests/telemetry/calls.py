"""Calls of the synthetic patients."""

from datetime import UTC, datetime
from typing import Any

import fhir_fixtures
from cds_service.hooks.services import PATIENT_VIEW

ADDRESS = f"/cds-services/{PATIENT_VIEW.id}"


def call_of(name: str) -> dict[str, Any]:
    """The opening of the chart of a synthetic patient."""
    return fhir_fixtures.hook_request(name, PATIENT_VIEW.to_wire(), datetime.now(UTC))
