"""Every case of the case files gives the state it names; each rule fires, and stops when one of its facts goes."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cds_service.rules.catalogue import RULES
from cds_service.rules.derive import Derived

LISTS = ("findings", "labs", "conditions", "history", "drugs", "procedures", "devices", "earlier", "conflicts")
SINGLE = ("age", "pregnancy", "onset_days")
Case = Mapping[str, Any]


def firing(outcome: Derived) -> set[str]:
    return {result.rule_id for result in outcome.results if result.fired}


def test_case_has_the_state_it_names(
    case: Case, derive_case: Callable[[Case], Derived], values_of: Callable[[Derived], dict[str, str]]
) -> None:
    found = values_of(derive_case(case))
    assert {name: found[name] for name in case["expect"]} == case["expect"]


def test_the_named_rules_fire_and_the_named_silent_ones_do_not(
    case: Case, derive_case: Callable[[Case], Derived]
) -> None:
    found = firing(derive_case(case))
    assert found >= set(case.get("fires", ()))
    assert not found & set(case.get("silent", ()))


def test_a_rule_that_does_not_fire_says_why_and_one_that_fires_names_its_facts(
    case: Case, derive_case: Callable[[Case], Derived]
) -> None:
    outcome = derive_case(case)
    assert all(result.why for result in outcome.results)
    # The onset that the report states as a number of days has no sentence of its own.
    assert [r.rule_id for r in outcome.results if r.fired and not r.causes and r.rule_id != "TIME-COMPLAINT"] == []


@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES])
def test_rule_falls_silent_without_one_of_its_facts(
    rule_id: str,
    all_cases: tuple[tuple[str, Case], ...],
    derive_case: Callable[[Case], Derived],
    drop: Callable[[Case, str, int], Case],
) -> None:
    cases = [case for _, case in all_cases if rule_id in case.get("fires", ())]
    fewer = [drop(c, key, place) for c in cases for key in LISTS for place in range(len(c.get(key, ())))]
    fewer += [{k: v for k, v in c.items() if k != key} for c in cases for key in SINGLE if key in c]
    assert any(rule_id not in firing(derive_case(each)) for each in fewer)
