"""Loads the words of the cards in three languages and refuses any language that is incomplete or differs in shape."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from types import MappingProxyType

from cards.model import SUMMARY_LIMIT
from cards.template import Template, parse
from cards.text_file import CardSentences, TextFile, read_text_file
from cds_service.domain.assessment import DraftKind, Priority
from cds_service.domain.facts import GapCode
from cds_service.domain.state import Course
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    FindingId,
    Lane,
    Language,
    OrderKind,
    Status,
    Trend,
)
from cds_service.errors import KnowledgeError

# The only placeholders that a card text may use.
CARD_PLACEHOLDERS = frozenset(
    {
        "contrast_reason", "course", "crp", "crp_short", "date", "ddx", "device", "egfr", "esr", "esr_short",
        "evidence", "finding", "findings", "history", "kidney_reason", "level", "mask", "missing", "mri",
        "needle_reason", "of", "onset", "order", "organism", "outside", "reason", "reason_detail", "recheck",
        "scan_reason", "sins", "sins_short", "source", "thinner", "unsized", "visit", "weeks",
    }
)  # fmt: skip
# These always have a value, so a summary may be built on them.
ALWAYS_KNOWN = frozenset({"finding", "order"})
REASON_PLACEHOLDERS = frozenset({"age", "egfr", "glucose", "inr", "platelets", "weeks"})
ORDERS_BESIDE_KINDS = frozenset({"free_light_chains_lambda"})
# The longest value that a summary takes up.
VALUE_LENGTH = 30


@dataclass(frozen=True, slots=True)
class CardText:
    """Words of one card: each line is a tuple of parts that can be taken out singly.

    ``line_names`` are the placeholders of all lines.
    """

    title: str
    summary: Template
    open_summary: Template
    no_contrast_summary: Template
    lines: tuple[tuple[Template, ...], ...]
    line_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order needs a second look: a few words for the summary, a sentence for the detail."""

    short: Template
    detail: Template


@dataclass(frozen=True, slots=True)
class DraftWords:
    """Words of one draft order: what the button says and what the order says."""

    label: str
    text: Template


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """All words of one language. ``words`` holds phrases, ``names`` the display names by section and id.

    It equals only itself, so that what it makes of names and levels can be remembered.
    """

    language: Language
    decimal: str
    thoracic: str
    footer: tuple[str, ...]
    fallback: tuple[str, ...]
    phrases: Mapping[str, Template]
    names: Mapping[str, Mapping[str, str]]
    gaps: Mapping[str, Template]
    extra: Mapping[str, Template]
    drafts: Mapping[str, DraftWords]
    reasons: Mapping[str, Reason]
    cards: Mapping[str, CardText]
    rows: Mapping[str, str]

    def name(self, section: str, key: str) -> str:
        """Display name; an id without one is shown as it is rather than lost."""
        return self.names[section].get(key) or key.replace("-", " ").replace("_", " ")

    def phrase(self, key: str, **values: str) -> str:
        """Return a short phrase with its placeholders filled. Raises KeyError for an unknown phrase."""
        template = self.phrases[key]
        return template.fill(values) or "" if template.constant is None else template.constant


_NAME_SECTIONS = (
    "headings", "columns", "priorities", "test_priorities",
    "statuses", "trends", "courses", "finding_words", "regions", "lanes", "sins",
    "missing", "ddx", "chart_kinds", "notes", "careplan", "findings", "conditions", "analytes", "orders",
)  # fmt: skip

# Sections whose keys are fixed by a vocabulary: a new member without words is refused at start-up.
_VOCABULARIES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "priorities": frozenset(Priority),
        "test_priorities": frozenset(Priority),
        "statuses": frozenset(Status) | {"probable", "unlikely"},
        "trends": frozenset(Trend),
        "courses": frozenset(Course),
        "lanes": frozenset(Lane),
        "gaps": frozenset(GapCode),
        "drafts": frozenset(DraftKind) | ORDERS_BESIDE_KINDS,
        "findings": frozenset(FindingId),
        "conditions": frozenset(ConditionGroup),
        "analytes": frozenset(Analyte),
        "orders": frozenset(OrderKind),
    }
)


def _check_vocabularies(raw: TextFile, name: str) -> None:
    for section, wanted in _VOCABULARIES.items():
        found = frozenset(getattr(raw, section))
        if found != wanted:
            raise KnowledgeError(f"{name}: {section}: missing or unknown keys {sorted(map(str, found ^ wanted))}")


def _checked(source: str, where: str, allowed: frozenset[str]) -> Template:
    template = parse(source, where)
    unknown = template.names - allowed
    if unknown:
        raise KnowledgeError(f"{where}: unknown placeholders {sorted(unknown)}")
    return template


def _summary(source: str, where: str) -> Template:
    """Parse a summary, which must stand and be short enough without its optional parts."""
    template = _checked(source, where, CARD_PLACEHOLDERS)
    if not template.required <= ALWAYS_KNOWN:
        raise KnowledgeError(f"{where}: placeholders that may be missing must stand in square brackets")
    if len(template.bare(dict.fromkeys(ALWAYS_KNOWN, "x" * VALUE_LENGTH)) or "") > SUMMARY_LIMIT:
        raise KnowledgeError(f"{where}: too long for a summary even without its optional parts")
    return template


def _card(raw: CardSentences, where: str) -> CardText:
    lines = tuple(
        tuple(
            _checked(part, f"{where}.lines.{index}", CARD_PLACEHOLDERS)
            for part in ([line] if isinstance(line, str) else line)
        )
        for index, line in enumerate(raw.lines, start=1)
    )
    return CardText(
        title=raw.title,
        summary=_summary(raw.summary, f"{where}.summary"),
        open_summary=_summary(raw.open_summary or raw.summary, f"{where}.open_summary"),
        no_contrast_summary=_summary(raw.no_contrast_summary or raw.summary, f"{where}.no_contrast_summary"),
        lines=lines,
        line_names=frozenset[str]().union(*(part.names for line in lines for part in line)),
    )


def _templates(raw: Mapping[str, str], where: str, allowed: frozenset[str]) -> Mapping[str, Template]:
    return MappingProxyType({key: _checked(text, f"{where}.{key}", allowed) for key, text in raw.items()})


def _compile(raw: TextFile, language: Language) -> Wording:
    name = f"cards/texts/{language.value}.toml"
    _check_vocabularies(raw, name)
    phrase_names = frozenset(
        {"value", "low", "high", "count", "date", "start", "end", "items", "version", "lane", "row", "ids"}
        | {"card", "title"}
    )
    return Wording(
        language=language,
        decimal=raw.decimal,
        thoracic=raw.thoracic,
        footer=tuple(raw.footer.values()),
        fallback=tuple(raw.fallback.lines),
        phrases=_templates(raw.words, f"{name}: words", phrase_names),
        names=MappingProxyType({section: MappingProxyType(getattr(raw, section)) for section in _NAME_SECTIONS}),
        gaps=_templates(raw.gaps, f"{name}: gaps", frozenset({"where"})),
        extra=_templates(raw.extra, f"{name}: extra", CARD_PLACEHOLDERS),
        drafts=MappingProxyType(
            {
                key: DraftWords(words.label, _checked(words.text, f"{name}: drafts.{key}.text", frozenset({"region"})))
                for key, words in raw.drafts.items()
            }
        ),
        reasons=MappingProxyType(
            {
                key: Reason(
                    _checked(words.short, f"{name}: reasons.{key}.short", REASON_PLACEHOLDERS),
                    _checked(words.detail, f"{name}: reasons.{key}.detail", REASON_PLACEHOLDERS),
                )
                for key, words in raw.reasons.items()
            }
        ),
        rows=MappingProxyType(raw.rows),
        cards=MappingProxyType({key: _card(text, f"{name}: cards.{key}") for key, text in raw.cards.items()}),
    )


def _shape(wording: Wording) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Every key of a language with its placeholders and its required placeholders."""
    shape: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def add(key: str, *templates: Template) -> None:
        for index, template in enumerate(templates):
            shape[f"{key}[{index}]"] = (template.names, template.required)

    for section, names in wording.names.items():
        shape.update({f"{section}.{key}": (frozenset(), frozenset()) for key in names})
    for section, templates in (("words", wording.phrases), ("gaps", wording.gaps), ("extra", wording.extra)):
        for key, template in templates.items():
            add(f"{section}.{key}", template)
    for key, words in wording.drafts.items():
        add(f"drafts.{key}", words.text)
    for key, reason in wording.reasons.items():
        add(f"reasons.{key}", reason.short, reason.detail)
    for key, card in wording.cards.items():
        add(f"cards.{key}.summary", card.summary, card.open_summary, card.no_contrast_summary)
        for number, line in enumerate(card.lines, start=1):
            add(f"cards.{key}.lines.{number}", *line)
    return shape


def _check_same_shape(languages: Iterable[Wording]) -> None:
    for one, other in pairwise(languages):
        first, second = _shape(one), _shape(other)
        differing = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
        if differing:
            raise KnowledgeError(
                f"cards/texts: {one.language.value} and {other.language.value} differ in {', '.join(differing[:5])}"
            )


def load_wordings(directory: Traversable | None = None) -> Mapping[Language, Wording]:
    """All languages, checked. Raises KnowledgeError naming file and key for any flaw or difference."""
    place = directory or files("cards") / "texts"
    loaded = {language: _compile(read_text_file(place, language), language) for language in Language}
    _check_same_shape(loaded.values())
    return MappingProxyType(loaded)


@cache
def wordings() -> Mapping[Language, Wording]:
    """Return the shipped languages, loaded once."""
    return load_wordings()
