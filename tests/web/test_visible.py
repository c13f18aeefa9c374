"""Text from outside on a page: what would act unseen is named, everything else stays as it is."""

import unicodedata

import pytest

from cds_service.web.visible import pretty_json, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Marrow edema", "Marrow edema"),
        ("Ödem µ → „Th11“\n\tnext", "Ödem µ → „Th11“\n\tnext"),
        ("abc\u202edef", "abc[U+202E]def"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("a\x00b\x1bc", "a[U+0000]b[U+001B]c"),
        ("co\u00adoperate", "co\u00adoperate"),
        ("line\u2028line\ufeff\U000e0041", "line[U+2028]line[U+FEFF][U+E0041]"),
        (12, "12"),
    ],
)
def test_hidden_characters_are_named(text: object, shown: str) -> None:
    assert visible(text) == shown


def test_nothing_that_is_hidden_is_left_out() -> None:
    kept = {"\n", "\t", "\r", "\u00ad", "\u200c", "\u200d"}
    every = (chr(number) for number in range(0x3000) if unicodedata.category(chr(number)) in {"Cc", "Cf", "Zl", "Zp"})
    assert [character for character in every if character not in kept and visible(character) == character] == []


def test_json_is_indented_and_names_hidden_characters() -> None:
    assert pretty_json({"a": ["ö", "\u202e"]}) == '{\n  "a": [\n    "ö",\n    "[U+202E]"\n  ]\n}'
