"""Writes synthetic patients as a FHIR Bulk Data export: NDJSON by resource type, in one file each or in several.

The resources stand in a folder of their own, ``fhir``, so that it can be given to a replay as it is; labels beside it.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

import orjson

from cds_service.errors import RequestError
from cds_service.synth.chart import Charts, label
from cds_service.synth.resources import house

_RESOURCES: Final = "fhir"
_LABELS: Final = "labels.ndjson"
_FLUSH_AT: Final = 1 << 20  # bytes gathered for a file before they are written


class Compression(StrEnum):
    """How files are packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Export:
    """A folder that is being filled. Patient n stands in the files of part n modulo ``parts``."""

    def __init__(self, folder: Path, *, compression: Compression, parts: int) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise RequestError(f"--out {folder}: the folder is not empty")
        (folder / _RESOURCES).mkdir(parents=True)
        self._folder = folder
        self._parts = parts
        self._ending, self._pack = _packing(compression)
        self._files: dict[str, IO[bytes]] = {}
        self._waiting: dict[str, bytearray] = {}
        self._stack = ExitStack()
        self.counts: dict[str, int] = {}

    def write(self, charts: Charts, patients: int, values: Mapping[str, float], seed: int) -> Iterator[int]:
        """Write that many patients and their labels; yield after each how many there are."""
        with self._stack:
            for resource in house(int(values["clinicians_per_department"])):
                self._take(resource, 0)
            for number in range(patients):
                patient = charts.patient(number)
                for resource in patient.resources:
                    self._take(resource, number % self._parts)
                for told in patient.labels:
                    self._line(_LABELS, label(told))
                yield number + 1
            for name in self._waiting:
                self._flush(name)
        about = {"synthetic": True, "seed": seed, "patients": patients, "parameters": dict(values)}
        self._folder.joinpath("about.json").write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))

    def _take(self, resource: Mapping[str, Any], part: int) -> None:
        kind = resource["resourceType"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        numbered = f".{part:03d}" if self._parts > 1 else ""
        self._line(f"{_RESOURCES}/{kind}{numbered}.ndjson{self._ending}", resource)

    def _line(self, name: str, content: Mapping[str, Any]) -> None:
        waiting = self._waiting.setdefault(name, bytearray())
        waiting += orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
        if len(waiting) >= _FLUSH_AT:
            self._flush(name)

    def _flush(self, name: str) -> None:
        if name not in self._files:
            raw = self._stack.enter_context((self._folder / name).open("wb"))
            packed = None if name == _LABELS else self._pack(raw)
            self._files[name] = self._stack.enter_context(packed) if packed else raw
        self._files[name].write(self._waiting[name])
        self._waiting[name].clear()


def _gzip(raw: IO[bytes]) -> IO[bytes]:
    # No time and no name in the file: the same patients give the same bytes.
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)  # type: ignore[return-value]


def _packing(compression: Compression) -> tuple[str, Callable[[IO[bytes]], IO[bytes] | None]]:
    """Return the ending of the files and what packs them."""
    if compression is Compression.GZIP:
        return ".gz", _gzip
    if compression is Compression.NONE:
        return "", lambda _: None
    try:
        import zstandard  # noqa: PLC0415 - of an extra
    except ImportError:
        raise RequestError("--compress zstd needs the package zstandard; install the extra replay") from None
    # one compressor can write one stream at a time only
    return ".zst", lambda raw: zstandard.ZstdCompressor().stream_writer(raw)
