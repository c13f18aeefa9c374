"""Reads spine MRI reports in three languages: texts in, findings with their exact places out."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cds_service.domain.facts import Reading, ReportText, StatedFact, TextFinding
from cds_service.domain.vocabulary import BodyRegion, FindingId, Language, Section, Status
from cds_service.knowledge.findings import FindingsKnowledge, LanguageKnowledge
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.borrowed import is_borrowed
from cds_service.reading.compiled import CompiledLanguages
from cds_service.reading.conflicts import settle
from cds_service.reading.coordination import anatomy_names
from cds_service.reading.described import Prepared, described
from cds_service.reading.details import with_change
from cds_service.reading.examination import examination, examined_region
from cds_service.reading.graded import names_passage
from cds_service.reading.history import with_former
from cds_service.reading.language import Evidence, LanguageDetector, Part, declared
from cds_service.reading.lexicon import OTHER, Hit, Lexicon, anatomy_of
from cds_service.reading.marrow_or_cord import resolve
from cds_service.reading.mentions import Mention, Surroundings
from cds_service.reading.one_place import placed
from cds_service.reading.outside import extraspinal, is_spinal
from cds_service.reading.placing import topic_of
from cds_service.reading.plain_film import on_plain_film
from cds_service.reading.reference import Named, inherited_levels
from cds_service.reading.refine import refine
from cds_service.reading.resumed import outweighed, reopened
from cds_service.reading.sections import by_content
from cds_service.reading.sentences import Sentence, split
from cds_service.reading.stated import Conditions, onset_days
from cds_service.reading.technique import technique_of
from cds_service.reading.unseen import unseen
from cds_service.reading.words import Words, cut
from cds_service.reading.wrapping import unwrapped

_STATING: Final = frozenset({Section.FINDINGS, Section.IMPRESSION, Section.ADDENDUM, Section.BODY})
_LONGEST_TITLE: Final = 60
_NOT_SPINE: Final = frozenset({BodyRegion.OTHER, BodyRegion.PELVIS})
# words of a sentence about how the examination was done
_ACQUIRED: Final = tuple(load_grammar().sentences["acquired"])


class _Allowance:
    """The time of one call: once it is over it stays over, whatever is asked later."""

    def __init__(self, in_time: Callable[[], bool]) -> None:
        self._in_time = in_time
        self.over = False

    def lasts(self) -> bool:
        self.over = self.over or not self._in_time()
        return not self.over


class Reader:
    """Compiled once, each language when it is first read; reads any number of reports, linear in their length."""

    def __init__(
        self,
        findings: FindingsKnowledge,
        languages: Mapping[Language, LanguageKnowledge],
        conditions: Conditions,
    ) -> None:
        self._compiled = CompiledLanguages(findings, languages, conditions)
        self._detector = LanguageDetector(languages)

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        """Return what the texts of one report say; in an unknown language nothing is read (``language`` is None).

        Sentences in a second language are read in that language. A text too short to tell its language is read in
        the language that finds most in it. When ``in_time`` says no, reading ends with the sentence it is at.
        """
        time = _Allowance(in_time)
        if texts and not time.lasts():
            return Reading(None, unfinished=True)
        cuts = [cut(unwrapped(text.text)) for text in texts]
        evidence = [self._detector.evidence(words) for words in cuts]
        language = self._language(texts, cuts, evidence, declared)
        if language is not None:
            return self._read(texts, cuts, title, self._parts(cuts, evidence, language), time)
        if any(one.is_foreign for one in evidence):
            return Reading(None)
        attempts = [
            self._read(texts, cuts, title, [Part(code, i) for i in range(len(cuts))], time)
            for code in Language
            if time.lasts()
        ]
        best = max(attempts, key=_understood, default=Reading(None))
        return best if best.findings else Reading(None, unfinished=time.over)

    def _parts(self, cuts: Sequence[Words], evidence: Sequence[Evidence], language: Language) -> list[Part]:
        """Return the parts of all texts, the main language first."""
        parts = [
            part
            for index, words in enumerate(cuts)
            for part in self._detector.parts(words, index, language, evidence[index])
        ]
        return sorted(parts, key=lambda part: part.language is not language)

    def _read(
        self,
        texts: Sequence[ReportText],
        cuts: Sequence[Words],
        title: str,
        parts: Sequence[Part],
        time: _Allowance,
    ) -> Reading:
        """Read each part in its language and settle what they say together."""
        findings: list[TextFinding] = []
        stated: list[StatedFact] = []
        marks: list[list[Hit]] = []
        spine = False
        onset: int | None = None
        for language in dict.fromkeys(part.language for part in parts):
            lexicon = self._compiled[language].lexicon
            own = [part for part in parts if part.language is language]
            prepared = [self._prepare(cuts[n], n, texts[n].text, lexicon) for n in dict.fromkeys(p.index for p in own)]
            spinal = _is_spinal(title, prepared, lexicon.unspecific)
            for text in prepared:
                told = self._compiled[language].stated.facts(text.words, text.hits, text.sentences, text.index)
                stated += (s for s in told if any(p.holds(s.text_index, s.span.start) for p in own))
                read = self._findings(text, language, time, spinal=spinal)
                findings += (f for f in read if any(p.holds(f.text_index, f.span.start) for p in own))
            marks += self._marks(title, lexicon, prepared)
            spine = spine or any(_names_spine(text, lexicon.unspecific, spinal=spinal) for text in prepared)
            days = (onset_days(text.words, text.hits, text.sentences) for text in prepared)
            onset = next((d for d in days if d is not None), None) if onset is None else onset
        main = parts[0].language if parts else Language.EN
        told_apart, ambiguous = resolve(refine(findings, stated))
        settled, conflicts = settle(told_apart, self._compiled[main].lexicon.emergency)
        return Reading(
            main,
            tuple(settled),
            tuple(dict.fromkeys(stated)),
            technique_of(marks, findings),
            (*ambiguous, *conflicts),
            describes_spine=spine or any(is_spinal(f.finding) for f in settled),
            onset_days=onset,
            unfinished=time.over,
        )

    @staticmethod
    def _prepare(words: Words, number: int, original: str, lexicon: Lexicon) -> Prepared:
        hits = lexicon.find(words)
        parts = with_former(by_content(split(words, lexicon, hits), words, hits), words)
        return Prepared(words, hits, parts, number, original)

    @staticmethod
    def _marks(title: str, lexicon: Lexicon, prepared: Sequence[Prepared]) -> list[list[Hit]]:
        """Return the marks of title and texts: "MRT LWS mit KM" is often said in the title only."""
        of_texts = [text.hits.mark for text in prepared]
        return [lexicon.marks(cut(title)), *of_texts] if title else of_texts

    @staticmethod
    def _language(
        texts: Sequence[ReportText], cuts: Sequence[Words], evidence: Sequence[Evidence], given: Language | None
    ) -> Language | None:
        """Return the language that a report is tagged with or, against or without a tag, that of its longest text."""
        if not cuts:
            return None
        longest = max(range(len(cuts)), key=lambda number: len(cuts[number]))
        tagged = given or next((code for text in texts if (code := declared(text.language))), None)
        if tagged is None:
            return evidence[longest].leading
        return evidence[longest].against(tagged) or tagged

    def _findings(
        self, text: Prepared, language: Language, time: _Allowance, *, spinal: bool | None
    ) -> list[TextFinding]:
        known = self._compiled[language]
        found: list[TextFinding] = []
        anatomy: frozenset[str] = frozenset()
        topic: tuple[str, ...] = ()
        named = Named()
        every = text.hits.parted([(s.first, s.end) for s in text.sentences], len(text.words))
        previous: Sentence | None = None
        whole = spinal
        for sentence, here in zip(text.sentences, every, strict=True):
            if not time.lasts():
                break
            if (
                previous is None
                or (sentence.line != previous.line and not sentence.continued)
                or previous.section is not sentence.section
            ):
                topic = ()
                if previous is None or previous.section is not sentence.section:
                    anatomy = frozenset()
            previous = sentence
            if sentence.heading and whole is not True:
                # "CT head: contusion. CT C-spine: epidural haematoma": each is read as what its title names
                spinal = True if _titles_spine(text.words, sentence.first) else whole
            own = anatomy_names(a for a in here.anatomy if spinal is not False or not is_borrowed(text.words, a))
            mentions: list[Mention] = []
            if (sentence.section in _STATING or sentence.told) and (
                here.literal or here.process or names_passage(here.anatomy)
            ):
                head = anatomy_of(sentence.head)
                around = Surroundings(head or anatomy, spinal)
                mentions = known.composer.mentions(text.words, here.anatomy, here.process, here.literal, around)
                mentions += extraspinal(here, known.lexicon)
                if mentions:
                    inherited = inherited_levels(text.words, sentence, topic, named)
                    found += described(text, sentence, mentions, here, inherited, language)
            if sentence.section in _STATING and spinal is not False and (parts := unseen(here, mentions)):
                inherited = inherited_levels(text.words, sentence, topic, named)
                dim = described(text, sentence, parts, here, inherited, language)
                found += (f for f in dim if f.status is Status.UNKNOWN)
            if here.levels:
                topic = topic_of(text.words, here.levels, (sentence.first, sentence.end))
                named.follow(here.levels)
            anatomy = own or anatomy
        stating = [h for s, h in zip(text.sentences, every, strict=True) if s.section in _STATING]
        found = outweighed(on_plain_film(found, text.words), text.words.text)
        found = reopened(found, text.words, text.hits.cue, text.sentences)
        return placed(with_change(text.words, text.sentences, text.hits.trend, found), stating, text.words)


def _understood(reading: Reading) -> tuple[int, int, int]:
    """Measure how much of a text a language finds something in: findings, those that say more than "degenerative"."""
    named = [f for f in reading.findings if f.finding is not FindingId.DEGENERATIVE_CHANGE]
    return len(reading.findings), len(named), sum(f.span.end - f.span.start for f in named)


def _titles_spine(words: Words, first: int) -> bool:
    """Tell whether the title before a word, as far back as its line or sentence, names an examination of the spine."""
    start = words.starts[first]
    before = words.text[max(0, start - _LONGEST_TITLE) : start]
    title = before[max(before.rfind("\n"), before.rfind(". ")) + 1 :]
    region = examined_region(title, cut(""))
    return region not in _NOT_SPINE and region is not BodyRegion.UNKNOWN


def _names_spine(text: Prepared, unspecific: frozenset[str], *, spinal: bool | None) -> bool:
    """Tell whether a text describes the spine: what is only asked for, or not examined, is not described."""
    aside = {OTHER, "sacrum", "soft_tissue"} | unspecific
    named = sorted(
        hit.first
        for hit in text.hits.anatomy
        if hit.name not in aside and (spinal is not False or not is_borrowed(text.words, hit))
    )
    return any(
        bisect_left(named, sentence.first) < bisect_left(named, sentence.end)
        for number, sentence in enumerate(text.sentences)
        if (sentence.section in _STATING or (number == 0 and not sentence.heading and len(text.sentences) > 1))
        and not _tells_examination(text.words, sentence)
    )


def _tells_examination(words: Words, sentence: Sentence) -> bool:
    return any(word.startswith(_ACQUIRED) for word in words.words[sentence.first : sentence.end])


def _is_spinal(title: str, prepared: Sequence[Prepared], unspecific: frozenset[str]) -> bool | None:
    """Tell whether a report is about the spine: by its examination, else by the anatomy it speaks of most."""
    text = prepared[0].words.text if prepared else ""
    region = examined_region(title, prepared[0].words if prepared else cut(""))
    named = {hit.name for p in prepared for hit in p.hits.anatomy} - unspecific
    elsewhere = OTHER in named or region in _NOT_SPINE
    own = (h.name for p in prepared for h in p.hits.anatomy if not (elsewhere and is_borrowed(p.words, h)))
    spinal = bool(set(own) - unspecific - {OTHER, "sacrum"})
    if region in _NOT_SPINE:
        first = text.strip().partition("\n")[0].partition(". ")[0]
        named_first = examination(title, first)[1] in _NOT_SPINE
        return False if not spinal else None if named_first else True
    if region is not BodyRegion.UNKNOWN:
        return True
    # an excerpt that names no anatomy at all stands in a collection of spine reports
    if spinal or not named:
        return True
    return None if "sacrum" in named else False
