"""Every requirement has a home: a test that carries its id, or a reason."""

import re

import pytest

from tests.conformance.registry import (
    APPLIES,
    DOCUMENT,
    FAILS,
    HANDLINGS,
    PASSES,
    SECTIONS,
    STRENGTHS,
    carriers,
    kept_results,
    render,
    requirements,
    results_of,
    verdict,
)


def test_every_number_of_every_section_is_listed_once() -> None:
    expected = [f"{section}-{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert [one.id for one in requirements()] == expected


def test_entries_are_well_formed() -> None:
    for one in requirements():
        assert one.strength in STRENGTHS
        assert one.versions in APPLIES
        assert one.binds in {"service", "client", "both"}
        assert one.handling in HANDLINGS
        assert re.fullmatch(r"[A-Z0-9][^|]{10,150}\.", one.says)
        assert one.reason or one.handling == "tested", one.id
        assert "|" not in one.reason


def test_markers_name_known_requirements() -> None:
    assert set(carriers()) - {one.id for one in requirements()} == set()


def test_what_binds_the_service_has_a_test_or_a_reason() -> None:
    tested = carriers()
    alone = [one.id for one in requirements() if one.id not in tested and one.handling not in {"argued", "not ours"}]
    assert alone == []


def test_no_shall_is_argued_away() -> None:
    argued = [one for one in requirements() if one.handling in {"argued", "not ours"}]
    assert {one.strength for one in argued} <= {"SHOULD", "SHOULD*", "SHOULD NOT", "SHOULD NOT*", "note"}
    assert all(one.strength == "note" for one in argued if one.handling == "not ours")


def test_the_kept_document_is_current_and_nothing_in_it_fails() -> None:
    kept = kept_results()
    assert render(kept) == DOCUMENT.read_text(encoding="utf-8"), "make conformance"
    assert [name for (name, _), result in kept.items() if result == FAILS] == []
    assert {verdict(one, kept) for one in requirements()} == {PASSES, "argued", "not ours"}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([("A-1", "", PASSES)], {("A-1", p): PASSES for p in ("1.0", "2.0", "3.0")}),
        ([("A-1", "2.0", FAILS), ("A-1", "2.0", PASSES)], {("A-1", "2.0"): FAILS}),
        ([("A-1", "2.0", PASSES), ("A-1", "2.0", FAILS)], {("A-1", "2.0"): FAILS}),
    ],
)
def test_one_failure_is_a_failure(outcomes: list[tuple[str, str, str]], expected: dict[tuple[str, str], str]) -> None:
    assert results_of(outcomes) == expected
