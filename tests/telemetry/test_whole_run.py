"""The listener of the whole run hears what it is to hear, or the silence of the other tests would say nothing."""

import logging

import pytest

from cds_service.telemetry import tracing
from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.metrics import Metrics
from tests.telemetry.whole_run import Listener, identifiers, named_in


@pytest.mark.parametrize("word", ["Testfall", "Tilman", "SYN-t11-before-labs", "zephyrine", "MRN-7718283"])
def test_names_and_numbers_of_synthetic_patients_are_known(word: str) -> None:
    assert named_in(f'{{"message":"patient {word}, born"}}') == [word]
    assert named_in(f"x{word}x") == []
    assert len(identifiers().pattern.split("|")) > 60


def heard_of(patient_listener: Listener) -> list[str]:
    heard, patient_listener.heard = patient_listener.heard, []
    return [line.partition(":")[0] for line in heard]


def test_log_line_is_heard(patient_listener: Listener) -> None:
    logging.getLogger("cds_service.anything").info("read %s", "Testfall")
    assert heard_of(patient_listener) == ["log"]


def test_details_of_a_line_are_heard(patient_listener: Listener) -> None:
    logging.getLogger("cds_service.access").info("call", extra={"details": {"patient": "SYN-t11-before-labs"}})
    assert heard_of(patient_listener) == ["log"]


def test_label_of_a_metric_is_heard(patient_listener: Listener) -> None:
    Metrics().add([(("marrow_calls_total", "view", "Testfall", "200"), 1.0)])
    assert heard_of(patient_listener) == ["metric"]


def test_attribute_of_a_span_is_heard(patient_listener: Listener) -> None:
    tracing._attributes(SeenCall(client="Testfall"))
    assert heard_of(patient_listener) == ["span"]


def test_harmless_lines_are_not_heard(patient_listener: Listener) -> None:
    logging.getLogger("cds_service.anything").warning("a test case of the service")
    Metrics()
    assert heard_of(patient_listener) == []
