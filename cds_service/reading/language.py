"""Tells the language of a report and of each of its lines by small words; unknown and foreign languages stay unread."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final

from cds_service.domain.facts import Span
from cds_service.domain.vocabulary import Language
from cds_service.knowledge.findings import LanguageKnowledge, load_foreign
from cds_service.reading.words import Gap, Words, fold

_LOOKED_AT: Final = 400
_CODES: Final = tuple((code.value, code) for code in Language)
_MARGIN: Final = 1.3
_LETTERS: Final = {Language.DE: frozenset("äöüßÄÖÜ"), Language.RO: frozenset("ăâîșțşţĂÂÎȘȚŞŢ")}
# letters of languages that are not read; "ã" is left out, which old Romanian texts write for "ă"
_FOREIGN_LETTERS: Final = frozenset("éèêëàçœñõłąęğőűřůžčåøìòùúíóáÉÈÊËÀÇŒÑÕŁĄĘĞŐŰŘŮŽČÅØÌÒÙÚÍÓÁ")
_SPECIAL: Final = re.compile("[" + "".join(sorted(_FOREIGN_LETTERS.union(*_LETTERS.values()))) + "]")
_LETTER_WEIGHT: Final = 1.5
# Names of the canal's content that are no word of any one language; an emergency may be said in little else.
_LATIN_NAMES: Final = frozenset({("cauda", "equina"), ("conus", "medullaris"), ("medulla", "spinalis")})
_LATIN: Final = frozenset(word for name in _LATIN_NAMES for word in name)
# This many words of a language are needed before it is believed against another one.
_ENOUGH: Final = 2.0
# A second language is looked for sentence by sentence when it has this share of the words of the first.
_SECOND_SHARE: Final = 0.25
# A record may carry the site's language on every report: the words win when they speak this clearly against it.
_CONTRADICTION: Final = 3.0


@dataclass(frozen=True, slots=True)
class Part:
    """Sentences of one text that are in one language, in reading order; ``spans`` is None for the whole text."""

    language: Language
    index: int
    spans: tuple[Span, ...] | None = None

    def holds(self, index: int, start: int) -> bool:
        """Tell whether the character at ``start`` of text ``index`` belongs to this part."""
        if index != self.index or self.spans is None:
            return index == self.index
        number = bisect_right(self.spans, start, key=attrgetter("start")) - 1
        return number >= 0 and start < self.spans[number].end


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strongly the words of a text speak for each language that is read, and for the strongest foreign one."""

    scores: Mapping[Language, float]
    foreign: float

    @property
    def is_foreign(self) -> bool:
        """Tell whether the words of a language that is not read prevail."""
        return self.foreign >= _ENOUGH and self.foreign > max(self.scores.values())

    @property
    def best(self) -> Language | None:
        """Return the language whose words prevail clearly, or None."""
        if self.is_foreign:
            return None
        (best, score), (_, second) = sorted(self.scores.items(), key=lambda item: -item[1])[:2]
        return best if score > 0 and score >= second * _MARGIN else None

    @property
    def leading(self) -> Language | None:
        """Return the language that prevails clearly, else the foremost of a text that mixes languages, or None."""
        if self.best is not None or self.is_foreign:
            return self.best
        foremost = max(self.scores, key=lambda code: self.scores[code])
        return foremost if self.scores[foremost] >= 2 * _ENOUGH else None

    def against(self, given: Language) -> Language | None:
        """Return another language that the words speak for clearly, or None."""
        best = self.best
        if best is None or best is given or self.scores[best] < 2 * _ENOUGH:
            return None
        return best if self.scores[best] > _CONTRADICTION * self.scores[given] else None


class LanguageDetector:
    """Counts the small words of each language; languages that are not read compete."""

    def __init__(self, languages: Mapping[Language, LanguageKnowledge]) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        for code, known in languages.items():
            self._learn(code.value, known.detect.words)
        for name, words in load_foreign().items():
            self._learn(name, words)

    def _learn(self, code: str, words: Sequence[str]) -> None:
        for word in set(map(fold, words)):
            self._known[word] = (*self._known.get(word, ()), code)

    def evidence(self, words: Words, start: int = 0, end: int | None = None) -> Evidence:
        """Weigh the words ``[start, end)`` of a text, at most the first few hundred of them."""
        last = min(len(words) if end is None else end, start + _LOOKED_AT)
        return self._weighed(words, start, last, self._telling(words, start, last))

    def _telling(self, words: Words, start: int, end: int) -> list[int]:
        """Return the words among ``[start, end)`` that some language has as its own."""
        known = self._known
        found = [number for number, word in enumerate(words.words[start:end], start) if word in known]
        return [n for n in found if not (words.words[n] in _LATIN and _is_latin(words, n))]

    def _weighed(self, words: Words, start: int, last: int, telling: Sequence[int]) -> Evidence:
        """Weigh the words ``[start, last)``, of which those numbered by ``telling`` tell a language."""
        counts: dict[str, int] = {}
        for number in telling:
            for name in self._known[words.words[number]]:
                counts[name] = counts.get(name, 0) + 1
        scores = {code: float(counts.pop(name, 0)) for name, code in _CODES}
        foreign = float(max(counts.values(), default=0))
        text = "" if words.text.isascii() or last <= start else words.text[words.starts[start] : words.ends[last - 1]]
        if not text.isascii():
            special = _SPECIAL.findall(text)
            for code, letters in _LETTERS.items():
                scores[code] += _LETTER_WEIGHT * sum(letter in letters for letter in special)
            foreign += _LETTER_WEIGHT * sum(letter in _FOREIGN_LETTERS for letter in special)
        return Evidence(scores, foreign)

    def parts(self, words: Words, index: int, main: Language, whole: Evidence | None = None) -> list[Part]:
        """Return the parts of a text: one, unless some sentences clearly speak another of the languages read.

        ``whole`` is the evidence of the text where it is already known.
        """
        scores = (whole or self.evidence(words)).scores
        second = max(score for code, score in scores.items() if code is not main)
        if second <= _ENOUGH or second < _SECOND_SHARE * scores[main]:
            return [Part(main, index)]
        spans: dict[Language, list[Span]] = {}
        current = main
        telling = self._telling(words, 0, len(words))
        for start, end in _sentences(words):
            last = min(end, start + _LOOKED_AT)
            own = telling[bisect_left(telling, start) : bisect_left(telling, last)]
            here = self._weighed(words, start, last, own)
            best = here.best
            # one word is enough where nothing speaks for the language of the sentence before
            if best is not None and (best is main or here.scores[best] >= _ENOUGH or not here.scores[current]):
                current = best
            spans.setdefault(current, []).append(Span(words.starts[start], words.ends[end - 1] + 1))
        return [Part(language, index, tuple(found)) for language, found in spans.items()]


def _is_latin(words: Words, number: int) -> bool:
    """Tell whether a word belongs to a Latin name that every language writes alike and that so speaks for none."""
    around = words.words[max(number - 1, 0) : number + 2]
    return any(pair in _LATIN_NAMES for pair in pairwise(around))


def _sentences(words: Words) -> list[tuple[int, int]]:
    """Return the word ranges of the sentences and lines of a text."""
    breaks = [i for i in range(1, len(words)) if words.gaps[i] == Gap.STOP or "\n" in words.between(i)]
    bounds = [0, *breaks, len(words)]
    return [(a, b) for a, b in pairwise(bounds) if a < b]


def declared(tag: str | None) -> Language | None:
    """Return the language of a BCP 47 tag such as ``de-CH``; other and missing tags give None."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    return next((language for language in Language if language.value == primary), None)
