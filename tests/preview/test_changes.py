"""What would change the answer is what the rules say of the changed facts, and nothing else."""

import itertools
from typing import Any

from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.changes import Changes
from cds_service.hooks.preview.desk import PreviewDesk
from tests.preview.conftest import NOW, Look

TEXT = "MRI thoracic spine. Diffuse sclerosis of T11 with paravertebral edema. Smooth endplates. No fracture, no lysis."
PATIENT = {"age": 52, "sex": "male"}
BODY = {"text": TEXT, "patient": PATIENT}


def options(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {option["id"]: option for fact in found["facts"] for option in fact["options"]}


def summaries(cards: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(card["text"], card["indicator"]) for card in cards]


def test_each_supposed_result_gives_what_the_real_one_gives(look: Look, change: Look) -> None:
    """The CRP of an option, entered as a result, leads to the very cards that the option showed."""
    told = options(change(BODY))
    for kind, value in (("normal", 2.5), ("borderline", 7.5), ("raised", 20), ("high", 60)):
        real = look(BODY | {"labs": [{"analyte": "CRP", "value": value, "unit": "mg/L"}]})
        supposed = told[f"crp-{kind}"]
        assert summaries(supposed["cards"]) == [(c["text"], c["indicator"]) for c in real["view"]["cards"]], kind
        fired = {rule["id"] for rule in real["view"]["rules"] if rule["fired"]}
        assert set(supposed["rulesFired"]) <= fired
        assert not set(supposed["rulesSilent"]) & fired


def test_a_supposed_problem_gives_what_the_real_one_gives(look: Look, change: Look) -> None:
    told = options(change(BODY))
    for fact, group in (("cancer", "CANCER"), ("deficit", "LIMB_WEAKNESS"), ("drug_use", "INTRAVENOUS_DRUG_USE")):
        real = look(BODY | {"history": [{"group": group, "on": "2026-11-21"}]})
        assert summaries(told[f"{fact}-yes"]["cards"]) == [
            (card["text"], card["indicator"]) for card in real["view"]["cards"]
        ], fact


def test_added_changed_and_removed_are_marked(change: Look) -> None:
    found = change(BODY)
    raised = options(found)["crp-raised"]
    assert raised["changes"] is True
    assert [(card["text"], card["mark"]) for card in raised["cards"]] == [("C11-EDEMA", "added")]
    assert {card["card"] for card in raised["removed"]} == {card["card"] for card in found["base"]}
    same = next(option for option in options(found).values() if not option["changes"])
    assert summaries(same["cards"]) == summaries(found["base"])
    assert {card["mark"] for card in same["cards"]} == {"same"}


def test_facts_that_change_nothing_stand_last(change: Look) -> None:
    telling = [any(option["changes"] for option in fact["options"]) for fact in change(BODY)["facts"]]
    assert telling == sorted(telling, reverse=True)
    assert set(telling) == {True, False}


def test_a_known_result_can_be_unknown_again(change: Look) -> None:
    known = BODY | {"labs": [{"analyte": "CRP", "value": 48, "unit": "mg/L", "date": "2026-11-20"}]}
    found = change(known)
    crp = next(fact for fact in found["facts"] if fact["fact"] == "crp")
    assert (crp["state"], crp["stateLabel"]) == ("high", "high (48 mg/L, 2026-11-20)")
    assert {option["value"] for option in crp["options"]} == {"normal", "borderline", "raised", "unknown"}
    base = change(BODY)["base"]
    assert summaries(options(found)["crp-unknown"]["cards"]) == summaries(base)


def test_a_known_problem_or_one_told_by_the_report_can_be_taken_away(change: Look) -> None:
    told = {"text": f"Indication: known breast cancer. {TEXT}", "patient": PATIENT}
    for body in (BODY | {"history": [{"group": "CANCER"}]}, told):
        cancer = next(fact for fact in change(body)["facts"] if fact["fact"] == "cancer")
        assert cancer["state"] == "yes"
        (no,) = cancer["options"]
        assert summaries(no["cards"]) == summaries(change(BODY)["base"])


def test_near_misses_name_the_fact_that_would_make_a_rule_fire(change: Look, look: Look) -> None:
    found = change(BODY)
    misses = {miss["rule"]: miss for miss in found["nearMisses"]}
    raised = misses["LAB-CRP-RAISED"]
    assert {"crp-raised", "crp-high"} <= {by["option"] for by in raised["by"]}
    silent = {rule["id"] for rule in look(BODY)["view"]["rules"] if not rule["fired"]}
    rules = {miss["rule"] for miss in found["nearMisses"] if miss["missing"]}
    assert rules <= silent


def test_orders_are_judged_with_the_supposed_fact(change: Look) -> None:
    body = BODY | {"orders": [{"kind": "NSAID"}]}
    told = options(change(body))
    assert told["egfr-alarming"]["changes"] is True
    assert told["egfr-alarming"]["rulesFired"]
    assert "egfr-alarming" not in options(change(BODY))


def test_both_markers_are_supposed_together(change: Look) -> None:
    """Where the ESR is raised as well, a normal CRP alone settles nothing."""
    found = change({"fixture": "kyphoplasty-raised-crp"})
    told = options(found)
    assert told["crp-normal"]["changes"] is False
    both = told["crp_esr-normal"]
    assert both["label"] == "normal (2.5 mg/L, 10 mm/h)"
    assert "O-VP-a" not in {card["text"] for card in both["cards"]}
    assert "O-VP-a" in {card["text"] for card in both["removed"]} | {c["text"] for c in found["base"]}


def test_no_pregnancy_is_supposed_of_a_man(change: Look) -> None:
    facts = {fact["fact"] for fact in change(BODY)["facts"]}
    assert "pregnancy" not in facts
    woman = change(BODY | {"patient": {"age": 31, "sex": "female"}})
    assert "pregnancy" in {fact["fact"] for fact in woman["facts"]}


def test_what_was_not_tried_in_time_is_said(desk: PreviewDesk) -> None:
    shown = desk.preview(BODY, Language.EN, NOW)
    turns = itertools.count()
    found = Changes(desk, shown).answer(lambda: next(turns) < 3)
    assert (found["evaluated"], found["complete"]) == (3, False)
    assert len(options(found)) == 3


def test_nothing_evaluated_has_nothing_to_change(change: Look) -> None:
    call = {
        "hook": "order-sign",
        "hookInstance": "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3",
        "context": {"userId": "Practitioner/p", "patientId": "p"},
        "prefetch": {},
    }
    assert change(call) == {"base": [], "facts": [], "nearMisses": [], "evaluated": 0, "complete": True}


def test_options_are_named_in_the_language_of_the_answer(change: Look) -> None:
    told = options(change(BODY, Language.DE))
    assert told["crp-normal"]["label"] == "normal (2,5 mg/L)"
    assert told["onset-weeks-16"]["label"] == "16 Wochen"
    assert options(change(BODY, Language.RO))["age-years-35"]["label"] == "35 ani"
