"""Compiles the words of a language when a text first needs it, which keeps the start of the service short."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from cds_service.domain.vocabulary import Language
from cds_service.knowledge.findings import FindingsKnowledge, LanguageKnowledge
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.mentions import Composer
from cds_service.reading.stated import Conditions, StatedReader


@dataclass(frozen=True, slots=True)
class CompiledLanguage:
    """All that reads one language."""

    lexicon: Lexicon
    composer: Composer
    stated: StatedReader


class CompiledLanguages:
    """The languages that are read, each compiled once; may be shared by threads."""

    def __init__(
        self,
        findings: FindingsKnowledge,
        languages: Mapping[Language, LanguageKnowledge],
        conditions: Conditions,
    ) -> None:
        self._findings = findings
        self._languages = languages
        self._conditions = conditions
        self._compiled: dict[Language, CompiledLanguage] = {}
        self._lock = Lock()

    def __getitem__(self, language: Language) -> CompiledLanguage:
        """Return a language, compiled by the first who asks while others wait."""
        known = self._compiled.get(language)
        if known is not None:
            return known
        with self._lock:
            if language not in self._compiled:
                lexicon = Lexicon(self._findings, self._languages[language])
                stated = StatedReader(self._conditions, language)
                self._compiled[language] = CompiledLanguage(lexicon, Composer(lexicon), stated)
        return self._compiled[language]
