"""Locks and places by name, among the requests of one server or of all that share a state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager


class Locks(ABC):
    """What only one may do at a time. One whose holder dies is free again after a while."""

    @abstractmethod
    def holding(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock while the block runs, once nobody else does. Raises StateError."""

    @abstractmethod
    async def occupy(self, name: str, holder: str, places: int, seconds: float) -> bool:
        """Give `holder` one of so many places, for so long; return False where none is free.

        Raises StateError.
        """

    @abstractmethod
    async def vacate(self, name: str, holder: str | None = None) -> None:
        """Take the place of `holder`, or all places, from who has them. Raises StateError."""

    @abstractmethod
    async def claim(self, name: str, seconds: float) -> bool:
        """Return True to the first who asks within so many seconds. Raises StateError."""
