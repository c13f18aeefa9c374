"""Whole patients, from report text, results and history to cards, written so that a clinician can read and extend them.

Each patient stands in ``patients/*.toml`` (see the heading of any of these files).
"""

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.domain.assessment import Assessment

Patient = Mapping[str, Any]

_SEVERITY = ("info", "warning", "critical")


def test_patient_gets_the_cards_that_a_clinician_expects(
    patient: Patient, assess: Callable[[Patient], Assessment]
) -> None:
    cards = {card.text_id: card.indicator.value for card in assess(patient).cards}
    shown = f"{patient['id']}: {cards}"
    if not patient["cards"]:
        assert not cards, shown
        return
    assert set(patient["cards"]) <= set(cards), shown
    assert not set(patient.get("forbidden", [])) & set(cards), shown
    assert max(cards.values(), key=_SEVERITY.index) == patient["highest"], shown


def test_every_patient_is_named_once(names: list[str]) -> None:
    assert names
    assert len(names) == len(set(names))
