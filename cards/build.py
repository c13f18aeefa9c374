"""Writes the planned cards of an assessment as CDS Hooks cards in the language asked for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cards.catalogue import TOPIC_SYSTEM, catalogue, override_reasons
from cards.detail import write_detail
from cards.model import SUMMARY_LIMIT, Card, Link, Source, Topic, counted_length, is_absolute
from cards.orders import OrderWriting, orders, suggestions
from cards.template import Template
from cards.values import placeholder_values
from cards.wording import Wording, wordings
from cards.writing import Writing
from cds_service.domain.assessment import Assessment, DraftKind, PlannedCard
from cds_service.domain.vocabulary import Indicator, Language

_NO_KINDS = frozenset[DraftKind]()
_NO_DRAFTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
SOURCE_LABEL = "Marrow CDS"
_NO_CONTRAST_LINES = frozenset({"mri-implant", "contrast-not-advised"})
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")
_UNSAFE_FRAGMENT = re.compile(r"[^A-Za-z0-9._-]")


def compose_summary(template: Template, values: Mapping[str, str]) -> str:
    """Return the summary with as many of its optional parts as fit; a sentence is never cut.

    Without optional parts it always fits: that is checked when the words are loaded.
    """
    text = template.fill(values) or ""
    for skipped in range(1, len(template.parts) + 1):
        if counted_length(text) <= SUMMARY_LIMIT:
            break
        text = template.fill(values, skip_optional=skipped) or ""
    return text


@dataclass(frozen=True, slots=True)
class _Call:
    """What is the same for all cards of one answer."""

    patient_id: str
    base_url: str
    new_uuid: Callable[[], str]
    drafts: Mapping[str, Mapping[str, Any]]


class CardWriter:
    """Writes cards. All words are loaded and checked when it is made."""

    def __init__(self) -> None:
        self._wordings = wordings()
        self._catalogue = catalogue()
        self._orders = orders()
        self._reasons = override_reasons()
        self._sources: dict[tuple[Language, str, str], Source] = {}

    def write(
        self,
        assessment: Assessment,
        language: Language,
        *,
        patient_id: str,
        base_url: str = "",
        new_uuid: Callable[[], str],
        drafts: Mapping[str, Mapping[str, Any]] = _NO_DRAFTS,
    ) -> tuple[Card, ...]:
        """Return the cards in the order in which they were planned.

        ``base_url`` is the public address of the service; without it a card has no link to its rule. ``new_uuid``
        gives a fresh UUID for each card and suggestion. ``drafts`` are the draft orders of the session as received, by
        ``Type/id``; a change of a draft that is not among them is not offered. Raises KeyError for a text, line or
        note id that no language knows: an answer without words must fail rather than look complete.
        """
        return tuple(
            self._card(card, assessment, language, _Call(patient_id, base_url, new_uuid, drafts))
            for card in assessment.cards
        )

    def _text_id(self, card: PlannedCard) -> str:
        """Choose the words: a warning may have words of its own."""
        warning = card.indicator is Indicator.WARNING
        return self._catalogue.warning_variant.get(card.text_id, card.text_id) if warning else card.text_id

    def _card(
        self,
        card: PlannedCard,
        assessment: Assessment,
        language: Language,
        call: _Call,
    ) -> Card:
        text_id = self._text_id(card)
        writing = Writing(card, text_id, assessment, self._wordings[language], self._catalogue)
        uuid = call.new_uuid()
        recommended = self._catalogue.recommended.get(text_id, _NO_KINDS)
        orders = OrderWriting(card, text_id, writing.wording, self._orders, recommended, call.patient_id, call.drafts)
        return Card(
            uuid=uuid,
            summary=_summary(writing),
            indicator=card.indicator.value,
            detail=write_detail(writing),
            source=self._source(language, text_id, call.base_url),
            override_reasons=self._reasons[language],
            suggestions=suggestions(orders, call.new_uuid),
            links=_links(card, writing.wording, call.base_url),
        )

    def _source(self, language: Language, text_id: str, base_url: str) -> Source:
        """Return where a card comes from, the same for all cards with these words."""
        key = language, text_id, base_url
        if key not in self._sources:
            self._sources[key] = _source(text_id, self._wordings[language], base_url)
        return self._sources[key]


def _summary(writing: Writing) -> str:
    """No conservative advice beside an open serious question, and no contrast where a line advises against it."""
    card, words = writing.card, writing.wording.cards[writing.text_id]
    template = words.open_summary if "plan" in card.drop_lines else words.summary
    if not _NO_CONTRAST_LINES.isdisjoint(card.add_lines):
        template = words.no_contrast_summary
    return compose_summary(template, placeholder_values(writing, template.names, plain=True))


def _source(text_id: str, wording: Wording, base_url: str) -> Source:
    """Return where a card comes from. Raises ValueError where ``base_url`` is no address that a browser can open."""
    if base_url and not is_absolute(base_url):
        raise ValueError("the public address of the service is no absolute address")
    topic = Topic(system=TOPIC_SYSTEM, code=_NOT_ALPHANUMERIC.sub("", text_id), display=wording.cards[text_id].title)
    return Source(label=SOURCE_LABEL, url=f"{base_url.rstrip('/')}/about" if base_url else None, topic=topic)


def _links(card: PlannedCard, wording: Wording, base_url: str) -> tuple[Link, ...]:
    """Return a link to the rule in the published knowledge; no address is made up when the public one is unknown."""
    row = _UNSAFE_FRAGMENT.sub("", card.row)
    if not base_url or not row:
        return ()
    return (Link(label=wording.phrase("why_link", row=row), url=f"{base_url.rstrip('/')}/about/knowledge#{row}"),)
