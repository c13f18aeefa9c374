"""Cards, suggestions, actions, links and override reasons, over the answers to every synthetic case."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from cds_service.domain.vocabulary import Language
from tests.conformance.conftest import (
    BASE,
    PATIENT,
    Ehr,
    Json,
    Signer,
    actions,
    draft,
    ordered,
    patient,
    report,
    scenario_calls,
    searchset,
)

ROOT = Path(__file__).parents[2]
GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
CARD = {
    "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons", "links",
    "extension",
}  # fmt: skip
SUGGESTION = {"label", "uuid", "isRecommended", "actions", "actionSelectionBehavior"}
ACTION = {"type", "description", "resource", "resourceId"}


def cards(answers: list[Json]) -> Iterator[Json]:
    for answer in answers:
        yield from answer["cards"]


def suggestions(answers: list[Json]) -> Iterator[Json]:
    for card in cards(answers):
        yield from card.get("suggestions", ())


@pytest.mark.requirement(
    "CARD-1",
    "CARD-3",
    "CARD-9",
    "CARD-10",
    "CARD-11",
    "CARD-12",
    "CARD-13",
    "CARD-16",
    "CARD-17",
    "CARD-19",
    "CARD-20",
    "CARD-21",
)
def test_members_of_a_card(shown: list[Json]) -> None:
    seen = []
    for card in cards(shown):
        assert set(card) <= CARD - {"extension"}
        seen.append(card["uuid"])
        assert str(UUID(card["uuid"])) == card["uuid"]
        assert card["summary"].strip()
        assert not re.search(r"[\n\r\t<>*_`\[\]|#]", card["summary"])
        assert card["indicator"] in {"info", "warning", "critical"}
        assert set(card["source"]) <= {"label", "url", "topic"}
        assert card["source"]["label"].strip()
        assert card["source"]["url"] == f"{BASE}/about"
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        assert card.get("suggestions", ["x"])
        assert card["overrideReasons"]
        assert card["links"]
    assert len(seen) == len(set(seen))


@pytest.mark.requirement("CARD-2", "I18N-3")
def test_summaries_are_short_in_every_language_and_way_of_counting(shown: list[Json]) -> None:
    lengths = [(len(one), len(one.encode("utf-16-le")) // 2) for one in (card["summary"] for card in cards(shown))]
    assert len(lengths) > 50
    assert max(max(pair) for pair in lengths) < 140


@pytest.mark.requirement("CARD-2", "I18N-3")
@pytest.mark.parametrize("language", ["en", "de", "ro"])
def test_a_summary_with_many_levels_stays_short(ehr: Ehr, pv_ok: Json, language: str) -> None:
    levels = ", ".join(f"T{n}" for n in range(2, 13)) + ", L1, L2, L3, L4 and L5"
    discs = "fluid signal in the L1-L2, L3-L4 and T8-T9 discs"
    text = f"MRI spine. Marrow edema of {levels} with {discs} and endplate erosion."
    pv_ok["prefetch"]["reports"] = searchset(report(text))
    answer = ehr.cards(pv_ok, **{"Accept-Language": language})
    assert answer["cards"]
    for card in answer["cards"]:
        assert max(len(card["summary"]), len(card["summary"].encode("utf-16-le")) // 2) < 140
        assert not card["summary"].endswith("-")


@pytest.mark.requirement("I18N-3", "CARD-15", "OVR-5")
def test_codes_are_the_same_in_every_language(shown: list[Json]) -> None:
    def codes(answer: Json) -> Any:
        return [
            (c["indicator"], c["source"]["topic"]["code"], [reason["code"] for reason in c["overrideReasons"]])
            for c in answer["cards"]
        ]

    assert len(shown) % len(Language) == 0
    for start in range(0, len(shown), len(Language)):
        first, *others = (codes(answer) for answer in shown[start : start + len(Language)])
        assert others == [first] * len(others)


@pytest.mark.requirement("CARD-4", "CARD-5", "CARD-7", "CARD-23")
def test_detail_is_markdown_that_every_engine_reads(shown: list[Json]) -> None:
    allowed = {
        "paragraph", "inline", "text", "strong", "em", "bullet_list", "list_item", "ordered_list", "table", "thead",
        "tbody", "tr", "th", "td", "link", "blockquote", "softbreak", "text_special",
    }  # fmt: skip
    for card in cards(shown):
        assert "![" not in card["detail"]
        assert not re.search(r" {2,}\n", card["detail"])
        tokens = [t for token in GFM.parse(card["detail"]) for t in (token, *(token.children or ()))]
        kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
        assert kinds <= allowed, kinds - allowed
        for token in tokens:
            if token.type == "link_open":
                assert str(token.attrs["href"]).startswith("https://")
        lines = card["detail"].split("\n")
        for number, line in enumerate(lines):
            if re.fullmatch(r"\|( --- \|)+", line):
                assert lines[number - 2] == ""
                columns = line.count("|")
                rows = [n for n in lines[number - 1 :] if n.startswith("|")]
                assert all(len(re.findall(r"(?<!\\)\|", row)) == columns for row in rows[:2])


HOSTILE = (
    "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![y](https://evil.example/p.png) | a | b | `code` # * _z_ "
    "https://evil.example <script>alert(2)</script>"
)


@pytest.mark.requirement("CARD-5", "CARD-6", "CARD-7", "LINK-2")
def test_words_of_a_report_are_shown_and_do_nothing(ehr: Ehr, pv_ok: Json) -> None:
    text = f"MRI lumbar spine. Marrow edema of L2 and L3 {HOSTILE} with endplate erosion of L2 and L3."
    pv_ok["prefetch"]["reports"] = searchset(report(text))
    found = ehr.cards(pv_ok)["cards"]
    html = "".join(GFM.render(card["detail"]) for card in found)
    assert "evil.example" in html
    assert not re.search(r"<(img|script)", html)
    assert not re.search(r'href="(?!https://)', html)
    assert 'href="https://evil' not in html
    for card in found:
        assert "<img" not in card["detail"]


@pytest.mark.requirement("CARD-8", "RESP-6", "RESP-8")
def test_each_card_stands_for_itself(shown: list[Json]) -> None:
    for card in cards(shown):
        assert len(card["summary"].split()) >= 4
        plain = re.sub(r"\]\(https://\S+\)", "", card["detail"])
        assert "<" not in re.sub(r"<\d|\(<|< ?\d", "", plain)
        words = f"{card['summary']} {card['detail']}".lower()
        assert not re.search(
            r"\b(previous|earlier|other|last|first|next) card\b|see (above|below) card|vorige karte", words
        )


@pytest.mark.requirement("CARD-14", "CARD-15", "CLI-6")
def test_topics_are_stable_codes(shown: list[Json]) -> None:
    for card in cards(shown):
        topic = card["source"]["topic"]
        assert set(topic) == {"system", "code", "display"}
        assert all(topic.values())
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", topic["code"])


@pytest.mark.requirement("CARD-18", "SUGG-3", "SUGG-4")
def test_selection_and_recommendation(shown: list[Json]) -> None:
    for card in cards(shown):
        steps = card.get("suggestions", [])
        recommended = [step["isRecommended"] for step in steps if "isRecommended" in step]
        assert all(one is True for one in recommended)
        assert card.get("selectionBehavior", "any") in {"any", "at-most-one"}
        assert len(recommended) < 2 or card["selectionBehavior"] == "any"


@pytest.mark.requirement("CARD-22", "I18N-4")
def test_every_value_has_a_unit_and_a_date(shown: list[Json]) -> None:
    rows = [
        row
        for card in cards(shown)
        for row in card["detail"].split("\n")
        if row.startswith("| ") and "---" not in row and re.search(r"\| [<>]?\d", row)
    ]
    assert len(rows) > 50
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert any(re.match(r"\d{4}-\d\d-\d\d", cell) for cell in cells), row
        value = next(cell for cell in cells if re.match(r"[<>]?\d", cell) and not re.match(r"\d{4}-\d\d-\d\d", cell))
        # A score has no unit.
        assert re.search(r"\d ?[A-Za-zµ°/%×^]", value) or re.match("Pain|Schmerz|Scor|Durere|Scala", cells[0]), row
    quotes = [line for card in cards(shown) for line in card["detail"].split("\n") if line.startswith("> ")]
    assert quotes
    assert not re.search(r"\b\d{1,2}[./]\d{1,2}[./]\d{4}\b", " ".join(quotes).partition("”")[2])


@pytest.mark.requirement("CARD-24", "LINK-9")
def test_who_the_patient_is_stands_in_no_card(ehr: Ehr, pv_ok: Json) -> None:
    pv_ok["prefetch"]["patient"] = patient(
        name=[{"family": "Zephyrine", "given": ["Quill"]}],
        identifier=[{"system": "https://site.example/mrn", "value": "MRN-771828"}],
        address=[{"text": "Quittenweg 7"}],
        birthDate="1941-07-29",
    )
    answer = ehr.cards(pv_ok)
    texts = json.dumps([[c["summary"], c["detail"], c["source"], c.get("links")] for c in answer["cards"]])
    assert not re.search("Zephyrine|Quill|771828|Quittenweg|1941-07-29", texts)
    assert PATIENT not in texts
    assert "Zephyrine" not in json.dumps(answer)


@pytest.mark.requirement("SUGG-1", "SUGG-2", "SUGG-5", "SUGG-6", "SUGG-10", "ACT-1", "ACT-2", "ACT-6")
def test_suggestions_and_their_actions(shown: list[Json]) -> None:
    seen = []
    for step in suggestions(shown):
        assert set(step) <= SUGGESTION - {"actionSelectionBehavior"}
        assert 0 < len(step["label"]) <= 100
        seen.append(step["uuid"])
        assert str(UUID(step["uuid"])) == step["uuid"]
        assert step["actions"]
        kinds = [one["type"] for one in step["actions"]]
        # One coherent step: several orders of one kind, or one taken back for another.
        assert len(kinds) <= 2
        for one in step["actions"]:
            assert set(one) <= ACTION
            assert one["type"] in {"create", "update", "delete"}
            assert one["description"].strip()
            assert ("resourceId" in one) == (one["type"] == "delete")
    assert len(seen) == len(set(seen)) > 100


@pytest.mark.requirement("SUGG-7", "ACT-8")
def test_new_resources_are_about_the_patient_and_need_no_other(ehr: Ehr) -> None:
    for language, body in scenario_calls():
        answer = ehr.cards(body, **{"Accept-Language": language})
        for one in actions(answer):
            if "resource" not in one or not isinstance(one["resource"], dict):
                continue
            text = json.dumps(one["resource"])
            owner = f"Patient/{body['context']['patientId']}"
            assert owner in text
            if one["type"] == "create":
                assert set(re.findall(r'"reference": "(.*?)"', text)) == {owner}


DICLOFENAC = {"coding": [{"system": "http://www.whocc.no/atc", "code": "M01AB05"}], "text": "Diclofenac 75 mg"}


@pytest.mark.requirement("ACT-5", "ACT-6", "ACT-9")
def test_what_is_deleted_is_a_draft_of_the_session(ehr: Ehr) -> None:
    (body,) = (one for _, one in scenario_calls() if one["context"]["patientId"] == "ibuprofen-low-egfr")
    known = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in body["context"]["draftOrders"]["entry"]}
    deletes = [one for one in actions(ehr.cards(body)) if one["type"] == "delete"]
    assert deletes
    for one in deletes:
        name, other = ("resource", "resourceId") if ehr.version == "1.0" else ("resourceId", "resource")
        assert one[name] in known
        assert other not in one


@pytest.mark.requirement("ACT-11")
def test_codes_of_created_orders_have_real_systems(shown: list[Json]) -> None:
    systems = {
        coding["system"]
        for answer in shown
        for one in actions(answer)
        if one["type"] == "create"
        for coding in one["resource"]
        .get("code", one["resource"].get("medicationCodeableConcept", {}))
        .get("coding", ())
    }
    assert systems <= {
        "http://loinc.org",
        "http://snomed.info/sct",
        "http://www.whocc.no/atc",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
    }
    assert "http://loinc.org" in systems


@pytest.mark.requirement(
    "LINK-1", "LINK-2", "LINK-3", "LINK-4", "LINK-5", "LINK-6", "LINK-7", "LINK-8", "LINK-9", "LINK-10", "LINK-11"
)
def test_links_open_pages_of_this_service(ehr2: Ehr, shown: list[Json]) -> None:
    page = ehr2.http.get("/about/knowledge", headers={"Accept": "text/html"}).text
    published = {urlsplit(url).hostname for url in re.findall(r'href="(https://[^"]+)"', page)}
    for card in cards(shown):
        for link in card["links"]:
            assert set(link) == {"label", "url", "type"}
            assert link["label"].strip()
            assert link["type"] == "absolute"
            parts = urlsplit(link["url"])
            assert (parts.scheme, parts.hostname) == ("https", "spine.example.net")
            assert not parts.query
            assert f'id="{parts.fragment}"' in page
        cited = {urlsplit(url).hostname for url in re.findall(r"\]\((https://[^)]+)\)", card["detail"])}
        assert cited <= published
        assert not any(
            one.get("resource", {}).get("resourceType") == "Task" and "launch" in json.dumps(one)
            for one in actions({"cards": [card]})
        )


@pytest.mark.requirement("OVR-1", "OVR-2", "OVR-4", "OVR-5")
def test_override_reasons_are_the_known_codes(shown: list[Json]) -> None:
    expected = [
        "already-done", "contraindicated", "specialist-involved", "patient-declines", "report-misread",
        "other-diagnosis", "palliative", "other",
    ]  # fmt: skip
    for card in cards(shown):
        reasons = card["overrideReasons"]
        assert [reason["code"] for reason in reasons] == expected
        for reason in reasons:
            assert set(reason) == {"code", "system", "display"}
            assert all(reason.values())
            assert "non-adherence-reason-codes" not in reason["system"]
    assert list(tomllib.loads((ROOT / "cards" / "override_reasons.toml").read_text(encoding="utf-8"))) == expected


@pytest.mark.requirement("RESP-3", "SYS-2", "SYS-3", "SYS-4", "SYS-5", "RESP-7")
def test_nothing_is_done_without_the_user(ehr: Ehr) -> None:
    for language, body in scenario_calls():
        assert set(ehr.cards(body, **{"Accept-Language": language})) == {"cards"}


WHEN = "2026-03-03T10:02:11Z"


@pytest.mark.requirement("FB-1", "FB-2", "FB-12")
def test_feedback_address_and_body(ehr: Ehr, feedback: Callable[..., Json]) -> None:
    path = "/cds-services/marrow-edema-order-sign/feedback"
    assert ehr.http.get(path).status_code == 405
    assert ehr.post("/cds-services/nope/feedback", feedback()).status_code == 404
    for body, status in (({}, 400), ({"feedback": {}}, 400), ({"feedback": []}, 200), (feedback(), 200)):
        assert ehr.post(path, body).status_code == status


@pytest.mark.requirement("FB-3", "FB-4", "FB-5", "FB-6", "FB-7", "FB-8", "FB-9", "FB-11", "FB-15", "OVR-3", "CLI-7")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"card": None}, 400),
        ({"outcome": None}, 400),
        ({"outcomeTimestamp": None}, 400),
        ({"outcome": "ignored"}, 400),
        ({"outcome": "accepted"}, 400),
        ({"outcome": "accepted", "acceptedSuggestions": [{"id": "a"}, {"id": "b"}]}, 200),
        ({}, 200),
        ({"overrideReason": {"reason": {"code": "action-completed", "system": "https://x.example"}}}, 200),
        ({"overrideReason": {"userComment": "seen"}}, 200),
        ({"overrideReason": {"reason": {"code": "z9"}, "userComment": "seen"}}, 200),
        ({"overrideReason": {}}, 200),
        ({"overrideReasons": {"reason": {"code": "site-7"}}}, 200),
        ({"overrideReasons": {"extension": {"com.example.reason": [{"code": "site-8"}]}}}, 200),
        ({"outcomeTimestamp": "2026-03-03T10:02:11.250Z"}, 200),
        ({"outcomeTimestamp": "2026-03-03T10:02:11+00:00"}, 200),
        ({"outcomeTimestamp": "2026-03-01"}, 400),
    ],
)
def test_feedback_items(ehr: Ehr, feedback: Callable[..., Json], changes: Json, status: int) -> None:
    body = feedback(**changes)
    item = body["feedback"][0]
    answer = ehr.post("/cds-services/marrow-edema-order-sign/feedback", body)
    assert answer.status_code == status
    kept = [one for one in ehr.backend.store.feedback() if one.feedback.card == item.get("card")]
    assert len(kept) == (status == 200)
    if not kept:
        assert answer.json["issue"][0]["expression"][0].startswith("feedback[0].")
        return
    found = kept[0].feedback
    assert kept[0].card is None
    assert found.outcome_at.isoformat().startswith("2026-03-03T10:02:11")
    assert len(found.accepted_suggestions) == (2 if item["outcome"] == "accepted" else 0)
    given = str(item.get("overrideReason", item.get("overrideReasons", "")))
    assert found.reason_code in given
    assert bool(found.reason_code) == ("code" in given)
    assert found.comment == ("seen" if "userComment" in given else "")


@pytest.mark.requirement("FB-10")
def test_several_items_and_repeats_are_taken_and_not_counted_twice(ehr: Ehr, feedback: Callable[..., Json]) -> None:
    body = feedback()
    both = {"feedback": [*body["feedback"], *feedback()["feedback"]]}
    for _ in range(2):
        assert ehr.post("/cds-services/marrow-edema-patient-view/feedback", both).status_code == 200
    cards_named = {item["card"] for item in both["feedback"]}
    kept = [one.feedback.card for one in ehr.backend.store.feedback() if one.feedback.card in cards_named]
    assert sorted(kept) == sorted(cards_named)


@pytest.mark.requirement("FB-13", "SEC-9")
def test_feedback_wants_a_token_for_its_own_address(signer: Signer, feedback: Callable[..., Json]) -> None:
    view = "/cds-services/marrow-edema-patient-view"
    path = f"{view}/feedback"
    assert signer.post(feedback(), token=signer.token(view), path=path).status_code == 401
    assert signer.post(feedback(), path=path).status_code == 200


@pytest.mark.requirement("FB-14", "LOG-3")
def test_a_comment_is_capped_and_kept_out_of_the_log(
    ehr: Ehr, feedback: Callable[..., Json], caplog: pytest.LogCaptureFixture
) -> None:
    body = feedback(overrideReason={"userComment": "Grumbling " * 2000})
    with caplog.at_level("DEBUG"):
        assert ehr.post("/cds-services/marrow-edema-patient-view/feedback", body).status_code == 200
    kept = next(one for one in ehr.backend.store.feedback() if one.feedback.card == body["feedback"][0]["card"])
    assert len(kept.feedback.comment) == 4000
    assert "Grumbling" not in caplog.text


@pytest.mark.requirement("SUGG-11")
def test_most_suggestions_are_one_action(shown: list[Json]) -> None:
    counts = [len(step["actions"]) for step in suggestions(shown)]
    assert counts.count(1) > 0.8 * len(counts)


def test_a_drug_is_not_taken_back_by_its_words_alone(ehr2: Ehr, os_ok: Json) -> None:
    drug = draft({}, "MedicationRequest", "d-1", medicationCodeableConcept={"text": DICLOFENAC["text"]})
    assert all(one["type"] == "create" for one in actions(ehr2.cards(ordered(os_ok, drug))))
