"""Disk that is held in advance for the spool, so that a disk which others fill takes no record away."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from cds_service.store.records import StoreError

# One file of the spool; a worker holds one while it writes, so the reserve lasts for many workers.
SEGMENT_BYTES = 256 * 1024
_FREE_SUFFIX = ".free"
_CLAIMED_SUFFIX = ".new"
_FORGOTTEN_SECONDS = 3600.0


class ReserveError(StoreError):
    """Not all of the reserve could be taken from the disk."""


class Reserve:
    """So many empty files of ``SEGMENT_BYTES`` in ``folder``, their space already taken from the disk."""

    def __init__(self, folder: Path, files: int) -> None:
        self._folder = folder
        self._files = files

    def free(self) -> list[Path]:
        """Return the files that nobody uses yet."""
        with suppress(FileNotFoundError):
            return [path for path in self._folder.iterdir() if path.suffix == _FREE_SUFFIX]
        return []

    def fill(self) -> None:
        """Make the files that are missing. Raises ReserveError when the disk has no room for them."""
        if self._files == 0:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_missing()
        except OSError as error:
            held = len(self.free()) * SEGMENT_BYTES
            raise ReserveError(
                f"spool: only {held} of {self._files * SEGMENT_BYTES} bytes are held in reserve "
                f"({error.strerror or type(error).__name__})"
            ) from error

    def _make_missing(self) -> None:
        descriptor = os.open(self._folder / "reserve.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with suppress(BlockingIOError):
                # Whoever holds the lock fills it for everybody.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove_forgotten()
                for _ in range(self._files - len(self.free())):
                    _make(self._folder)
        finally:
            os.close(descriptor)

    def _remove_forgotten(self) -> None:
        """Delete what a process had begun to claim or to make when it was killed; nothing was written to it."""
        for path in self._folder.glob(f"*{_CLAIMED_SUFFIX}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_ctime > _FORGOTTEN_SECONDS:
                    path.unlink()

    def claim(self, path: Path) -> tuple[int, Path]:
        """Open an empty file, from the reserve if it has one, and return its descriptor and where it is.

        It is called like ``path`` with another ending, until whoever asked gives it its name.
        """
        nameless = path.with_suffix(_CLAIMED_SUFFIX)
        for free in self.free():
            # Another process may have been quicker with this one.
            with suppress(FileNotFoundError):
                free.rename(nameless)
                return os.open(nameless, os.O_WRONLY), nameless
        return os.open(nameless, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), nameless


def _make(folder: Path) -> None:
    begun = folder / f"{uuid4().hex}{_CLAIMED_SUFFIX}"
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SEGMENT_BYTES)
        begun.rename(begun.with_suffix(_FREE_SUFFIX))
    except OSError:
        begun.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def has_room(folder: Path) -> bool:
    """Whether the disk below ``folder`` has room for one more file. Raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= SEGMENT_BYTES
