"""Strict models and loaders of the words a report is read with: findings, word classes, languages, corpus labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import ValidationError

from cds_service.domain.vocabulary import FindingId, Language, Qualifier, Section, Status, Trend
from cds_service.errors import KnowledgeError
from cds_service.knowledge.word_files import Strict, Term, Terms, data, knowledge_error, model, toml

# set by a composition, not by a word
_QUALIFIERS_WITHOUT_WORDS = frozenset({Qualifier.BY_SIGNAL})


class ByLanguage(Strict):
    """Terms side by side in every language; a language may have none only where all have none."""

    en: tuple[Term, ...]
    de: tuple[Term, ...]
    ro: tuple[Term, ...]

    def of(self, language: Language) -> tuple[str, ...]:
        """Return the terms of one language."""
        return {Language.EN: self.en, Language.DE: self.de, Language.RO: self.ro}[language]


class Composition(Strict):
    """A finding put together of a process and the anatomy nearest to it, whatever the order of words.

    ``also`` classes must stand in the same clause, ``unless`` classes must not; ``rivals`` are anatomies that win the
    process when they stand nearer. ``claims`` is what the words say when nothing denies or doubts them. ``inherit``
    allows the anatomy of the sentence before, ``generic`` allows none at all in a report about the spine; ``reach`` is
    how far the anatomy may stand.
    """

    process: Terms
    anatomy: Terms
    also: tuple[Term, ...] = ()
    unless: tuple[Term, ...] = ()
    rivals: tuple[Term, ...] = ()
    claims: Literal[Status.PRESENT, Status.ABSENT, Status.POSSIBLE] = Status.PRESENT
    qualifiers: tuple[Qualifier, ...] = ()
    inherit: bool = True
    generic: bool = False
    reach: int | None = None


class FindingKnowledge(Strict):
    """One finding: literal terms and compositions. ``gate`` is "free" when the words themselves name the spine.

    ``yields_to`` are findings whose longer term swallows this one ("foraminal stenosis" is no canal stenosis).
    """

    id: FindingId
    meaning: Term
    gate: Literal["free", "spine"]
    emergency: bool
    yields_to: tuple[FindingId, ...] = ()
    terms: ByLanguage
    compose: tuple[Composition, ...] = ()


class WordClasses(Strict):
    """Word classes that compositions refer to, by name; ``groups`` are names for several classes."""

    anatomy: dict[str, ByLanguage]
    process: dict[str, ByLanguage]
    groups: dict[str, Terms]

    def expand(self, names: tuple[str, ...]) -> frozenset[str]:
        """Return class names with every group written out."""
        return frozenset(name for given in names for name in self.groups.get(given, (given,)))


@dataclass(frozen=True, slots=True)
class FindingsKnowledge:
    """All findings with the word classes they are composed of."""

    findings: Mapping[FindingId, FindingKnowledge]
    classes: WordClasses


class Cue(Strict):
    """Words that act on what follows them and on what precedes them."""

    preceding: tuple[Term, ...]
    following: tuple[Term, ...]


class Cues(Strict):
    """Cue words by class; see the assertion rules for what each class means."""

    pseudo: Cue
    negated: Cue
    consistent: Cue
    probable: Cue
    suspected: Cue
    possible: Cue
    unlikely: Cue
    unassessable: Cue
    historical: Cue
    gone: Cue
    planned: Cue = Cue(preceding=(), following=())
    hypothetical: Cue = Cue(preceding=(), following=())
    aged: Cue
    relative: Cue
    question: Cue
    terminating: Cue
    rival: Cue


class HistoryWords(Strict):
    """Words that mark history and image sentences in reports without headings."""

    words: Terms
    imaging: Terms


class TechniqueWords(Strict):
    """Words that tell how the examination was done."""

    contrast_done: Terms
    native: Terms
    fat_saturated: Terms
    diffusion: Terms
    limited: Terms


class OnsetWords(Strict):
    """Words around a duration ("for 6 weeks"); ``ages`` are words that make it an age or a follow-up interval."""

    units_days: Terms
    units_weeks: Terms
    units_months: Terms
    units_years: Terms
    before: Terms
    after: Terms
    ages: Terms


class DetectionWords(Strict):
    """Frequent words that tell the language of a text."""

    words: Terms


class LanguageKnowledge(Strict):
    """Everything about one language that is not a finding."""

    language: Language
    cues: Cues
    sections: dict[Section, Terms]
    history: HistoryWords
    trends: dict[Trend, Terms]
    qualifiers: dict[Qualifier, Terms]
    technique: TechniqueWords
    onset: OnsetWords
    detect: DetectionWords


class CorpusLabel(Strict):
    """One label of the annotation guideline and the findings behind it.

    ``findings`` keep their status; ``denied_by`` are findings whose presence denies the label ("discs preserved").
    """

    findings: tuple[FindingId, ...]
    denied_by: tuple[FindingId, ...] = ()


def load_findings() -> FindingsKnowledge:
    """Return all findings; raise KnowledgeError when a file is broken or files and finding ids do not agree."""
    folder = data("findings")
    classes = model(WordClasses, data("classes.toml"))
    findings: dict[FindingId, FindingKnowledge] = {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".toml"):
            continue
        finding = model(FindingKnowledge, entry)
        if entry.name != f"{finding.id.lower()}.toml":
            raise KnowledgeError(f"findings/{entry.name}: id {finding.id} does not match the file name")
        _check_finding(finding, classes)
        findings[finding.id] = finding
    missing = sorted(set(FindingId) - set(findings))
    if missing:
        raise KnowledgeError(f"findings: no file for {', '.join(missing)}")
    _check_classes(classes)
    return FindingsKnowledge(findings, classes)


def load_languages() -> dict[Language, LanguageKnowledge]:
    """Return every language; raise KnowledgeError when one is missing, broken or incomplete."""
    languages = {}
    for language in Language:
        entry = data("languages").joinpath(f"{language}.toml")
        known = model(LanguageKnowledge, entry)
        _check_language(known, language)
        languages[language] = known
    return languages


@cache
def load_foreign() -> dict[str, tuple[str, ...]]:
    """Return frequent words of languages that are not read, by language; raise KnowledgeError on a flaw."""
    raw = toml(data("foreign.toml"))
    for language, words in raw.items():
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise KnowledgeError(f"foreign.toml: {language}: a list of words is needed")
    return {language: tuple(words) for language, words in raw.items()}


def load_corpus_labels() -> dict[str, CorpusLabel]:
    """Return the annotation labels in their order; raise KnowledgeError on a flaw or an unknown finding."""
    raw = toml(data("corpus_labels.toml"))
    try:
        return {name: CorpusLabel.model_validate(value) for name, value in raw.items()}
    except ValidationError as error:
        raise knowledge_error("corpus_labels.toml", error) from error


def _check_finding(finding: FindingKnowledge, classes: WordClasses) -> None:
    """Refuse terms in some languages only, and compositions of unknown classes."""
    where = f"findings/{finding.id.lower()}.toml"
    filled = {bool(finding.terms.of(language)) for language in Language}
    if len(filled) > 1 and not finding.compose:
        raise KnowledgeError(f"{where}: terms: every language needs terms")
    if not any(filled) and not finding.compose:
        raise KnowledgeError(f"{where}: terms: a finding needs terms or compositions")
    known = {*classes.anatomy, *classes.process, *classes.groups, "level", "segment_level"}
    for composition in finding.compose:
        named = {*composition.process, *composition.anatomy, *composition.also}
        unknown = (named | {*composition.unless, *composition.rivals}) - known
        if unknown:
            raise KnowledgeError(f"{where}: compose: unknown class {min(unknown)}")


def _check_classes(classes: WordClasses) -> None:
    """Refuse classes with an empty language and groups of unknown classes."""
    for kind in (classes.anatomy, classes.process):
        for name, terms in kind.items():
            for language in Language:
                if not terms.of(language):
                    raise KnowledgeError(f"classes.toml: {name}.{language}: no terms")
    # a level is not a word list but read by the level rules
    known = {*classes.anatomy, *classes.process, "level", "segment_level"}
    for name, members in classes.groups.items():
        if unknown := set(members) - known:
            raise KnowledgeError(f"classes.toml: groups.{name}: unknown class {min(unknown)}")


def _check_language(known: LanguageKnowledge, language: Language) -> None:
    """Refuse a language with an empty negation list, a missing section, trend or qualifier."""
    where = f"languages/{language}.toml"
    if known.language is not language:
        raise KnowledgeError(f"{where}: language: says {known.language}")
    for name in ("negated", "probable", "suspected", "possible", "unlikely", "unassessable", "historical", "aged"):
        cue: Cue = getattr(known.cues, name)
        if not cue.preceding or not cue.following:
            raise KnowledgeError(f"{where}: cues.{name}: no words")
    expected: tuple[tuple[str, set[Any], set[Any]], ...] = (
        ("sections", set(Section) - {Section.BODY}, set(known.sections)),
        ("trends", set(Trend), set(known.trends)),
        ("qualifiers", set(Qualifier) - _QUALIFIERS_WITHOUT_WORDS, set(known.qualifiers)),
    )
    for name, wanted, given in expected:
        if wanted != given:
            raise KnowledgeError(f"{where}: {name}: {min(wanted ^ given)} is missing or unknown")
