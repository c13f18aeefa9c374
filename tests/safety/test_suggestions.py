"""No card suggests what an order rule would warn of for the same patient: every suggestion is drafted and judged."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from cards.build import CardWriter
from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Indicator, Language

Case = Mapping[str, Any]
Assess = Callable[[Case], Assessment]
AssessDrafts = Callable[[Case, list[dict[str, Any]]], Assessment]

# Reports after which the cards with imaging, biopsy or other draft orders are shown; "+" cases bring their facts.
STATES: Mapping[str, Case] = {
    "infection": {"report": "Native MRI. L4/5: disc fluid, eroded endplates, psoas edema: spondylodiscitis."},
    "infection with raised markers": {
        "report": "L4/5: disc fluid, eroded endplates, psoas edema: spondylodiscitis.",
        "labs": ["CRP 80 mg/L @1d", "ESR 70 mm/h @1d"],
    },
    "infection possible, normal markers": {
        "report": "Marrow edema of L3, spondylodiscitis cannot be excluded. Without contrast.",
        "labs": ["CRP 3 mg/L @1d", "ESR 9 mm/h @1d"],
    },
    "markers raised, plain edema": {"report": "Bone marrow edema of L3.", "labs": ["CRP 60 mg/L @1d"]},
    "epidural abscess": {"report": "L4/5: spondylodiscitis with epidural abscess.", "labs": ["CRP 180 mg/L @1d"]},
    "abscess with weakness": {
        "report": "L4/5: spondylodiscitis with epidural abscess. New weakness of both legs.",
        "problems": ["paraparesis @1d"],
    },
    "germ in blood": {
        "report": "Bone marrow edema of L3.",
        "labs": ["blood culture: Staphylococcus aureus @3d", "CRP 90 mg/L @1d"],
    },
    "cord compression": {"report": "Destructive lesion of T6 with compression of the spinal cord."},
    "metastasis": {"report": "L2: T1-dark lesion with pedicle involvement.", "problems": ["breast cancer @900d"]},
    "tumour": {"report": "Osteolysis of T8 with a soft-tissue mass."},
    "known metastases": {"report": "New vertebral metastasis of L4.", "problems": ["bone metastases @300d"]},
    "low T1": {"report": "Low T1 signal of the whole body of L1, high on STIR.", "labs": ["CRP 2 mg/L @1d"]},
    "benign in cancer": {
        "report": "L4/5: Modic type 1 with claw sign, intact endplates.",
        "problems": ["breast cancer @900d"],
        "labs": ["CRP 2 mg/L @1d"],
    },
    "fracture": {"report": "Acute compression fracture of L1 with marrow edema.", "labs": ["CRP 2 mg/L @1d"]},
    "unstable": {"report": "Burst fracture of L1, retropulsed fragment narrows the spinal canal."},
    "cleft": {"report": "Height loss of L1 with an intravertebral fluid cleft (Kümmell) and edema."},
    "spondyloarthritis": {
        "report": "Corner edema at T10, T11, T12 and L1, sacroiliac joint edema: axial spondyloarthritis.",
        "age": 32,
    },
    "CNO": {"report": "T8-T10: contiguous sclerosis and edema, semicircular, discs normal: CNO."},
    "unclear": {"report": "Bone marrow edema of L3.", "labs": ["CRP 2 mg/L @1d"]},
    "worse": {
        "report": "Bone marrow edema of L3, increased compared with the earlier MRI, pain is worse.",
        "labs": ["CRP 2 mg/L @1d"],
    },
}
OBSTACLES: Mapping[str, Case] = {
    "none": {},
    "pacemaker": {"devices": ["Herzschrittmacher"]},
    "neurostimulator": {"devices": ["spinal cord stimulator"]},
    "aneurysm clip": {"devices": ["intracranial aneurysm clip"]},
    "gadolinium anaphylaxis": {"allergies": ["anaphylaxis to gadolinium contrast"]},
    "gadolinium allergy": {"allergies": ["Gadobutrol"]},
    "dialysis": {"problems": ["dialysis dependence"], "labs": ["eGFR 8 mL/min/{1.73_m2} @3d"]},
    "pregnancy": {"problems": ["pregnant, 26 weeks"], "age": 33},
    "warfarin": {"drugs": ["warfarin"]},
    "apixaban": {"drugs": ["apixaban 5 mg"]},
    "clopidogrel": {"drugs": ["clopidogrel 75 mg"]},
    "INR": {"labs": ["INR 2.6 {INR} @2d"]},
    "platelets": {"labs": ["platelets 31 10*9/L @2d"]},
    "filgrastim": {"drugs": ["filgrastim"]},
    "glucose": {"labs": ["glucose 300 mg/dL @0d"]},
    "NSAID allergy": {"allergies": ["ibuprofen"]},
    "ulcer": {"problems": ["gastric ulcer @30d"]},
    "heart failure": {"problems": ["heart failure"]},
    "antibiotic": {"drugs": ["doxycycline"]},
    "steroid": {"drugs": ["prednisolone 20 mg daily"]},
    "pacemaker, pregnancy": {"devices": ["pacemaker"], "problems": ["pregnant, 26 weeks"], "age": 33},
    "pacemaker, glucose, warfarin": {
        "devices": ["pacemaker"],
        "labs": ["glucose 300 mg/dL @0d"],
        "drugs": ["warfarin"],
    },
}
ORDERED = {"ServiceRequest", "MedicationRequest"}
# One state for each sort of open question is enough for what order cards offer.
OPEN = ("infection", "infection with raised markers", "abscess with weakness", "tumour", "fracture", "unclear")
ORDERS = ("kyphoplasty L1", "drug: ibuprofen", "drug: clindamycin", "FDG-PET/CT", "CT-guided biopsy L3")


def joined(state: Case, obstacle: Case) -> dict[str, Any]:
    lists = ("labs", "problems", "drugs", "devices", "allergies")
    both = {name: [*state.get(name, ()), *obstacle.get(name, ())] for name in lists}
    return {**state, **{name: value for name, value in obstacle.items() if name not in lists}, **both}


def suggested(assessment: Assessment) -> list[dict[str, Any]]:
    """Every order that the cards offer to create; a care plan and a task are none."""
    numbers = count()
    cards = CardWriter().write(assessment, Language.EN, patient_id="p", new_uuid=lambda: f"uuid-{next(numbers)}")
    return [
        dict(action.resource)
        for card in cards
        for suggestion in card.suggestions or ()
        for action in suggestion.actions or ()
        if action.type == "create" and action.resource is not None and action.resource["resourceType"] in ORDERED
    ]


def warnings(assessment: Assessment) -> list[str]:
    serious = [card for card in assessment.cards if card.order and card.indicator is not Indicator.INFO]
    return [f"{card.row} {card.text_id} {card.order.text if card.order else ''}" for card in serious]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_no_card_suggests_what_an_order_rule_would_warn_of(
    obstacle: str, assess_case: Assess, assess_drafts: AssessDrafts
) -> None:
    found = {}
    for name, state in STATES.items():
        case = joined(state, OBSTACLES[obstacle])
        drafts = suggested(assess_case(case))
        found[name] = warnings(assess_drafts(case, drafts)) if drafts else []
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("order", ORDERS)
def test_no_order_card_suggests_what_another_order_rule_would_warn_of(
    order: str, assess_case: Assess, assess_drafts: AssessDrafts
) -> None:
    found = {}
    for name in OPEN:
        for obstacle, facts in OBSTACLES.items():
            case = joined(STATES[name], facts)
            drafts = suggested(assess_case({**case, "order": order}))
            found[name, obstacle] = warnings(assess_drafts(case, drafts)) if drafts else []
    assert {place: each for place, each in found.items() if each} == {}


def test_the_states_show_the_cards_that_offer_orders(assess_case: Assess) -> None:
    shown = {card.card_id for state in STATES.values() for card in assess_case(state).cards}
    assert shown >= {"C01", "C02", "C03", "C10", "C11", "C12", "C14", "C20", "C21", "C23", "C24", "C30", "C32"}
    assert shown >= {"C40", "C41", "C50", "C70", "C80", "C81"}
