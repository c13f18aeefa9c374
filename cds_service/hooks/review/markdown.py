"""Small pieces of Markdown: cells, tables, links to references."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cds_service.domain.assessment import Citation

_NOT_READ = {"K": "known, to be re-read", "partial": "read in part"}


def cell(value: object) -> str:
    """One table cell: no bar and no line break."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a table, closed by an empty line."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(cell(value) for value in row)} |"
    yield ""


def bullets(items: Iterable[str]) -> Iterator[str]:
    """Lines of a list, closed by an empty line."""
    for item in items:
        yield f"- {item}"
    yield ""


def provenance(citation: Citation) -> str:
    """How far a reference was read, in words."""
    read = _NOT_READ.get(citation.provenance, "read")
    return f"{read}; detail to be verified" if citation.verify else read


def references(names: Iterable[str], citations: Mapping[str, Citation]) -> str:
    """Ids of references as links, each with how far it was read; "none" where there is none."""
    found = [citations[name] for name in names]
    linked = (f"[{one.id}]({one.url})" if one.url else one.id for one in found)
    return ", ".join(f"{text} ({provenance(one)})" for text, one in zip(linked, found, strict=True)) or "none"
