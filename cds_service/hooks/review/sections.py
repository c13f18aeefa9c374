"""The sections of the catalogue that a clinician reviews and signs, each as lines of Markdown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from cds_service.domain.vocabulary import Language
from cds_service.hooks.review.cases import CaseIndex
from cds_service.hooks.review.handbook import Handbook, added_lines, card_texts
from cds_service.hooks.review.markdown import bullets, provenance, references, table
from cds_service.rules.catalogue import CatalogueEntry, EntryKind
from cds_service.rules.derive import VARIABLES

_MOST_CASES = 12
_STATE_CASES = (
    "safety_cases/",
    "answers/",
    "denials/",
    "force/",
    "obstacles/",
    "patients/",
    "reading/",
    "symptoms/",
    "order_requests/",
)


@dataclass(frozen=True, slots=True)
class Review:
    """What a document is written from. ``languages`` are those in which card texts are shown."""

    handbook: Handbook
    cases: CaseIndex = field(default_factory=CaseIndex)
    languages: tuple[Language, ...] = (Language.EN,)


def _use(review: Review) -> Iterator[str]:
    book = review.handbook
    about = book.statements.about
    yield f"**{about.status}** {book.statements.review.statement}\n"
    yield f"Knowledge version {book.version}, last clinical change {book.revised}; software {book.software}.\n"
    yield f"{about.intended_use}\n"
    yield from bullets(
        (f"Users: {about.users}", f"Input: {about.input}", f"Output: {about.output}", f"Method: {about.method}")
    )
    yield "What it is not:\n"
    yield from bullets(about.not_for)
    yield "Limits:\n"
    yield from bullets(about.limits)
    yield "Source attributes:\n"
    yield from table(("Attribute", "Used", "How"), ((a.name, a.used, a.text) for a in book.statements.attributes))
    yield from bullets(
        (f"Developer: {about.developer}", f"Funding source: {about.funding}", f"First release: {about.first_release}")
    )


def _thresholds(review: Review) -> Iterator[str]:
    book = review.handbook
    rows = (
        (
            each.name,
            f"{each.number.value:g}" + (" (site)" if each.number.overridden else ""),
            each.number.unit,
            f"{each.number.lowest:g} to {each.number.highest:g}",
            each.number.since,
            each.number.basis,
            ", ".join(each.number.evidence),
        )
        for each in book.parameters
    )
    yield from table(("Name", "Value", "Unit", "Range", "Since", "Basis", "References"), rows)
    yield from table(("Switch", "Value"), ((name, "on" if value else "off") for name, value in book.switches.items()))


def _variables(review: Review) -> Iterator[str]:
    rules = review.handbook.of_kind(EntryKind.RULE)
    yield "In the order in which they are decided; a rule may ask only for variables above its own.\n"
    meanings = review.handbook.statements.variables
    rows = (
        (name, meanings[name], ", ".join(rule.id for rule in rules if rule.outcome == name))
        for name in (variable.name for variable in VARIABLES)
    )
    yield from table(("Variable", "Meaning and values", "Rules that argue about it"), rows)


def _some(cases: tuple[str, ...]) -> str:
    more = f", and {len(cases) - _MOST_CASES} more" if len(cases) > _MOST_CASES else ""
    return "; ".join(cases[:_MOST_CASES]) + more


def _entry(entry: CatalogueEntry, review: Review) -> Iterator[str]:
    yield f"### {entry.id}\n"
    yield f"{entry.sentence}\n"
    yield f"- leads to: {entry.outcome}"
    yield f"- references: {references(entry.evidence, review.handbook.citations)}"
    firing, silent = review.cases.firing(entry.id), review.cases.silent(entry.id)
    if firing:
        yield f"- shown by: {_some(firing)}"
    if silent:
        yield f"- silent in: {_some(silent)}"
    yield ""


def _entries(kind: EntryKind, title: str) -> Callable[[Review], Iterator[str]]:
    def lines(review: Review) -> Iterator[str]:
        for name, members in groupby(review.handbook.of_kind(kind), key=lambda entry: entry.field):
            yield f"## {title}: {name}\n"
            for entry in members:
                yield from _entry(entry, review)

    return lines


def _rules(review: Review) -> Iterator[str]:
    yield (
        "Every rule also falls silent in one of its cases when a fact that it needs is taken away; a test holds it to "
        "that.\n"
    )
    yield from _entries(EntryKind.RULE, "Rules")(review)


def _tables(review: Review) -> Iterator[str]:
    yield "In each table the first row that applies decides; rows stand in the order in which they are tried.\n"
    yield from _entries(EntryKind.ROW, "Rows of the decision table")(review)


def _texts(review: Review) -> Iterator[str]:
    yield "A {placeholder} is filled from the facts; a part in [brackets] is left out when its value is unknown.\n"
    for language in review.languages:
        yield f"## Card texts: {language.value}\n"
        for text in card_texts(language):
            yield f"### {text.id}: {text.title}\n"
            yield f"{text.summary}\n"
            yield from bullets(text.lines)
        yield f"### Lines added to several cards ({language.value})\n"
        yield from bullets(f"{name}: {line}" for name, line in added_lines(language).items())


def _not_suggested(review: Review) -> Iterator[str]:
    book = review.handbook
    for each in book.statements.refusals:
        asked = f" When it is ordered: {', '.join(each.rules)}." if each.rules else ""
        found = references(each.evidence, book.citations)
        yield f"- **{each.subject}** ({each.id}): {each.reason}{asked} References: {found}."
    yield ""


def _background(review: Review) -> Iterator[str]:
    book = review.handbook
    for each in book.statements.background:
        yield f"- **{each.id}**: {each.text} References: {references(each.evidence, book.citations)}."
    yield ""


def _safety(review: Review) -> Iterator[str]:
    cases = [case for case in review.cases.cases.values() if case.id.startswith(_STATE_CASES)]
    if not cases:
        yield "The case files are part of the source distribution; name the folder of the tests to list them.\n"
        return
    rows = ((case.id, case.situation, "; ".join(case.cards) or "no card") for case in cases)
    yield from table(("Case", "Situation", "Cards in order"), rows)


def _coverage(review: Review) -> Iterator[str]:
    coverage = review.handbook.coverage
    yield "Support: S supported, W weak or dependent on context, C contradicted by better evidence, n/a descriptive.\n"
    yield from bullets(f"{letter}: {text}." for letter, text in coverage.sources.items())
    rows = (
        (
            row.id,
            row.statement,
            row.support,
            row.use,
            ", ".join(row.homes) or f"not used: {row.unused}",
            "; ".join(row.cases) or "–",
        )
        for row in coverage.rows
    )
    yield from table(("Id", "Statement", "Support", "What the service does", "Where", "Shown by"), rows)


def _codes(review: Review) -> Iterator[str]:
    yield (
        "verified: seen with its display in a public terminology source. known: from expert knowledge, to be confirmed "
        "by a terminology server. additive: never counts without a word or another code beside it. never read: "
        "taken out on purpose. own: of this project. ICD-10, ATC and OPS entries are prefixes. Source: where the code "
        "system publishes the code, for its confirmation, and public documents in which it was read again.\n"
    )
    for system, members in groupby(review.handbook.codes, key=lambda row: row.system):
        yield f"## Codes: {system}\n"
        rows = ((row.code, row.display or "–", "; ".join(row.used_in), row.status, row.source) for row in members)
        yield from table(("Code", "Display", "Used in", "Status", "Source"), rows)


def _references(review: Review) -> Iterator[str]:
    for one in review.handbook.references:
        link = f" <{one.url}>" if one.url else ""
        yield f"- **{one.id}** {one.authors}. {one.title}. {one.source} {one.year}.{link} ({provenance(one)})"
    yield ""


def _open(review: Review) -> Iterator[str]:
    for point in review.handbook.statements.open_points:
        numbers = f" ({', '.join(point.parameters)})" if point.parameters else ""
        yield f"- [ ] **{point.id}** {point.text}{numbers}"
    yield ""


def _signature(review: Review) -> Iterator[str]:
    book = review.handbook
    yield f"{book.statements.review.statement}\n"
    yield f"I have reviewed the clinical content of knowledge version **{book.version}** (software {book.software}).\n"
    fields = ("Name", "Profession and specialty", "Institution", "Sections reviewed", "Objections", "Date", "Signature")
    yield from table(("Item", "Entry"), ((name, " ") for name in fields))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document with its title."""

    title: str
    lines: Callable[[Review], Iterator[str]]


SECTIONS: dict[str, Section] = {
    "use": Section("Intended use, limits and source attributes", _use),
    "thresholds": Section("Thresholds", _thresholds),
    "variables": Section("State variables", _variables),
    "rules": Section("Rules", _rules),
    "tables": Section("Decision tables", _tables),
    "frame": Section("Around the tables", _entries(EntryKind.FRAME, "Around the tables")),
    "orders": Section("Order rules", _entries(EntryKind.ORDER, "Advice on draft orders")),
    "texts": Section("Card texts", _texts),
    "not-suggested": Section("Not suggested by this service, and why", _not_suggested),
    "background": Section("Background", _background),
    "safety": Section("Safety cases", _safety),
    "coverage": Section("Coverage of the source texts", _coverage),
    "codes": Section("Codes", _codes),
    "references": Section("References", _references),
    "open": Section("Open points", _open),
    "signature": Section("Signature", _signature),
}


def document(review: Review, names: tuple[str, ...] = ()) -> str:
    """Return the catalogue as Markdown: all sections in order, or those named. Raises KeyError for an unknown name."""
    version = f"Version {review.handbook.version}. {len(review.handbook.entries)} entries.\n"
    lines = ["# Clinical knowledge of Marrow CDS\n", version]
    for name in names or tuple(SECTIONS):
        lines += [f"# {SECTIONS[name].title}\n", *SECTIONS[name].lines(review)]
    return "\n".join(lines)
