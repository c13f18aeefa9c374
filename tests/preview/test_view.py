"""What stands behind the cards: highlights that cover the text, the spine, the timeline, lanes, sources."""

from itertools import pairwise
from typing import Any

import pytest

import fhir_fixtures
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.highlight import segments
from cds_service.hooks.preview.spine import LEVELS
from cds_service.hooks.preview.view import answer
from tests.preview.conftest import GERMAN, NOW, Look

SPAN = tuple[int, int]


@pytest.fixture(scope="module")
def german(desk: PreviewDesk) -> Any:
    body = {
        "text": GERMAN,
        "patient": {"age": 63, "sex": "male", "onset": "2026-11-01"},
        "labs": [
            {"analyte": "CRP", "value": 4.8, "unit": "mg/dL", "date": "2026-11-20"},
            {"analyte": "CRP", "value": "<5", "unit": "mg/L", "date": "2026-10-20"},
        ],
    }
    return answer(desk.preview(body, Language.DE, NOW))


def test_pieces_cover_the_text_in_order(german: Any) -> None:
    text = german["view"]["reports"][0]["texts"][0]
    assert "".join(piece["text"] for piece in text["segments"]) == text["text"] == GERMAN
    assert all(one["end"] == other["start"] for one, other in pairwise(text["segments"]))


def test_findings_lie_where_their_words_stand(german: Any) -> None:
    found = {(one["finding"], one["status"]): one for one in german["view"]["reports"][0]["findings"]}
    edema = found["F-PARAEDEMA", "present"]
    start, end = edema["span"]
    assert "paravertebral" in GERMAN[start:end]
    assert (edema["kind"], edema["levels"], edema["levelLabels"]) == ("present", ["T11"], ["Th11"])
    assert edema["rules"]
    assert found["F-FX", "absent"]["statusLabel"] == "verneint"
    infection = found["F-IMPR-INFECTION", "possible"]
    start, end = infection["cueSpan"]
    assert GERMAN[start:end] == infection["cue"] == "ist möglich"
    assert infection["sectionLabel"] == "Beurteilung"
    marked = {name for piece in german["view"]["reports"][0]["texts"][0]["segments"] for name in piece["findings"]}
    assert marked == {one["id"] for one in german["view"]["reports"][0]["findings"]}


def test_a_cue_before_the_finding_comes_first(look: Look) -> None:
    text = "MRI lumbar spine. There is no convincing epidural abscess and no evidence of discitis. Marrow edema of L4."
    report = look({"text": text})["view"]["reports"][0]
    abscess = next(one for one in report["findings"] if one["finding"] == "F-ABSCESS-EPIDURAL")
    start, end = abscess["cueSpan"]
    assert (text[start:end], abscess["kind"]) == (abscess["cue"], "absent")
    assert end <= abscess["span"][0]


def test_rules_name_the_findings_they_used(german: Any) -> None:
    by_id = {one["id"]: one for report in german["view"]["reports"] for one in report["findings"]}
    fired = [rule for rule in german["view"]["rules"] if rule["fired"] and rule["findings"]]
    assert fired
    for rule in fired:
        assert all(rule["id"] in by_id[name]["rules"] for name in rule["findings"] if name in by_id)


def test_levels_lie_along_the_spine(german: Any) -> None:
    spine = german["view"]["spine"]
    assert tuple(row["level"] for row in spine["levels"]) == LEVELS
    affected = {row["level"]: row["kind"] for row in spine["levels"] if row["findings"]}
    assert affected["T11"] == "present"
    assert all(row["levels"] or row["finding"] for row in spine["rows"])


def test_segments_and_the_sacrum_have_their_place(look: Look) -> None:
    text = "MRI lumbar spine. Fluid in the L4-L5 disc. Marrow edema of L5. Marrow edema of S2. Fracture of T12."
    spine = look({"text": text})["view"]["spine"]
    assert [disc["between"] for disc in spine["discs"]] == [["L4", "L5"]]
    affected = {row["level"] for row in spine["levels"] if row["findings"]}
    assert {"L5", "S", "T12"} <= affected


def test_course_of_the_markers_with_limits(german: Any) -> None:
    timeline = german["view"]["timeline"]
    (crp,) = timeline["series"]
    assert [(point["date"], point["value"], point["comparator"]) for point in crp["points"]] == [
        ("2026-10-20", 5.0, "<"), ("2026-11-20", 48.0, ""),
    ]  # fmt: skip
    assert [limit["name"] for limit in crp["thresholds"]] == ["crp_upper_normal", "crp_raised", "crp_strong"]
    assert timeline["onset"] == "2026-11-01"
    assert [row["kind"] for row in timeline["rows"]] == ["CRP", "onset", "CRP", "report"]


def test_a_lane_tells_which_other_it_gave_way_to(german: Any) -> None:
    lanes = {lane["lane"]: lane for lane in german["view"]["lanes"]}
    held = [lane for lane in lanes.values() if lane["suppressedBy"]]
    assert held
    for lane in held:
        assert lane["suppressedByLanes"]
        assert not lane["shown"]
        assert all(lanes[other]["card"] for other in lane["suppressedByLanes"])
        assert lane["suppressedByLabel"]


def test_evidence_of_cards_and_rules_is_listed_once(german: Any) -> None:
    listed = [one["id"] for one in german["view"]["evidence"]]
    assert len(listed) == len(set(listed))
    assert {name for card in german["view"]["cards"] for name in card["evidence"]} <= set(listed)


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
@pytest.mark.parametrize("language", list(Language))
def test_every_fixture_is_told_in_every_language(desk: PreviewDesk, name: str, language: Language) -> None:
    found = answer(desk.preview({"fixture": name}, language, NOW))
    view = found["view"]
    assert [card["uuid"] for card in view["cards"]] == [card["uuid"] for card in found["cards"]]
    assert all(rule["label"] and rule["fieldLabel"] for rule in view["rules"])
    assert all(lane["label"] and (lane["rowLabel"] or not lane["card"]) for lane in view["lanes"])
    assert all(gap["label"] for gap in view["gaps"])
    for report in view["reports"]:
        for text in report["texts"]:
            assert "".join(piece["text"] for piece in text["segments"]) == text["text"]


def test_a_lay_reader_gets_a_note_and_nothing_else(look: Look) -> None:
    call = {
        "hook": "patient-view",
        "hookInstance": "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3",
        "context": {"userId": "Patient/p", "patientId": "p"},
        "prefetch": {},
    }
    found = look(call)
    assert found["cards"] == found["view"]["rules"] == []
    assert "Nothing was evaluated" in found["view"]["note"]


def marked(text: str, *marks: tuple[str, SPAN, bool]) -> list[tuple[str, list[str], list[str]]]:
    return [(piece["text"], piece["findings"], piece["cues"]) for piece in segments(text, marks)]


def test_overlapping_marks_are_cut_where_they_begin_and_end() -> None:
    assert marked("no edema here", ("f1", (3, 8), False), ("f1", (0, 2), True), ("f2", (5, 13), False)) == [
        ("no", [], ["f1"]), (" ", [], []), ("ed", ["f1"], []), ("ema", ["f1", "f2"], []), (" here", ["f2"], []),
    ]  # fmt: skip


def test_marks_outside_the_text_are_left_out() -> None:
    assert marked("edema", ("f1", (3, 9), False), ("f2", (2, 2), False)) == [("edema", [], [])]
    assert marked("") == []


def test_a_text_full_of_marks_is_shown_without_any() -> None:
    text = "edema " * 3000
    marks = [(f"f{n}", (6 * n, 6 * n + 5), False) for n in range(3000)]
    assert marked(text, *marks) == [(text, [], [])]
