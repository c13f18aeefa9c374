"""Text of a PDF, with bounded work; loaded only when one arrives."""

import io
import logging
from collections.abc import Callable

from pypdf import Configuration, PdfReader, apply_configuration

from cds_service.domain.facts import GapCode
from cds_service.fhir.failure import MOST_CHARACTERS, Failure
from cds_service.fhir.node import Node

_MOST_PAGES = 40
# A page of a report has a few thousand drawing operators; a small file can unpack to millions of them.
_MOST_OPERATORS = 60_000
_OPERATORS_AT_ONCE = 500
_MOST_BYTES_UNPACKED = 4_000_000
# Far below the bounds of the library, which are made for books and plans; beyond them it fails.
_PDF_BOUNDS = Configuration(
    maximum_declared_stream_length=_MOST_BYTES_UNPACKED,
    array_based_stream_maximum_output_length=_MOST_BYTES_UNPACKED,
    lzw_maximum_output_length=_MOST_BYTES_UNPACKED,
    run_length_maximum_output_length=_MOST_BYTES_UNPACKED,
    zlib_maximum_output_length=_MOST_BYTES_UNPACKED,
    stream_decoding_work_maximum_length=4 * _MOST_BYTES_UNPACKED,
    stream_parsing_work_maximum_count=150_000,
    page_tree_maximum_entries=10_000,
    page_tree_maximum_page_entries=100_000,
    xform_maximum_invocations_per_extraction=200,
    jbig2dec_binary=None,
)
# The parser complains with pieces of the document, and a document speaks of a patient.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def pdf_text(attachment: Node, data: bytes, in_time: Callable[[], bool]) -> str:
    """Return the text of a PDF, as far as it is read in time. Raises Failure."""
    try:
        with apply_configuration(_PDF_BOUNDS):
            text = _pages(attachment, PdfReader(io.BytesIO(data)), in_time)
    except Failure:
        raise
    except Exception as error:
        # a damaged or hostile file makes the parser fail in any way, asserts of its own included
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "pdf") from error
    if not text.strip():
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "pdf-without-text")
    return text


class _TooManyOperators(Exception):  # noqa: N818 - ends a loop, is no fault of the program
    """The pages hold more than a report can, or more than there is time for."""


class _OperatorBound:
    """Ends the extraction of text when a document draws without end, or when the time of the call is over."""

    def __init__(self, in_time: Callable[[], bool]) -> None:
        self._left = _MOST_OPERATORS
        self._in_time = in_time

    def count(self, *_operator: object) -> None:
        """Count one drawing operator. Raises _TooManyOperators."""
        self._left -= 1
        if self._left < 0 or (self._left % _OPERATORS_AT_ONCE == 0 and not self._in_time()):
            raise _TooManyOperators


def _pages(attachment: Node, reader: PdfReader, in_time: Callable[[], bool]) -> str:
    if reader.is_encrypted and not reader.decrypt(""):
        raise Failure(GapCode.ATTACHMENT_UNREADABLE, "encrypted")
    pages = reader.pages
    parts: list[str] = []
    bound = _OperatorBound(in_time)
    for page in pages[:_MOST_PAGES]:
        if not in_time():
            break
        try:
            parts.append(page.extract_text(visitor_operand_before=bound.count))
        except _TooManyOperators:
            break
        if sum(map(len, parts)) > MOST_CHARACTERS:
            break
    if len(pages) > len(parts):
        attachment.note(GapCode.REPORT_TRUNCATED, "data", clinical=True)
    return "\n".join(parts)
