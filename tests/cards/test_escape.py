"""Text from the chart stays readable and does nothing, whatever stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards.escape import markdown_text, one_line, plain_text, shortened

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PIECES = st.sampled_from(
    ["<", ">", "&", "&lt;", "[", "]", "(", ")", "!", "*", "_", "`", "|", "~", "#", "\\", "\n", "\r", "://", "www.", "@",
     "http", "javascript:", "img src=x", "script", "- ", "1. ", "\u202e", "\u200b", "\x00", "\ud800", "L4", " ", "."]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Marrow edema of L4, 5 mm, CRP <5 mg/L.", "Marrow edema of L4, 5 mm, CRP <5 mg/L."),
        ("height loss > 20 % & kyphosis", "height loss > 20 % & kyphosis"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("</b><!-- x --><?php", "&lt;/b>&lt;!-- x -->&lt;?php"),
        ("&lt;script&gt; &#60;b", "&amp;lt;script&amp;gt; &amp;#60;b"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        ("| a | b |", r"\| a \| b \|"),
        ("*bold* _it_ `code` ~~gone~~ a\\b", r"\*bold\* \_it\_ \`code\` \~\~gone\~\~ a\\b"),
        ("see https://evil.example or www.evil.example", "see https: //evil.example or www .evil.example"),
        ("mail a@b.example", "mail a (at) b.example"),
        ("line\none\r\n\ttwo\u2028three", "line one two three"),
        ("a\u202eb\u200bc\x00d\ud800e\ue000", "abcde"),
    ],
)
def test_text_is_shown_literally(text: str, written: str) -> None:
    assert markdown_text(text) == written


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_markup_survives_in_a_quote(text: str) -> None:
    tokens = GFM.parse(f"> “{markdown_text(text)}” – 2026-11-02")
    inline = [child.type for token in tokens for child in token.children or []]
    assert [token.type for token in tokens] == [
        "blockquote_open", "paragraph_open", "inline", "paragraph_close", "blockquote_close"
    ]  # fmt: skip
    assert set(inline) <= {"text", "text_special"}


@given(st.lists(PIECES, max_size=40).map("".join))
def test_table_cell_keeps_its_row_intact(text: str) -> None:
    html = GFM.render(f"| Test | Value |\n| --- | --- |\n| CRP | x{markdown_text(text)} |")
    assert html.count("<td>") == 2


@given(st.lists(PIECES, max_size=40).map("".join))
def test_plain_text_has_no_active_character(text: str) -> None:
    written = plain_text(text, 30)
    assert len(written) <= 30
    assert not set(written) & set("\\`*_[]|~<>#\n\r\t\u202e\u200b\x00")
    assert "://" not in written


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        ("unbroken", 5, "unbr…"),
        ("one, two", 6, "one…"),
    ],
)
def test_long_text_is_cut_between_words(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short


def test_one_line_trims_and_joins() -> None:
    assert one_line("  a \u00a0 b\v\fc ") == "a b c"
