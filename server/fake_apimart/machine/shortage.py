"""Shortages of the machine: of file descriptors, processes, threads or memory.

What fails for one is not done, is answered so, and is tried again by the next call.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

DESCRIPTORS_TO_LOAD = 8
"""How many descriptors must be free before a library is loaded: it may open several at once."""


class Shortage(Exception):
    """Something cannot be done for now, since the machine is short of what it needs."""


@contextlib.contextmanager
def loading(module: str) -> Iterator[None]:
    """Raise Shortage where the block cannot import `module` for want of descriptors or memory.

    The first time the block does not begin with too few descriptors: many libraries take a part of
    theirs that cannot be opened for one that is not installed, and remember that for good.
    """
    try:
        if module not in sys.modules:
            require_descriptors()
        yield
    except ModuleNotFoundError:
        raise
    except (ImportError, OSError, MemoryError, RuntimeError) as error:
        # A library that is there but cannot be opened is an ImportError.
        raise Shortage(f"cannot load {module}: {error}") from error


def require_descriptors() -> None:
    """Raise OSError where fewer than DESCRIPTORS_TO_LOAD can be opened."""
    with contextlib.ExitStack() as opened:
        for _ in range(DESCRIPTORS_TO_LOAD):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
