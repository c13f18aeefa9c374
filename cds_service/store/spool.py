"""Rows that the database could not take, kept in files of this machine until it can.

A row counts as kept once its line is on the disk. Each process writes files of its own and holds a lock on the one it
is writing, so that what a killed process left behind is told from what is still being written. A file holds what the
database row would hold and nothing else, behind it at most the zeros of space that was taken from the disk in advance;
directory and files are for this user only.
"""

import fcntl
import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.store.records import StoreError
from cds_service.store.reserve import SEGMENT_BYTES, Reserve, has_room

_log = logging.getLogger("cds_service.store")
_SUFFIX = ".rows"
_REFUSED_SUFFIX = ".refused"
_DAMAGED_SUFFIX = ".damaged"
_DISCARDED = "discarded-rows"
# Part of the limit that files put aside may hold before the oldest of them go.
_ASIDE_SHARE = 0.25


class SpoolError(StoreError):
    """The spool is full or cannot be written: the row is kept nowhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row for a table, values as they are in JSON."""

    table: str
    row: Mapping[str, Any]


@dataclass(slots=True)
class _Segment:
    descriptor: int
    path: Path
    size: int = 0


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _encode(line: Line) -> bytes:
    # Plain JSON: it also holds halves of surrogate pairs, which callers may send.
    body = json.dumps({"table": line.table, "row": dict(line.row)}, default=_moment, separators=(",", ":")).encode()
    # Behind a checksum, so that a line that was half written when the power went is known as such.
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _decode(raw: bytes) -> Line | None:
    checksum, _, body = raw.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        found = json.loads(body)
        return Line(found["table"], found["row"])
    except (ValueError, KeyError, TypeError):
        return None


class Spool:
    """The files of one database below ``folder``; ``limit`` is how many bytes all of them may hold.

    ``reserve`` bytes of it are taken from the disk in advance by ``hold_reserve``.
    """

    def __init__(self, folder: Path, limit: int, reserve: int = 0) -> None:
        self._folder = folder
        self._limit = limit
        self._reserve = Reserve(folder, min(reserve, limit) // SEGMENT_BYTES)
        self._open: _Segment | None = None
        self._lock = threading.Lock()

    def append(self, lines: Sequence[Line]) -> None:
        """Keep all lines or none, on the disk when this returns. Raises SpoolError."""
        try:
            data = b"".join(map(_encode, lines))
        except TypeError as error:
            raise SpoolError(f"spool: not to be written ({type(error).__name__})") from error
        with self._lock:
            try:
                self._write(data)
            except OSError as error:
                raise SpoolError(f"spool: {error.strerror or type(error).__name__}") from error

    def sizes(self) -> tuple[int, int]:
        """Return how many files and bytes wait."""
        own, sizes = self._open, []
        for path in self._files():
            # Another process may have carried it over since the folder was looked through.
            with suppress(FileNotFoundError):
                sizes.append(own.size if own is not None and own.path == path else path.stat().st_size)
        return len(sizes), sum(sizes)

    def aside(self) -> tuple[int, int]:
        """Return how many files and bytes lie aside: rows that were refused, and files with damaged lines."""
        sizes = [size for _, size, _ in self._aside()]
        return len(sizes), sum(sizes)

    @property
    def discarded(self) -> int:
        """How many rows that lay aside were deleted so far, because too many did; counted for all processes."""
        try:
            return int((self._folder / _DISCARDED).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @property
    def reserve(self) -> int:
        """How many bytes are held in reserve now."""
        return len(self._reserve.free()) * SEGMENT_BYTES

    def hold_reserve(self) -> None:
        """Take the reserve from the disk, or what is missing of it. Raises ReserveError."""
        self._reserve.fill()

    def room(self) -> bool:
        """Whether another row would find a place."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.sizes()[1] >= self._limit or not os.access(self._folder, os.W_OK):
                return False
            return bool(self._reserve.free()) or has_room(self._folder)
        except OSError:
            return False

    @contextmanager
    def taken(self) -> Iterator[list[Path] | None]:
        """Take what waits, oldest first, for as long as the block runs; ``None`` while another process does so.

        What is written from now on goes into a new file. Files that another process is writing are left to it.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / "replay.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _locked(descriptor):
                yield None
                return
            with self._lock:
                self._end_segment()
            yield [path for path in self._files() if _is_left(path)]
        finally:
            os.close(descriptor)

    def refuse(self, lines: Sequence[Line], path: Path) -> None:
        """Put lines aside that the database will never take; somebody has to look at them."""
        aside = os.open(path.with_suffix(_REFUSED_SUFFIX), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(aside, "wb") as file:
            file.write(b"".join(map(_encode, lines)))
            file.flush()
            os.fsync(file.fileno())
        self._bound_aside()

    def forget(self, path: Path, *, whole: bool) -> None:
        """Delete a file whose rows are stored; one with damaged lines is put aside instead."""
        if whole:
            path.unlink(missing_ok=True)
        else:
            path.rename(path.with_suffix(_DAMAGED_SUFFIX))
            self._bound_aside()

    def close(self) -> None:
        """End the file that is being written; it stays for the next start."""
        with self._lock:
            self._end_segment()

    def _files(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(path for path in self._folder.iterdir() if path.suffix == _SUFFIX)
        return []

    def _aside(self) -> list[tuple[float, int, Path]]:
        """Return time, size and path of what lies aside, oldest first."""
        found = []
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.suffix in {_REFUSED_SUFFIX, _DAMAGED_SUFFIX}:
                    state = path.stat()
                    found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _bound_aside(self) -> None:
        """Delete the oldest files that lie aside while all of them are too large; the newest one always stays."""
        files = self._aside()
        total = sum(size for _, size, _ in files)
        for _, size, path in files[:-1]:
            if total <= self._limit * _ASIDE_SHARE:
                return
            rows = path.read_bytes().count(b"\n")
            path.unlink()
            total -= size
            # Only one process at a time carries over, and so gets here.
            (self._folder / _DISCARDED).write_text(str(self.discarded + rows))
            _log.error("spool: %s with %d rows was deleted, because too much lies aside", path.name, rows)

    def _write(self, data: bytes) -> None:
        if self.sizes()[1] + len(data) > self._limit:
            raise SpoolError("spool: full")
        if self._open is not None and self._open.size + len(data) > SEGMENT_BYTES:
            self._end_segment()
        segment = self._open or self._begin_segment()
        try:
            written = 0
            while written < len(data):
                written += os.write(segment.descriptor, data[written:])
            os.fdatasync(segment.descriptor)
        except OSError:
            # Half a line must not stand before whole ones: the file ends with what it held before.
            self._end_segment()
            raise
        segment.size += len(data)

    def _begin_segment(self) -> _Segment:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{time.time_ns():020d}-{uuid4().hex}{_SUFFIX}"
        # Locked before it has its name: nobody may take it for one that was left behind.
        descriptor, nameless = self._reserve.claim(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        nameless.rename(path)
        # The name of the file has to survive as well.
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._open = _Segment(descriptor, path)
        return self._open

    def _end_segment(self) -> None:
        segment, self._open = self._open, None
        if segment is None:
            return
        try:
            os.ftruncate(segment.descriptor, segment.size)
        finally:
            os.close(segment.descriptor)
        if segment.size == 0:
            segment.path.unlink(missing_ok=True)


def read_lines(path: Path) -> tuple[list[Line], int]:
    """Return the whole lines of a file and how many are damaged: never confirmed, or changed by somebody."""
    raw = path.read_bytes().rstrip(b"\0").split(b"\n")
    found = [_decode(line) for line in raw if line]
    return [line for line in found if line is not None], found.count(None)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_left(path: Path) -> bool:
    """Whether nobody writes the file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return _locked(descriptor)
    finally:
        os.close(descriptor)
