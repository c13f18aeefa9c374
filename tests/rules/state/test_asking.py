"""A rule that is passed over because the chart holds none of its words says what it would have said."""

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.domain.assessment import FindingCause, Pathway
from cds_service.domain.vocabulary import FindingId
from cds_service.rules.asking import silence, value_unset
from cds_service.rules.catalogue import RULES
from cds_service.rules.context import Basis, RuleContext, remembered
from cds_service.rules.derive import Steps, derive
from cds_service.rules.rule import Outcome, quiet, rule, when

Case = Mapping[str, Any]


def about(given: RuleContext) -> tuple[FindingCause, ...]:
    return given.stated(FindingId.CLEFT, FindingId.PAGET)


@rule("X-WORDS", Pathway.FRACTURE, "X")
def by_words(context: RuleContext) -> Outcome:
    """Asks for findings and an earlier variable."""
    return when("1", about(context) if context.value("Y") == "N" else (), "found", "not found")


@rule("X-AGE", Pathway.FRACTURE, "X")
def by_age(context: RuleContext) -> Outcome:
    """Asks for the age."""
    return quiet("no age" if context.age is None else "an age")


def test_words_and_variables_that_a_rule_asks_for_are_noted(basis: Basis) -> None:
    asked = silence(by_words, basis, {"Y": "N"})
    assert asked is not None
    assert asked.words == {"Y", FindingId.CLEFT, FindingId.PAGET}
    assert not asked.result.fired
    assert asked.result.why == "not found"


def test_only_what_is_asked_on_the_way_is_noted(basis: Basis) -> None:
    asked = silence(by_words, basis, {})
    assert asked is not None
    assert asked.words == {"Y"}


def test_a_rule_that_looks_at_more_than_words_is_always_run(basis: Basis) -> None:
    assert silence(by_age, basis, {}) is None


def test_words_of_a_combination_are_noted(basis: Basis) -> None:
    value, words = value_unset(lambda context, _: ("N" if not about(context) else "A", ()), basis, {})
    assert value == "N"
    assert words == frozenset[str]({FindingId.CLEFT, FindingId.PAGET})
    assert value_unset(lambda context, _: (str(context.age), ()), basis, {}) == ("", None)


def test_most_rules_are_passed_over_in_a_chart_without_their_words(basis: Basis) -> None:
    known = [each for each in RULES if silence(each, basis, {})]
    assert len(known) > len(RULES) / 2


def test_an_answer_is_remembered_as_long_as_it_holds(prepare_case: Callable[[Case], RuleContext]) -> None:
    asked: list[str] = []

    @remembered
    def of_facts(context: RuleContext) -> int:
        asked.append("facts")
        return len(context.edema)

    @remembered
    def of_variable(context: RuleContext) -> str:
        asked.append("variable")
        return context.value("Y")

    @remembered
    def of_both(context: RuleContext) -> str:
        asked.append("both")
        return f"{of_facts(context)} {of_variable(context)}"

    context = prepare_case({"findings": ["F-EDEMA L3"]})
    assert (of_variable(context), of_both(context), of_both(context)) == ("", "1 ", "1 ")
    assert sorted(asked) == ["both", "facts", "variable"]
    context.decide("Y", "N", ())
    assert (of_both(context), of_variable(context), of_facts(context)) == ("1 N", "N", 1)
    assert sorted(asked) == ["both", "both", "facts", "variable", "variable"]


def every_rule(basis: Basis) -> Steps:
    """Steps of which every rule and every combination is run for every chart."""
    steps = Steps(RULES, basis)
    steps.always.update(name for step in steps.steps for name in step.names)
    return steps


def test_passing_over_changes_no_answer(case: Case, prepare_case: Callable[[Case], RuleContext], basis: Basis) -> None:
    asked, run = derive(prepare_case(case), Steps(RULES, basis)), derive(prepare_case(case), every_rule(basis))
    assert asked.results == run.results
    assert asked.variables == run.variables
    assert asked.state == run.state
