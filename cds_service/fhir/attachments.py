"""Turns an Attachment into text: plain, HTML or PDF, with bounded size; anything else is said to be unread."""

import base64
import binascii
import codecs
import html
import re
from collections import Counter
from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser

from cds_service.domain.facts import GapCode
from cds_service.fhir.failure import MOST_BYTES, MOST_CHARACTERS, Failure
from cds_service.fhir.node import Node

_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n\s*\n\s*")
# A line break before every block keeps paragraphs, rows and list items apart.
_BLOCK = re.compile(
    r"<(?=/?(?:p|div|br|li|tr|h[1-6]|table|ul|ol|dl|dt|dd|section|article|header|footer|hr|pre)\b)", re.IGNORECASE
)
# The parser looks through all open elements at many tags, so its work can grow with the square of their number.
_NESTING = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})")
_EMPTY_ELEMENTS = frozenset({"br", "hr", "img", "input", "meta", "link", "col", "wbr"})
_MOST_TAGS = 20_000
_DEEPEST_MARKUP = 1_000
_TAG = re.compile(r"<[^<>]*>")
_CELL = re.compile(r"<(?=/?(?:td|th)\b)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_\-]{1,40})", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_\-:.]{1,40})", re.IGNORECASE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s_-]")
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
_PDF_TYPES = frozenset({"application/pdf", "application/x-pdf", "text/pdf"})
_TEXT_TYPES = frozenset(
    {"text/plain", "text/markdown", "text/x-markdown", "text", "txt", "text/txt", "plain/text", "plain"}
)
_FEWEST_PROSE_WORDS = 3
# Single-byte sets that reports of these languages still come in.
_FALLBACKS = {"ro": "cp1250"}


def attachment_text(attachment: Node, *, language: str = "", in_time: Callable[[], bool] = lambda: True) -> str:
    """Return the readable text of an Attachment, or an empty text and a gap; ``in_time`` ends a document too slow.

    A declared charset is followed; without one the text is taken as UTF-8, else as the usual set of the language.
    """
    declared = attachment.text("contentType")
    try:
        data = _bytes(attachment)
        text = _some(tidy(_convert(attachment, data, declared, language, in_time)))
    except Failure as failure:
        image = declared.lower().startswith(("image/", "video/", "audio/", "application/dicom"))
        attachment.note(failure.code, "data", clinical=not image, reason=failure.reason)
        return ""
    return text


def _some(text: str) -> str:
    """Return the text. Raises Failure when there is none: "see attachment" may be all that the report says else."""
    if not text:
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "without-text")
    return text


def tidy(text: str) -> str:
    """Collapse blanks and empty lines; line ends stay."""
    lines = _BLANKS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", ""))
    return _EMPTY_LINES.sub("\n\n", "\n".join(line.strip() for line in lines.split("\n"))).strip()


def html_text(markup: str) -> str:
    """Return the visible text of HTML, one line for each block."""
    spaced = _CELL.sub(" <", _BLOCK.sub("\n<", markup[: MOST_CHARACTERS * 10]))
    if _is_too_deep(spaced):
        # no report is built like that; all of its words stay, also those that a page would hide
        return tidy(html.unescape(_TAG.sub("", spaced)))
    tree = LexborHTMLParser(spaced)
    for hidden in tree.css("script, style, head, template, noscript"):
        hidden.decompose()
    body = tree.body or tree.root
    return tidy(body.text(deep=True, separator="")) if body is not None else ""


def _is_too_deep(markup: str) -> bool:
    """Tell whether there are more tags, or more of them stand open, than any report has; one pass over the text."""
    if markup.count("<") > _MOST_TAGS:
        return True
    depth = 0
    standing: Counter[str] = Counter()
    for match in _NESTING.finditer(markup):
        name = match[2].lower()
        if not match[1] and name not in _EMPTY_ELEMENTS:
            standing[name] += 1
            depth += 1
        elif match[1] and standing[name]:
            standing[name] -= 1
            depth -= 1
        if depth > _DEEPEST_MARKUP:
            return True
    return False


def _bytes(attachment: Node) -> bytes:
    data = attachment.body.get("data")
    if not isinstance(data, str) or not data.strip():
        reason = "only-a-link" if attachment.has("url") else "no-data"
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, reason)
    if len(data) > MOST_BYTES * 4 // 3:
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "too-large")
    if _is_prose(data):
        attachment.note(GapCode.INVALID_VALUE, "data", reason="not-encoded")
        return data.encode("utf-8", "surrogatepass")
    compact = "".join(data.split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(
            compact + "=" * (-len(compact.rstrip("=")) % 4 if "=" not in compact else 0), validate=True
        )
    except (binascii.Error, ValueError) as error:
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "base64") from error


def _is_prose(data: str) -> bool:
    """Tell whether somebody put the text itself where encoded data belong."""
    words = data[:400].split()
    return (
        bool(_NOT_BASE64.search(data[:400]))
        and sum(word.strip(".,:;()").isalpha() for word in words) >= _FEWEST_PROSE_WORDS
    )


def _convert(attachment: Node, data: bytes, declared: str, language: str, in_time: Callable[[], bool]) -> str:
    kind = declared.partition(";")[0].strip().lower()
    if not kind:
        attachment.note(GapCode.MISSING_VALUE, "contentType")
    if kind in _PDF_TYPES or data[:5] == b"%PDF-":
        from cds_service.fhir.pdf import pdf_text  # noqa: PLC0415 - slow to load and seldom needed

        return pdf_text(attachment, data, in_time)
    if data[:5] == b"{\\rtf" or kind in {"application/rtf", "text/rtf", "text/richtext"}:
        raise Failure(GapCode.ATTACHMENT_TYPE, "rtf")
    if kind in _HTML_TYPES or (not kind and data[:200].lstrip()[:1] == b"<"):
        return html_text(_decoded(attachment, data, declared, language))
    if kind in _TEXT_TYPES or not kind or (kind == "application/octet-stream" and _is_text(data)):
        return _decoded(attachment, data, declared, language)
    raise Failure(GapCode.ATTACHMENT_TYPE, kind if re.fullmatch(r"[a-z]+/[a-z0-9.+\-]{1,60}", kind) else "unknown")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in data


def _decoded(attachment: Node, data: bytes, declared: str, language: str) -> str:
    """Decode by byte order mark, then as declared, then as UTF-8, then by the fallback; undeclared sets are noted."""
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return data.decode("utf-16", "replace")
    match = _CHARSET.search(declared)
    meta = _META_CHARSET.search(data[:2000])
    named = match.group(1) if match else (meta.group(1).decode("ascii") if meta else "")
    for charset in filter(None, (named, "utf-8-sig")):
        try:
            text = data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
        if charset == named or not named:
            return text
        attachment.note(GapCode.INVALID_VALUE, "contentType", reason="charset")
        return text
    if b"\x00" in data:
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "binary")
    attachment.note(GapCode.INVALID_VALUE, "contentType", reason="charset")
    return data.decode(_FALLBACKS.get(language[:2].lower(), "cp1252"), "replace")
