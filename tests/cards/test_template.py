"""Sentences with placeholders and optional parts."""

import pytest

from cards.template import parse
from cds_service.errors import KnowledgeError


@pytest.mark.parametrize(
    ("source", "values", "text"),
    [
        ("Plain sentence.", {}, "Plain sentence."),
        ("Seen: {evidence}.", {"evidence": "edema"}, "Seen: edema."),
        ("Seen: {evidence}.", {}, None),
        ("Seen: {evidence}.", {"evidence": ""}, None),
        ("Seen[ ({level})]: now", {"level": "L4"}, "Seen (L4): now"),
        ("Seen[ ({level})]: now", {}, "Seen: now"),
        ("[A {a}. ][B {b}. ]End.", {"b": "2"}, "B 2. End."),
        ("[{where}: ]lost", {"where": "x"}, "x: lost"),
    ],
)
def test_filling(source: str, values: dict[str, str], text: str | None) -> None:
    assert parse(source, "test").fill(values) == text


def test_optional_parts_are_skipped_from_the_end() -> None:
    template = parse("x[ {a}][ {b}] y[ {c}]", "test")
    values = {"a": "1", "b": "2", "c": "3"}
    assert [template.fill(values, skip_optional=n) for n in range(4)] == ["x 1 2 y 3", "x 1 2 y", "x 1 y", "x y"]


def test_placeholders_and_required_placeholders_are_known() -> None:
    template = parse("{a}[ {b}]", "test")
    assert sorted(template.names) == ["a", "b"]
    assert sorted(template.required) == ["a"]


@pytest.mark.parametrize("source", ["{a", "a}", "{A}", "[{a}", "{a}]", "[[{a}]]", "[no placeholder]", "{ a }"])
def test_broken_sentence_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(KnowledgeError, match=r"en\.toml: key"):
        parse(source, "en.toml: key")
