"""Whole cards: every text in every language, nothing empty on the wire, planned order, stable bytes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cards.build import compose_summary
from cards.template import parse
from cds_service.domain.assessment import Draft, DraftKind
from cds_service.domain.facts import Provenance
from cds_service.domain.vocabulary import Indicator, Lane, Language

GOLDEN = Path(__file__).parent / "golden"
ON_A_DRAFT = {DraftKind.DELETE_ORDER, DraftKind.RAISE_PRIORITY, DraftKind.ADD_REQUEST_NOTE}
ALL_DRAFTS = tuple(
    Draft(kind, target=Provenance("ServiceRequest/o-1"), note="histology-and-culture")
    if kind in ON_A_DRAFT
    else Draft(kind)
    for kind in DraftKind
)
SESSION = {"ServiceRequest/o-1": {"resourceType": "ServiceRequest", "id": "o-1", "status": "draft"}}


def walk(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from walk(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from walk(member, f"{path}[{index}]")


def empty_members(card: dict[str, Any]) -> list[str]:
    return [path for path, value in walk(card) if value is None or value in ("", [], {})]


def test_nothing_on_the_wire_is_null_or_empty(make: Any, text_id: str, language: Language) -> None:
    card = make.write(make.card(text_id, drafts=ALL_DRAFTS), language=language, session=SESSION)[0]
    assert empty_members(card) == []
    assert len(card["suggestions"]) == len(DraftKind)


def test_card_without_any_fact_is_still_complete(make: Any, text_id: str, language: Language) -> None:
    bare = make.card(
        text_id, causes=(), params={}, levels=(), drafts=(), evidence=(), missing=(), rule_ids=(), order=None, row=""
    )
    outer = {"labs": (), "gaps": (), "conflicts": (), "citations": {}, "rules": (), "knowledge_version": ""}
    card = make.write(bare, language=language, base_url="", **outer)[0]
    assert empty_members(card) == []
    assert set(card) == {"uuid", "summary", "indicator", "detail", "source", "overrideReasons"}
    assert card["detail"].count("\n- ") >= 2


def test_topic_code_is_the_text_id_without_signs(make: Any, text_id: str) -> None:
    card = make.write(make.card(text_id))[0]
    assert card["source"]["topic"]["code"] == text_id.replace("-", "")


def test_topic_codes_are_distinct(make: Any) -> None:
    codes = [text_id.replace("-", "") for text_id in make.text_ids]
    assert len(codes) == len(set(codes))


def test_cards_keep_the_planned_order(make: Any) -> None:
    planned = [make.card(text_id) for text_id in ("C80", "C01", "C11")]
    cards = make.write(*planned)
    assert [card["source"]["topic"]["code"] for card in cards] == ["C80", "C01", "C11"]


def test_uuids_are_valid_and_never_repeat(make: Any) -> None:
    cards = make.write(make.card("C11", drafts=ALL_DRAFTS), make.card("C80"), session=SESSION)
    found = [value for path, value in walk(cards) if path.endswith(".uuid")]
    assert len(found) == len(set(found)) == 2 + len(DraftKind) + 1
    assert all(str(UUID(value)) == value for value in found)


def test_codes_and_ids_are_the_same_in_all_languages(make: Any) -> None:
    def fixed(language: Language) -> list[Any]:
        cards = make.write(make.card("C11", drafts=ALL_DRAFTS), language=language, session=SESSION)
        ends = (".code", ".system", ".uuid", ".url")
        return [found for found in walk(cards) if found[0].endswith(ends) and isinstance(found[1], str)]

    assert fixed(Language.DE) == fixed(Language.EN) == fixed(Language.RO)


def test_links_exist_only_where_the_public_address_is_known(make: Any) -> None:
    with_address = make.write(make.card(), base_url="https://cds.example/")[0]
    assert with_address["links"] == [
        {"label": "Why this card: rule B1", "url": "https://cds.example/about/knowledge#B1", "type": "absolute"}
    ]
    assert with_address["source"]["url"] == "https://cds.example/about"
    without = make.write(make.card(), base_url="")[0]
    assert "links" not in without
    assert "url" not in without["source"]


def test_public_address_that_no_browser_opens_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="no absolute address"):
        make.write(make.card(), base_url="cds.example")


def test_row_cannot_break_out_of_the_link(make: Any) -> None:
    card = make.write(make.card(row='B1"><script>'))[0]
    assert card["links"][0]["url"] == "https://cds.example/about/knowledge#B1script"


def test_warning_takes_its_own_words(make: Any) -> None:
    critical = make.write(make.card("C01", lane=Lane.SAFETY, indicator=Indicator.CRITICAL))[0]
    warning = make.write(make.card("C01", lane=Lane.SAFETY, indicator=Indicator.WARNING))[0]
    assert "emergency spine referral now" in critical["summary"]
    assert "no deficit charted" in warning["summary"]
    assert [critical["indicator"], warning["indicator"]] == ["critical", "warning"]


@pytest.mark.parametrize("fracture_text", ["C30", "C31-T", "C31-S"])
def test_summary_gives_no_plan_beside_an_open_question(make: Any, fracture_text: str) -> None:
    whole = make.write(make.card(fracture_text))[0]["summary"]
    reduced = make.write(make.card(fracture_text, drop_lines=("plan",)))[0]["summary"]
    assert len(reduced) < len(whole)
    assert not [word for word in ("mobilisation", "activity", "pausing") if word in reduced]


def test_long_values_leave_parts_out_and_never_cut() -> None:
    template = parse("A summary[ ({level})]: consider this[ for {reason}]", "test")
    fits = {"level": "L4", "reason": "x"}
    assert compose_summary(template, fits) == "A summary (L4): consider this for x"
    assert compose_summary(template, {"level": "L4", "reason": "x" * 130}) == "A summary (L4): consider this"
    assert compose_summary(template, {"level": "🦴" * 70, "reason": "x"}) == "A summary: consider this"


def test_unknown_text_is_an_error(make: Any) -> None:
    with pytest.raises(KeyError):
        make.write(make.card("C99"))


def test_patient_id_stands_only_in_references(make: Any) -> None:
    cards = make.write(make.card("C11", drafts=ALL_DRAFTS), session=SESSION)
    naming = {path.rsplit(".", 1)[1] for path, value in walk(cards) if isinstance(value, str) and "pat-1" in value}
    assert naming == {"reference"}


GOLDEN_CARDS: dict[str, tuple[str, Language, dict[str, Any]]] = {
    "suspected-infection": ("C11", Language.EN, {"indicator": Indicator.WARNING, "add_lines": ("c13",)}),
    "conservative-plan": ("C80", Language.DE, {"lane": Lane.PLAN, "row": "E6", "add_lines": ("labs-pending",)}),
    "nsaid-order": ("O-NSAID", Language.RO, {"lane": Lane.ORDER, "row": "O-NSAID-b"}),
}


@pytest.mark.parametrize("name", GOLDEN_CARDS)
def test_card_is_byte_for_byte_the_recorded_one(make: Any, name: str) -> None:
    text_id, chosen, changes = GOLDEN_CARDS[name]
    written = json.dumps(make.write(make.card(text_id, **changes), language=chosen), ensure_ascii=False, indent=2)
    assert written + "\n" == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
