"""Tells the language of a report: declared, else by its most frequent small words; unknown stays unknown."""

from collections.abc import Mapping

from cds_service.domain.vocabulary import Language
from cds_service.knowledge.findings import LanguageKnowledge
from cds_service.reading.words import Words, fold

_LOOKED_AT = 400
_MARGIN = 1.3
_LETTERS = {Language.DE: frozenset("äöüßÄÖÜ"), Language.RO: frozenset("ăâîșțşţĂÂÎȘȚŞŢ")}
_LETTER_WEIGHT = 1.5


class LanguageDetector:
    """Counts the small words of each language."""

    def __init__(self, languages: Mapping[Language, LanguageKnowledge]) -> None:
        self._words = {code: frozenset(map(fold, known.detect.words)) for code, known in languages.items()}

    def detect(self, words: Words) -> Language | None:
        """Return the language whose words prevail clearly, or None."""
        looked_at = words.words[:_LOOKED_AT]
        if not looked_at:
            return None
        opening = words.text[: words.ends[len(looked_at) - 1]]
        scores = {code: float(sum(word in known for word in looked_at)) for code, known in self._words.items()}
        for code, letters in _LETTERS.items():
            scores[code] += _LETTER_WEIGHT * sum(map(opening.count, letters))
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        (best, score), (_, second) = ranked[0], ranked[1]
        return best if score > 0 and score >= second * _MARGIN else None


def declared(tag: str | None) -> Language | None:
    """Return the language of a BCP 47 tag such as ``de-CH``; other and missing tags give None."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    return next((language for language in Language if language.value == primary), None)
