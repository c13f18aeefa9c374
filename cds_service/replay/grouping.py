"""Brings the lines of one patient together in bounded memory: they are dealt to files by the patient's keyed hash.

Each bucket takes a range of hashes, so that the buckets one after the other are in the order of the hashes, however
many there are and however the export was cut.
"""

import io
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

import orjson
import zstandard

from cds_service.replay.patient import keyed
from cds_service.replay.routing import BadLineError, route
from cds_service.replay.rows import Counts
from cds_service.replay.sources import Source, lines

# Small, so that a small export still keeps several processes busy.
_BUCKET_BYTES: Final = 1024 * 1024
_MOST_BUCKETS: Final = 256
# So much of a bucket is held at a time; a bigger one is read several times, a range of its patients each.
_HELD_BYTES: Final = 64 * 1024 * 1024
# Every bucket has a packer while lines are dealt, so each gets little memory.
_PACKING: Final = zstandard.ZstdCompressionParameters.from_level(1, window_log=17)
# What a byte of an export unpacks to, about; only the number of buckets depends on it.
_UNPACKED: Final = {".gz": 10, ".zst": 12}
_KEY_DIGITS: Final = 4
_KEY_RANGE: Final = 16**_KEY_DIGITS
# Patients whose keys begin alike in so many digits stay in one range.
_RANGE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was not read: file, number from 1, reason."""

    source: str
    line: int
    reason: str


def bucket_count(sources: Iterable[Source]) -> int:
    """Return how many buckets keep each small enough to be held in memory: a power of two up to 256."""
    unpacked = sum(
        source.size * next((times for end, times in _UNPACKED.items() if source.place.endswith(end)), 1)
        for source in sources
    )
    wanted = 1
    while wanted < _MOST_BUCKETS and wanted * _BUCKET_BYTES < unpacked:
        wanted *= 2
    return wanted


def bucket_path(folder: Path, number: int) -> Path:
    """Return the file of one bucket."""
    return folder / f"bucket-{number:03}.zst"


def shared_path(folder: Path) -> Path:
    """Return the file of the resources that belong to no patient."""
    return folder / "shared.sqlite"


class Dealer:
    """Deals lines to bucket files in ``folder``; use it in a ``with`` block. ``counts`` tells what came in."""

    def __init__(self, folder: Path, buckets: int, hash_key: bytes) -> None:
        self.counts = Counts()
        self._folder = folder
        self._buckets = buckets
        self._hash_key = hash_key
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Self:
        for number in range(self._buckets):
            raw = self._stack.enter_context(bucket_path(self._folder, number).open("wb"))
            packer = zstandard.ZstdCompressor(compression_params=_PACKING)  # one serves one stream at a time
            self._files.append(cast("BinaryIO", self._stack.enter_context(packer.stream_writer(raw))))
        self._shared = self._stack.enter_context(SharedWriter(self._folder))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def deal(self, source: Source) -> Iterator[Problem | None]:
        """Deal all lines of ``source``; yields once for each line, a Problem for one that was not read."""
        for line in lines(source):
            self.counts.lines += 1
            reason = line.fault or self._take(line.content.strip())
            if reason:
                self.counts.problems[reason] = self.counts.problems.get(reason, 0) + 1
            yield Problem(source.place, line.number, reason) if reason else None

    def _take(self, content: bytes) -> str:
        try:
            routed = route(content)
        except BadLineError as error:
            return str(error)
        if routed.skipped:
            self.counts.skipped[routed.skipped] = self.counts.skipped.get(routed.skipped, 0) + 1
        elif routed.shared:
            self._shared.keep(routed.shared, content)
        else:
            number, prefix = self._place(routed.patient_id)
            self._files[number].write(b"%b%b\n" % (prefix, content.replace(b"\n", b" ")))
        return ""

    def _place(self, patient_id: str) -> tuple[int, bytes]:
        key = keyed(self._hash_key, "Patient", patient_id)
        number = int(key[:_KEY_DIGITS], 16) * self._buckets // _KEY_RANGE
        return number, f"{key}\t{orjson.dumps(patient_id).decode()}\t".encode()


class SharedWriter:
    """Writes the resources that belong to no patient to a file in ``folder``; use it in a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(shared_path(folder))
        self._connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "DROP TABLE IF EXISTS shared;"
            "CREATE TABLE shared (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.commit()
        self._connection.close()

    def keep(self, name: str, content: bytes) -> None:
        """Keep one version of a resource: the greatest, so that the order of the files does not matter."""
        self._connection.execute(
            "INSERT INTO shared VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = max(body, excluded.body)",
            (name, content),
        )


def patients(folder: Path, number: int) -> Iterator[tuple[str, str, list[bytes]]]:
    """Yield key, id and lines of each patient of a bucket, in the order of the keys."""
    path = bucket_path(folder, number)
    for first, last in _ranges(path):
        grouped: dict[tuple[str, str], list[bytes]] = {}
        for hashed, quoted, content in _rows(path):
            if first <= hashed[:_RANGE_DIGITS] <= last:
                grouped.setdefault((hashed.decode(), orjson.loads(quoted)), []).append(content)
        for (key, identity), contents in sorted(grouped.items()):
            yield key, identity, contents


def _ranges(path: Path) -> list[tuple[bytes, bytes]]:
    """Cut the keys of a bucket into ranges (first and last beginning) whose lines can be held in memory."""
    sizes: Counter[bytes] = Counter()
    for hashed, _, content in _rows(path):
        sizes[hashed[:_RANGE_DIGITS]] += len(content)
    found: list[tuple[bytes, bytes]] = []
    held = 0
    for beginning in sorted(sizes):
        if found and held + sizes[beginning] <= _HELD_BYTES:
            found[-1] = (found[-1][0], beginning)
            held += sizes[beginning]
        else:
            found.append((beginning, beginning))
            held = sizes[beginning]
    return found


def _rows(path: Path) -> Iterator[list[bytes]]:
    with path.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        for row in io.BufferedReader(reader):
            yield row.rstrip(b"\n").split(b"\t", 2)


class Shared:
    """Looks resources up that belong to no patient, in a file that a SharedWriter made."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def get(self, name: str) -> bytes | None:
        """Return the resource ``Type/id``, if the export had it."""
        found = self._connection.execute("SELECT body FROM shared WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
