"""What must hold for any patient: alarm never lowers urgency, order never matters, languages differ in words alone."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.domain.vocabulary import Indicator, Language

Resource = dict[str, Any]
SENTENCES = (
    "Bone marrow edema of L4.",
    "Bone marrow edema of T8 and T9.",
    "Modic type I change at L4/5 with intact endplates.",
    "Fluid signal in the L4/5 disc.",
    "Erosion of the endplates at L4/5.",
    "Psoas edema at L4.",
    "Acute compression fracture of L1.",
    "Loss of height of L1 by 50 percent.",
    "Low T1 signal of L2.",
    "Lytic lesion of L2.",
    "Metastasis cannot be excluded at L2.",
    "No fracture. No abscess.",
    "Typical hemangioma of T12.",
    "Edema of the corners of L1, L2 and L3.",
    "No bone marrow edema.",
)
LABS = (
    ("1988-5", (2.0, 8.0, 25.0, 90.0), "mg/L"),
    ("4537-7", (8.0, 30.0, 80.0), "mm/h"),
    ("6690-2", (2.5, 7.0, 15.0), "10*9/L"),
    ("718-7", (8.0, 13.0), "g/dL"),
    ("17861-6", (2.3, 3.1), "mmol/L"),
    ("62238-1", (20.0, 80.0), "mL/min/{1.73_m2}"),
)
PROBLEMS = (
    "Low back pain",
    "Type 2 diabetes mellitus",
    "Osteoporosis",
    "Haemodialysis",
    "Monoclonal gammopathy of undetermined significance",
    "Ankylosing spondylitis",
    "Heart failure",
    "Breast cancer",
    "Prostate cancer",
    "Fall at home",
    "Fall on stairs",
)
DRUGS = ("Prednisolone 20 mg daily", "Ibuprofen 400 mg", "Apixaban 5 mg", "Amoxicillin 1 g", "Lorazepam 1 mg")
LAB_REQUESTS = {"crp", "esr", "crp_esr_recheck"}


@st.composite
def charts(draw: st.DrawFn) -> tuple[str, list[tuple[Any, ...]]]:
    """A report text and the recipes of the other resources."""
    text = " ".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4, unique=True)))
    recipes: list[tuple[Any, ...]] = []
    for code, values, unit in LABS:
        for days in draw(st.lists(st.sampled_from((0.2, 3.0, 20.0, 60.0)), max_size=2, unique=True)):
            recipes += [("lab", code, draw(st.sampled_from(values)), unit, days)]
    recipes += [
        ("condition", name, draw(st.sampled_from((5, 60, 120))))
        for name in draw(st.lists(st.sampled_from(PROBLEMS), max_size=3, unique=True))
    ]
    recipes += [("drug", name) for name in draw(st.lists(st.sampled_from(DRUGS), max_size=2, unique=True))]
    if draw(st.booleans()):
        recipes.append(("report", draw(st.sampled_from(SENTENCES)), draw(st.sampled_from((30, 60, 100))), "earlier"))
    # Results that cannot be used: each leaves a gap.
    for days in draw(st.lists(st.sampled_from((0.3, 2.0, 5.0)), max_size=3, unique=True)):
        recipes.append(("lab", "1988-5", 12.0, draw(st.sampled_from(("", "furlongs"))), days))
    return text, recipes


def resources(pipeline: Any, chart: tuple[str, list[tuple[Any, ...]]], extra: str = "") -> list[Resource]:
    text, recipes = chart
    made = [pipeline.patient(), pipeline.report(f"{text} {extra}".strip())]
    for kind, *arguments in recipes:
        made.append(getattr(pipeline, kind)(*arguments))
    return made


def rank(answered: Any) -> int:
    return max((Indicator(card["indicator"]).rank for card in answered.cards), default=-1)


ALARMS: dict[str, Callable[[Any], tuple[str, list[Resource]]]] = {
    "abscess": lambda _: ("Epidural abscess at L3.", []),
    "cord compression": lambda _: ("Epidural mass at T6 with compression of the spinal cord.", []),
    "discitis": lambda _: ("Spondylodiscitis at L2/3.", []),
    "metastasis": lambda _: ("Metastasis of L5 with soft tissue mass.", []),
    "fever": lambda p: ("", [p.lab("8310-5", 39.2, "Cel", 0.1)]),
    "high CRP": lambda p: ("", [p.lab("1988-5", 180, "mg/L", 0.1)]),
    "cauda equina": lambda p: ("", [p.condition("Cauda equina syndrome", 1)]),
    "cancer": lambda p: ("", [p.condition("Breast cancer", 300)]),
    "drug use": lambda p: ("", [p.condition("Intravenous drug use", 30)]),
    "germ": lambda p: (
        "",
        [p.lab("600-7", 0, "", 1) | {"valueQuantity": None, "valueString": "Staphylococcus aureus"}],
    ),
}


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarming_fact_never_lowers_urgency_nor_adds_a_conservative_plan(pipeline: Any, alarm: str) -> None:
    sentence, facts = ALARMS[alarm](pipeline)
    more = [{key: value for key, value in fact.items() if value is not None} for fact in facts]

    @given(charts())
    def holds(chart: tuple[str, list[tuple[Any, ...]]]) -> None:
        calm = pipeline.answer(resources(pipeline, chart))
        alarmed = pipeline.answer([*resources(pipeline, chart, sentence), *more])
        assert rank(alarmed) >= rank(calm), (calm.ids, alarmed.ids)
        added = set(alarmed.ids) - set(calm.ids)
        assert "C80" not in added or not calm.ids, (calm.ids, alarmed.ids)

    holds()


@given(charts())
def test_without_labs_a_request_for_labs_stays(pipeline: Any, chart: tuple[str, list[tuple[Any, ...]]]) -> None:
    def asks(answered: Any) -> bool:
        cards = answered.assessment.cards
        drafted = any(draft.kind.value in LAB_REQUESTS for card in cards for draft in card.drafts)
        return drafted or any({"crp", "crp_esr"} & set(card.missing) for card in cards)

    everything = resources(pipeline, chart)
    if asks(pipeline.answer(everything)):
        assert asks(pipeline.answer([r for r in everything if r["resourceType"] != "Observation"]))


@given(charts(), st.randoms(use_true_random=False))
def test_the_order_of_resources_changes_nothing(
    pipeline: Any, chart: tuple[str, list[tuple[Any, ...]]], random: Any
) -> None:
    everything = resources(pipeline, chart)
    turned = list(everything)
    random.shuffle(turned)
    one, other = pipeline.answer(everything), pipeline.answer(turned)
    assert one.cards == other.cards
    assert one.assessment.state == other.assessment.state


def fixed(answered: Any) -> list[Any]:
    """Everything of an answer that is no word: ids, rules, urgency, codes."""
    codes = [
        (path, value)
        for card in answered.cards
        for path, value in leaves(card)
        if path.endswith((".code", ".system", ".indicator", ".type", ".resourceId", ".priority", ".isRecommended"))
    ]
    return [(card.text_id, card.row, card.rule_ids, card.indicator) for card in answered.assessment.cards] + codes


def leaves(value: Any, path: str = "$") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in leaves(member, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for index, member in enumerate(value) for leaf in leaves(member, f"{path}[{index}]")]
    return [(path, value)]


@given(charts())
def test_the_language_of_the_request_changes_words_alone(
    pipeline: Any, chart: tuple[str, list[tuple[Any, ...]]]
) -> None:
    everything = resources(pipeline, chart)
    answers = [fixed(pipeline.answer(everything, language)) for language in Language]
    assert answers[0] == answers[1] == answers[2]
