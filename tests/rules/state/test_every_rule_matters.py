"""No rule is idle: without it the variables or signals of at least one case change."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cds_service.rules.catalogue import RULES
from cds_service.rules.derive import Derived
from cds_service.rules.rule import Rule

Case = Mapping[str, Any]


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_without_the_rule_some_case_has_another_state(
    rule: Rule,
    all_cases: tuple[tuple[str, Case], ...],
    derive_case: Callable[..., Derived],
    values_of: Callable[[Derived], dict[str, str]],
) -> None:
    others = tuple(each for each in RULES if each is not rule)

    def differs(case: Case) -> bool:
        whole, part = derive_case(case), derive_case(case, others)
        return values_of(whole) != values_of(part) or whole.state != part.state

    relevant = [case for _, case in all_cases if rule.id in case.get("fires", ())]
    assert any(differs(case) for case in relevant)
