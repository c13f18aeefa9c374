"""Listens to the whole run of the tests: no log line, metric or span of the service names a synthetic patient.

The names and numbers are those of ``fhir_fixtures`` and the words that tests plant. A process that a test starts writes
its log to a file, which is searched when it is stopped.
"""

import logging
import re
from collections.abc import Iterator
from functools import cache

import pytest

import fhir_fixtures
from cds_service.telemetry import tracing
from cds_service.telemetry.board import Lane
from cds_service.telemetry.calls import SeenCall
from cds_service.web.logs import JsonLines

# Words that tests put where a record, a token or a comment of a clinician would stand.
PLANTED = ("Zephyrine", "MRN-7718283", "Quittenweg", "xanthopsia", "eyJ-bearer", "fhir-secret", "pat-4711-x")


@cache
def identifiers() -> re.Pattern[str]:
    """Every name and number of a synthetic patient, as whole words, and every planted word."""
    found = set(PLANTED)
    for name in fhir_fixtures.scenarios():
        for entry in fhir_fixtures.bundle(name)["entry"]:
            if entry["resource"]["resourceType"] == "Patient":
                patient = entry["resource"]
                found |= {part["family"] for part in patient["name"]}
                found |= {given for part in patient["name"] for given in part["given"]}
                found |= {one["value"] for one in patient["identifier"]}
    return re.compile("|".join(rf"\b{re.escape(word)}\b" for word in sorted(found)), re.IGNORECASE)


def named_in(text: str) -> list[str]:
    """The identifiers of patients in a text."""
    return identifiers().findall(text)


class Listener(logging.Handler):
    """Keeps what names a patient, as the service would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.listen("log", self.format(record))

    def listen(self, where: str, text: str) -> None:
        if named_in(text):
            self.heard.append(f"{where}: {text}")


@pytest.fixture(scope="session")
def patient_listener() -> Iterator[Listener]:
    """Hears all that the service tells in this process, until the last test."""
    found = Listener()
    own = logging.getLogger("cds_service")
    before = own.level
    own.addHandler(found)
    own.setLevel(logging.INFO)
    place, attributes = Lane.place, tracing._attributes

    def placed(lane: Lane, key: bytes, count: int) -> int | None:
        found.listen("metric", key.decode())
        return place(lane, key, count)

    def told(call: SeenCall) -> dict[str, object]:
        made: dict[str, object] = attributes(call)
        found.listen("span", repr(made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "place", placed)
        patch.setattr(tracing, "_attributes", told)
        yield found
    own.removeHandler(found)
    own.setLevel(before)


@pytest.fixture(autouse=True)
def nothing_of_a_patient_is_told(patient_listener: Listener) -> Iterator[None]:
    """Fail the test during which the service told of a patient."""
    yield
    heard, patient_listener.heard = patient_listener.heard, []
    assert heard == []
