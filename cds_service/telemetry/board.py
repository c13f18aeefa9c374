"""Numbers of several processes in memory that they share, so that any of them can tell those of all.

Each process has a lane that it alone writes. A lane outlives its process: the next one takes it over and counts on, so
that no counter ever falls. Nothing is written to a disk.
"""

import logging
import mmap
import multiprocessing
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger("cds_service.telemetry")

# Room for some 4,000 series; pages that nothing was written to cost nothing.
_LANE_BYTES = 512 * 1024
_WORD = 8
# Words at the beginning of a lane: process id, heartbeat, words used.
_PROCESS, _HEARTBEAT, _USED, _HEADER = 0, 1, 2, 4
# A worker says this often that it lives, and counts as gone when it did not for so long.
HEARTBEAT_SECONDS = 5.0
_GONE_SECONDS = 6 * HEARTBEAT_SECONDS
_CLAIM_SECONDS = 5
_SIZES = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Entry:
    """Numbers under one key. ``running`` says whether their process is."""

    key: bytes
    values: Sequence[float]
    running: bool


class Lane:
    """The numbers of one process: ``values`` is changed in place, at the indexes that ``place`` gives."""

    def __init__(self, memory: memoryview, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes = memory
        self.values = memory.cast("d")
        self._clock = clock

    def take(self) -> None:
        """Make it the lane of this process."""
        if self.values[_USED] == 0:
            self.values[_USED] = _HEADER
        self.beat()
        self.values[_PROCESS] = os.getpid()

    def beat(self) -> None:
        """Say that this process runs."""
        self.values[_HEARTBEAT] = self._clock()

    @property
    def held(self) -> bool:
        """Whether the process of this lane is there at all, so that nobody else may write to it."""
        process = int(self.values[_PROCESS])
        if process == os.getpid():
            # this process itself, or one before it that had its number
            return self._told
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return process != 0

    @property
    def running(self) -> bool:
        """Whether the process of this lane says that it lives; one that hangs for long counts as gone."""
        return self._told and self.held

    @property
    def _told(self) -> bool:
        return self._clock() - self.values[_HEARTBEAT] <= _GONE_SECONDS

    def place(self, key: bytes, count: int) -> int | None:
        """Return the index of the first of ``count`` new numbers under ``key``; ``None`` when the lane is full."""
        start = int(self.values[_USED])
        words = -(-len(key) // _WORD)
        index = start + 1 + words
        if index + count > len(self.values):
            return None
        place = start * _WORD
        self._bytes[place : place + _WORD] = _SIZES.pack(len(key), count)
        self._bytes[place + _WORD : place + _WORD + len(key)] = key
        for position in range(index, index + count):
            self.values[position] = 0.0
        # Last, so that a reader in another process finds whole entries only.
        self.values[_USED] = index + count
        return index

    def entries(self) -> Iterator[tuple[bytes, int, int]]:
        """Return each key with the index of its first number and how many it has."""
        position, used = _HEADER, int(self.values[_USED])
        while position < used:
            place = position * _WORD
            length, count = _SIZES.unpack(self._bytes[place : place + _WORD])
            index = position + 1 + -(-length // _WORD)
            yield bytes(self._bytes[place + _WORD : place + _WORD + length]), index, count
            position = index + count


class Board:
    """Lanes for so many processes at once; made before they are forked, so that they share it."""

    def __init__(self, lanes: int = 1, lane_bytes: int = _LANE_BYTES) -> None:
        self._memory = mmap.mmap(-1, lanes * lane_bytes)
        whole = memoryview(self._memory)
        self._lanes = [Lane(whole[n * lane_bytes : (n + 1) * lane_bytes]) for n in range(lanes)]
        self._claiming = multiprocessing.Lock()

    def __reduce__(self) -> tuple[type["Board"], tuple[()]]:
        """Where processes are not forked, each has a board of its own: a scrape tells of the one that it reaches."""
        return Board, ()

    def claim(self) -> Lane:
        """Return a lane for this process: one that was left, before one that was never used."""
        held = self._claiming.acquire(timeout=_CLAIM_SECONDS)
        try:
            free = [lane for lane in self._lanes if not lane.held]
            if not held or not free:
                _log.warning("no lane of the metrics is free; this process is missing in them")
                return _lane_apart()
            lane = max(free, key=lambda one: one.values[_USED])
            lane.take()
            return lane
        finally:
            if held:
                self._claiming.release()

    def entries(self) -> Iterator[Entry]:
        """Return the numbers of all processes, of those that ended as well."""
        for lane in self._lanes:
            running = lane.running
            for key, index, count in lane.entries():
                yield Entry(key, lane.values[index : index + count].tolist(), running)

    @property
    def running(self) -> int:
        """How many processes run."""
        return sum(lane.running for lane in self._lanes)


def _lane_apart() -> Lane:
    memory: Any = bytearray(_LANE_BYTES)
    lane = Lane(memoryview(memory))
    lane.take()
    return lane
