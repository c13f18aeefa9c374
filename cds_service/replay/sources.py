"""Opens Bulk Data files wherever they are (a path, a folder, a pattern, an object-store URL) and gives their lines."""

import gzip
import io
import posixpath
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import fsspec
import zstandard

from cds_service.errors import MarrowError

_NAMES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".ndjson.zst", ".jsonl.zst")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LONGEST_LINE: Final = 32 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_PACKED: Final = 1024


class SourceError(MarrowError):
    """An input cannot be found or opened."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its URL or path, and its size in bytes as stored."""

    place: str
    size: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its number from 1; ``fault`` says why it could not be read, and then it has no content."""

    number: int
    content: bytes
    fault: str = ""


def list_sources(given: Sequence[str]) -> tuple[Source, ...]:
    """Return the files that paths, folders, patterns and URLs stand for, each once, in the order of their names.

    In a folder those count that end in .ndjson or .jsonl, plain or compressed. Raises SourceError for what is not
    there.
    """
    found: dict[str, Source] = {}
    for place in given:
        try:
            system, path = fsspec.core.url_to_fs(place)
            for name in _matching(system, path):
                address = str(system.unstrip_protocol(name))
                found[address] = Source(address, int(system.size(name) or 0))
        except (OSError, ValueError, ImportError) as error:
            raise SourceError(f"{place}: {_reason(error)}") from None
    return tuple(found[address] for address in sorted(found))


def _matching(system: Any, path: str) -> list[str]:
    if system.isdir(path):
        names = [str(name) for name in system.find(path) if posixpath.basename(str(name)).endswith(_NAMES)]
    elif any(sign in path for sign in "*?["):
        names = [str(name) for name in system.glob(path)]
    else:
        names = [path] if system.exists(path) else []
    if not names:
        raise FileNotFoundError(2, "no such file, or a folder without .ndjson files")
    return names


def lines(source: Source) -> Iterator[Line]:
    """Yield the lines of a file that are not empty. Compression is told by the content, not by the name.

    A file that breaks off, is damaged or too long in a line gives a faulty line for that place and ends there or goes
    on after it. Raises SourceError when it cannot be opened.
    """
    try:
        opened = fsspec.open(source.place, "rb").open()
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"{source.place}: {_reason(error)}") from None
    with closing(opened) as raw:
        stream = _unpacked(raw)
        number = 0
        while True:
            number += 1
            try:
                content = stream.readline(_LONGEST_LINE)
                if len(content) == _LONGEST_LINE and not content.endswith(b"\n"):
                    _skip_line(stream)
                    yield Line(number, b"", "line too long")
                    continue
            except (OSError, EOFError, zlib.error, zstandard.ZstdError):
                yield Line(number, b"", "file damaged or incomplete from here")
                return
            if not content:
                return
            if not content.isspace():
                yield Line(number, content)


def _unpacked(raw: Any) -> BinaryIO:
    head = raw.read(4)
    raw.seek(0)
    if head.startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), _CHUNK)
    if head == _ZSTD:
        return io.BufferedReader(_Zstd(raw), _CHUNK)
    return io.BufferedReader(raw, _CHUNK)


class _Zstd(io.RawIOBase):
    """Unpacks frames after each other; unlike the library, it tells a file that breaks off from one that ends.

    It is fed in small pieces, because each may unpack to thirty thousand times its size.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._packed = b""
        self._frame: Any = None
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; 0 is the end. Raises EOFError in the middle of a frame."""
        while not self._unpacked:
            self._packed = self._packed or self._raw.read(_CHUNK)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError
                return 0
            piece, self._packed = self._packed[:_PACKED], self._packed[_PACKED:]
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._unpacked = memoryview(self._frame.decompress(piece))
            if self._frame.eof:
                self._packed = self._frame.unused_data + self._packed
                self._frame = None
        size = min(len(buffer), len(self._unpacked))
        buffer[:size], self._unpacked = self._unpacked[:size], self._unpacked[size:]
        return size


def _skip_line(stream: BinaryIO) -> None:
    while True:
        part = stream.readline(_LONGEST_LINE)
        if not part or part.endswith(b"\n"):
            return


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
