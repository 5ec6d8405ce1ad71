"""A budget of memory that several threads share: whoever needs more than is left waits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Budget:
    """A budget of `total` bytes. What needs more than all of it gets all of it."""

    def __init__(self, total: int) -> None:
        self._total = self._left = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taking(self, amount: int) -> Iterator[None]:
        """Take `amount` bytes for the block, once they are there."""
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()
