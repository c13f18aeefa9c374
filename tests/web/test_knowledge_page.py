"""The knowledge page: purpose, source attributes, every rule at an address that cards can link to."""

import ast
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from selectolax.lexbor import LexborHTMLParser

import cds_service.rules
import fhir_fixtures
from cards.build import CardWriter
from cards.model import Card
from cds_service.app import build_clinic
from cds_service.domain.vocabulary import Language
from cds_service.hooks.review.handbook import Handbook, build_handbook
from cds_service.hooks.services import Hook
from cds_service.knowledge.load import load_knowledge
from cds_service.rules.catalogue import catalogue

BASE = "https://cds.example.org"
# Position of the row among the arguments of a planned card.
ROW = 3
SOURCE_ATTRIBUTES = {
    "Race", "Ethnicity", "Language", "Sexual orientation", "Gender identity", "Sex", "Date of birth",
    "Social determinants of health", "Health status assessments",
}  # fmt: skip


def anchors(page: str) -> list[str]:
    return [str(node.attributes["id"]) for node in LexborHTMLParser(page).css("[id]")]


@pytest.fixture
def page(client: Any) -> str:
    text: str = client.get("/about/knowledge", headers={"Accept": "text/html"}).text
    return text


def test_page_states_purpose_limits_and_that_nobody_signed(page: str) -> None:
    for said in ("Not a CE-marked", "for evaluation", "Not yet signed off", "Intended use", "Absence of a card is not"):
        assert said in page
    assert "DiagnosticReport?patient={{context.patientId}}" in page


@pytest.mark.parametrize("attribute", sorted(SOURCE_ATTRIBUTES))
def test_page_declares_the_source_attribute(page: str, attribute: str) -> None:
    assert f'<th scope="row">{attribute}</th>' in page


@pytest.mark.parametrize("term", ["Bibliographic citations", "Developer", "Funding source", "Release date", "Revision"])
def test_page_names_its_source(page: str, term: str) -> None:
    assert f"<dt>{term}" in page


def test_every_address_on_the_page_is_unique_and_every_local_link_leads_somewhere(page: str) -> None:
    found = anchors(page)
    assert len(found) == len(set(found))
    links = {str(node.attributes["href"]) for node in LexborHTMLParser(page).css('a[href^="#"]')}
    assert {link.removeprefix("#") for link in links} - set(found) == set()


def test_every_rule_row_and_order_rule_has_its_address(page: str) -> None:
    assert {entry.id for entry in catalogue()} - set(anchors(page)) == set()


def rows_named_by(module: Path) -> set[str]:
    """Rows of the cards that a module plans by name, not from a table."""
    calls = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    cards = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in {"PlannedCard", "LaneCard"}]
    rows = [call.args[ROW] for call in cards if len(call.args) > ROW]
    return {str(row.value) for row in rows if isinstance(row, ast.Constant)}


def test_every_row_that_the_rules_name_beside_the_tables_has_its_address(page: str) -> None:
    rules = Path(cds_service.rules.__file__).parent
    named = {row for module in rules.rglob("*.py") for row in rows_named_by(module)}
    assert named == {"SCOPE", "UNREAD", "S5"}
    assert named - set(anchors(page)) == set()


@cache
def cards_of(name: str) -> tuple[Card, ...]:
    scenario = fhir_fixtures.scenario(name)
    context = fhir_fixtures.hook_request(name, {"hook": scenario.hook})["context"]
    clinic = build_clinic()
    evaluation = clinic.evaluator.for_hook(
        Hook(scenario.hook),
        [entry["resource"] for entry in fhir_fixtures.bundle(name)["entry"]],
        patient_id=name,
        as_of=scenario.as_of,
        orders=[entry["resource"] for entry in context.get("draftOrders", {}).get("entry", [])],
        selections=context.get("selections", ()),
    )
    numbers = itertools.count(1)
    writer = CardWriter()
    return writer.write(
        evaluation.assessment,
        Language.EN,
        patient_id=name,
        base_url=BASE,
        new_uuid=lambda: str(UUID(int=next(numbers))),
    )


def test_every_card_of_the_scenarios_links_to_an_address_of_the_page(page: str) -> None:
    cards = [card for name in fhir_fixtures.scenarios() for card in cards_of(name)]
    addresses = {f"{BASE}/about/knowledge#{anchor}" for anchor in anchors(page)}
    assert [card.summary for card in cards if not card.links or card.links[0].url not in addresses] == []
    linked = {link.url.partition("#")[2] for card in cards for link in card.links or ()}
    assert linked >= {"SCOPE", "UNREAD", "S5"}


def test_nothing_is_loaded_from_elsewhere_and_nothing_stands_in_the_page_to_run(client: Any, page: str) -> None:
    policy = client.get("/about/knowledge").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    tree = LexborHTMLParser(page)
    assert tree.css("iframe, [style], [onclick]") == []
    loaded = [node.attributes.get("href") or node.attributes.get("src") for node in tree.css("link, script, img")]
    assert set(loaded) == {"/static/style.css", "/static/icon.svg", "/static/theme.js"}
    assert [node.text() for node in tree.css("script")] == [""]


def test_tables_and_headings_can_be_heard(page: str) -> None:
    tree = LexborHTMLParser(page)
    assert len(tree.css("h1")) == 1
    assert [table for table in tree.css("table") if not table.css("caption")] == []
    assert [cell for cell in tree.css("th") if cell.attributes.get("scope") not in {"row", "col"}] == []


@pytest.mark.parametrize(
    ("language", "words"), [("en", "consider CRP"), ("de", "erwägen"), ("ro", "de avut în vedere")]
)
def test_card_texts_come_in_the_language_asked_for(client: Any, language: str, words: str) -> None:
    text = client.get(f"/about/knowledge?lang={language}").text
    cards = LexborHTMLParser(text).css_first(f'div[lang="{language}"]')
    assert cards is not None
    assert words in cards.text()


@pytest.mark.parametrize("query", ["lang=fr", "format=pdf"])
def test_what_does_not_exist_is_refused(client: Any, query: str) -> None:
    answer = client.get(f"/about/knowledge?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


def test_json_by_preference_or_by_query(client: Any) -> None:
    preferred = client.get("/about/knowledge", headers={"Accept": "application/json"})
    asked = client.get("/about/knowledge?format=json", headers={"Accept": "text/html"})
    assert preferred.json == asked.json
    assert client.get("/about/knowledge?format=html", headers={"Accept": "application/json"}).mimetype == "text/html"
    document = asked.json
    assert {attribute["name"] for attribute in document["sourceAttributes"]["patientData"]} == SOURCE_ATTRIBUTES
    assert document["review"]["signed_off"] is False
    assert {rule["id"] for rule in document["rules"]} == {entry.id for entry in catalogue()}
    assert document["siteOverlay"] == []
    assert any(reference["title"] for reference in document["references"])


def overlaid(tmp_path: Path) -> Handbook:
    overlay = tmp_path / "site.toml"
    overlay.write_text('[parameters.crp_raised]\nvalue = 8.0\nreason = "committee"\n[switches]\nesr_enabled = false\n')
    return build_handbook(load_knowledge(overlay))


def test_site_values_in_force_are_shown(world: Any, tmp_path: Path) -> None:
    site = world.client(handbook=overlaid(tmp_path))
    assert '<th scope="row">crp_raised</th><td>8</td>' in site.get("/about/knowledge").text
    document = site.get("/about/knowledge?format=json").json
    assert [each["name"] for each in document["siteOverlay"]] == ["crp_raised"]
    assert document["switches"]["esr_enabled"] is False
    assert replace(world.backend.handbook).overlaid == ()


def test_about_shows_the_same(client: Any, page: str) -> None:
    assert client.get("/about").text == page
