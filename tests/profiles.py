"""How many examples hypothesis makes up: few by default, all with HYPOTHESIS_PROFILE=thorough.

`make coverage` and `make test-latest` are thorough, and so CI is with every change.
"""

from __future__ import annotations

import os

from hypothesis import settings

NORMAL = 100
"""How many examples a test has by default where it is thorough."""


def load() -> None:
    """Load the profile that the environment names."""
    # On a busy machine an example may exceed the default deadline.
    settings.register_profile("quick", deadline=None, max_examples=NORMAL // 4)
    settings.register_profile("thorough", deadline=None, max_examples=NORMAL)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def examples(thorough: int) -> int:
    """Return how many examples a test has that makes up so many where it is `thorough`."""
    return max(1, thorough * settings().max_examples // NORMAL)
