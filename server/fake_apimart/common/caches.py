"""Functions that remember what they gave back for short inputs.

Clients send the same few keys, header names and file names again and again. What is long is never
kept: a client may send a megabyte.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

MOST = 1024
LONGEST = 256

Input = TypeVar("Input", bytes, str)
Output = TypeVar("Output")


def remembered(function: Callable[[Input], Output]) -> Callable[[Input], Output]:
    """`function`, whose result depends on its input alone, with a memory for the latest MOST inputs
    of at most LONGEST bytes or characters.
    """
    known = functools.lru_cache(MOST)(function)

    @functools.wraps(function)
    def recall(given: Input) -> Output:
        return known(given) if len(given) <= LONGEST else function(given)

    return recall
