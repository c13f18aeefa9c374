"""Remembers what was read in the last report texts: a chart is opened more often than its reports change."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

from cds_service.domain.facts import Reading, ReportText
from cds_service.domain.vocabulary import Language
from cds_service.fhir.reports import TextReader

# What is long is rare and read anew. An ordinary reading takes some 10 kB; a list of findings without end takes more.
_LONGEST = 40_000
_MOST_READINGS = 512
_MOST_BYTES = 8 * 1024 * 1024
# What a reading takes, and what each of its statements takes beside its sentence.
_BYTES_OF_READING = 1024
_BYTES_OF_STATEMENT = 512


class RememberedReadings:
    """A reader with a bounded memory, in this process only and shared by its threads.

    The key is a digest of the texts and of the version of the knowledge; neither key nor value names a patient, but
    the sentences of findings are kept with them, until as many other reports were read.
    """

    def __init__(
        self, reader: TextReader, version: str, most: int = _MOST_READINGS, most_bytes: int = _MOST_BYTES
    ) -> None:
        self._reader = reader
        self._version = version
        self._most = most
        self._most_bytes = most_bytes
        self._known: OrderedDict[bytes, Reading] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        """Return what the texts of one report say; a reading that the time cut short is never kept."""
        if sum(len(text.text) for text in texts) > _LONGEST or not in_time():
            return self._reader.read(texts, title=title, declared=declared, in_time=in_time)
        key = self._key(texts, title, declared)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                self.hits += 1
                return known
            self.misses += 1
        reading = self._reader.read(texts, title=title, declared=declared, in_time=in_time)
        if not reading.unfinished:
            self._keep(key, reading)
        return reading

    def _keep(self, key: bytes, reading: Reading) -> None:
        with self._lock:
            before = self._known.pop(key, None)
            self._bytes += _bytes_of(reading) - (_bytes_of(before) if before is not None else 0)
            self._known[key] = reading
            while len(self._known) > self._most or self._bytes > self._most_bytes:
                self._bytes -= _bytes_of(self._known.popitem(last=False)[1])

    def _key(self, texts: Sequence[ReportText], title: str, declared: Language | None) -> bytes:
        digest = blake2b(digest_size=32)
        parts = [self._version, title, declared.value if declared else ""]
        for text in texts:
            parts += [text.text, text.element, text.language or ""]
        for part in parts:
            # with its length, so that no two lists of parts look alike
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()


def _bytes_of(reading: Reading) -> int:
    """Return about what a reading takes; most of it is sentences, of which each statement has its own."""
    sentences = [one.sentence for one in reading.findings]
    sentences += [one.sentence for one in reading.stated]
    sentences += [sentence for conflict in reading.conflicts for sentence in conflict.sentences]
    return _BYTES_OF_READING + sum(_BYTES_OF_STATEMENT + len(sentence) for sentence in sentences)
