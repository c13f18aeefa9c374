"""The work for a text grows no faster than the text, whatever it repeats; counted in calls, not in time."""

import sys
from functools import cache
from types import FrameType

import pytest

from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import Language
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_findings, load_languages
from cds_service.reading.read import Reader

CHARACTERS = 3_000
TIMES = 4
# beginnings of texts cost more than their ends, and the last sentence is cut anywhere
TOLERANCE = 1.25
MOST_CALLS_A_CHARACTER = 300

SHAPES = {
    "run-on": "the vertebral body of L4 shows marrow edema and no fracture and ",
    "finding words": "edema ",
    "finding lines": "edema\n",
    "places": "vertebra edema ",
    "levels each": "edema (L4) ",
    "contradictions": "Epidural abscess at L4. No epidural abscess at L4.\n",
    "contacts": "The disc contacts the cord at L4-L5. No cord compression at L4-L5.\n",
    "languages": "There is edema of the disc.\nEs besteht ein Ödem der Bandscheibe.\n",
    "histories in languages": "History: known cancer and fever for the patient.\nAnamnese: der Patient hat Fieber.\n",
    "denials": "no ",
    "doubts": "possible ",
    "levels": "L4 ",
    "level list": "L4, ",
    "level chain": "L4/5/",
    "masses": "suspicious liver mass ",
    "line ends": "\n",
    "hyphens": "a-\n",
    "brackets": "(",
    "endless word": "a",
    "denied list": "no edema, no fracture, ",
    "denied list, romanian": "fără edem, fără fractură, ",
    "denied letters": "no a, no b, no c, ",
    "denials with nor": "neither edema nor fracture nor ",
    "open brackets": "(L4 (edema ",
    "exceptions": "no edema except in the ",
    "directions": "into the pelvis ",
    "mixed statements": "discul L4 cu semnal lichidian, fără edem, ",
    "combining marks": "\u0301",
}


@cache
def reader() -> Reader:
    return Reader(load_findings(), load_languages(), load_codes().condition_terms())


def calls(text: str, language: Language | None) -> int:
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        reader().read([ReportText(text, "text", language)], declared=language)
    finally:
        sys.setprofile(None)
    return counted


def test_denials_before_a_segment_without_end_look_no_further_than_a_sentence() -> None:
    head, tail = "no disc, " + "edema " * 40, "word " * CHARACTERS
    calls(head + tail, Language.EN)
    assert calls(head + tail * TIMES, Language.EN) <= TIMES * TOLERANCE * calls(head + tail, Language.EN) + CHARACTERS


@pytest.mark.parametrize("name", SHAPES)
def test_work_grows_no_faster_than_the_text(name: str) -> None:
    language = None if "languages" in name else Language.EN
    unit = SHAPES[name]
    short, long = (unit * (size // len(unit)) for size in (CHARACTERS, CHARACTERS * TIMES))
    # words and places of terms are worked out when first met
    calls(short, language)
    once, more = calls(short, language), calls(long, language)
    assert more <= TIMES * TOLERANCE * once + CHARACTERS
    assert more <= MOST_CALLS_A_CHARACTER * len(long)
