"""Keeps the garbage collector away from what a process loads at its start and keeps until its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Load without collecting: what is loaded stays, and looking through it again and again is a sixth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def loading_for_good() -> Iterator[None]:
    """Load without collecting, and take what is there afterwards out of all later collections.

    During calls the collector then looks at what calls made only: at its usual thresholds this costs two hundredths of
    their time, so they are left as they are. What loading left behind for it is some thousand objects, fewer than it
    is worth to look for among all, and to take them out of the middle makes workers share less with who loaded them.
    """
    with without_collecting():
        yield
        gc.freeze()
