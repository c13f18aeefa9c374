"""Two sides and what differs between them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.preview.compare import compared
from cds_service.hooks.preview.desk import Preview, PreviewDesk
from tests.preview.conftest import GERMAN, NOW

CRP = {"labs": [{"analyte": "CRP", "value": 8, "unit": "mg/L", "date": "2026-11-20"}]}
PLAIN = {"text": "MRI lumbar spine. Marrow edema of L4.", "patient": {"age": 40, "sex": "male"}}


@pytest.fixture
def compare(desk: PreviewDesk) -> Any:
    def evaluate(body: Any, language: Language, as_of: str | None) -> Preview:
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC) if as_of else NOW
        return desk.preview(body, language, moment, dated=bool(as_of))

    return lambda body: compared(body, Language.EN, evaluate)


def test_the_same_twice_differs_in_nothing(compare: Any) -> None:
    difference = compare({"left": {"input": PLAIN}, "right": {}})["difference"]
    assert difference["same"] is True
    assert {card["mark"] for card in difference["cards"]} == {"same"}
    assert difference["findings"] == difference["rules"] == difference["values"] == []


def test_two_languages_have_the_same_cards_in_other_words(compare: Any) -> None:
    found = compare({"left": {"input": {"text": GERMAN}, "language": "de"}, "right": {"language": "ro"}})
    assert found["difference"]["same"] is True
    assert (found["left"]["view"]["language"], found["right"]["view"]["language"]) == ("de", "ro")
    assert found["left"]["cards"][0]["summary"] != found["right"]["cards"][0]["summary"]


def test_site_values_change_cards_and_rules(compare: Any) -> None:
    overlay = '[parameters]\ncrp_raised = { value = 6, reason = "own assay" }\n[switches]\nesr_enabled = false\n'
    difference = compare({"left": {"input": PLAIN | CRP}, "right": {"overlay": overlay}})["difference"]
    assert difference["same"] is False
    assert {"name": "crp_raised", "left": "10 mg/L", "right": "6 mg/L"} in difference["values"]
    assert {"name": "esr_enabled", "left": "yes", "right": "no"} in difference["values"]
    assert {"rule": "LAB-CRP-RAISED", "mark": "fired"} in [
        {name: rule[name] for name in ("rule", "mark")} for rule in difference["rules"]
    ]
    assert {"added", "removed"} & {card["mark"] for card in difference["cards"]}


def test_site_values_hold_for_any_form_of_input(compare: Any) -> None:
    overlay = '[parameters]\ncrp_raised = { value = 6, reason = "own assay" }\n'
    found = compare({"left": {"input": {"fixture": "t11-normal-labs"}}, "right": {"overlay": overlay}})
    assert found["right"]["view"]["overlaid"] == ["crp_raised"]
    assert found["left"]["view"]["overlaid"] == []


def test_two_reports_differ_in_findings(compare: Any) -> None:
    other = PLAIN | {"text": "MRI lumbar spine. Marrow edema of L4. Fluid in the L4-L5 disc with endplate erosion."}
    difference = compare({"left": {"input": PLAIN}, "right": {"input": other}})["difference"]
    added = {(one["finding"], one["mark"]) for one in difference["findings"]}
    assert ("F-DISC-FLUID", "added") in added
    changed = [card for card in difference["cards"] if card["mark"] != "same"]
    assert changed
    back = compare({"left": {"input": other}, "right": {"input": PLAIN}})["difference"]
    assert {(one["finding"], one["mark"]) for one in back["findings"]} == {
        (name, "removed" if mark == "added" else "added") for name, mark in added
    }


def test_a_changed_card_says_what_changed(compare: Any) -> None:
    later = {"left": {"input": PLAIN | CRP}, "right": {"input": PLAIN | {"labs": [CRP["labs"][0] | {"value": 9}]}}}
    cards = compare(later)["difference"]["cards"]
    changed = next(card for card in cards if card["mark"] == "changed")
    assert "detail" in changed["what"]
    assert (changed["left"], changed["right"]) != (None, None)


def test_another_day(compare: Any) -> None:
    found = compare({"left": {"input": PLAIN | CRP}, "right": {"asOf": "2026-11-25"}})
    assert found["right"]["view"]["asOf"].startswith("2026-11-25")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "left"),
        ({"left": {"input": PLAIN}}, "right"),
        ({"left": {}, "right": {}}, "left.input"),
        ({"left": {"input": PLAIN, "x": 1}, "right": {}}, "left.x"),
        ({"left": {"input": PLAIN}, "right": {"language": "fr"}}, "right.language"),
        ({"left": {"input": PLAIN}, "right": {"asOf": 3}}, "right.asOf"),
        ({"left": {"input": PLAIN}, "right": {"overlay": "x ="}}, "right.input.overlay"),
        ({"left": {"input": {"text": ""}}, "right": {}}, "left.input.text"),
    ],
)
def test_faults_name_the_side(compare: Any, body: Any, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        compare(body)
    assert caught.value.field == field
