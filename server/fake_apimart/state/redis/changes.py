"""What requests have changed and Redis is not told yet: it goes along with their entries."""

from __future__ import annotations

from dataclasses import dataclass, field

from fake_apimart_storage import Storage, StorageError

from fake_apimart.go.json import marshal
from fake_apimart.observability.log import logger_of

logger = logger_of(__name__)


@dataclass(slots=True, eq=False)
class Changes:
    """Rules that fired, tasks whose cost is committed, and keys that a request has just written.

    The keys are deleted where the world turns out to be gone.
    """

    fired: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Each as the owner of the rule, its token, the rule's id and the reservation's."""
    charged: list[tuple[str, float, int, int]] = field(default_factory=list)
    """Each as the task's id, its cost, its end in milliseconds, and 1 where only polls end it."""
    written: list[tuple[Storage, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.fired or self.charged or self.written)

    def take(self) -> Changes:
        """Return what there is, and have nothing any more."""
        taken = Changes(self.fired, self.charged, self.written)
        self.fired, self.charged, self.written = [], [], []
        return taken

    def put_back(self, taken: Changes) -> None:
        """Have what was taken again, before what came meanwhile."""
        self.fired = taken.fired + self.fired
        self.charged = taken.charged + self.charged
        self.written = taken.written + self.written

    async def discard(self) -> None:
        """Delete what was just written. What cannot be deleted is left to its expiry."""
        for storage, key in self.written:
            await discard(storage, key)

    def to_json(self) -> bytes:
        """Return what Redis is told; nothing where there is nothing."""
        if not self.fired and not self.charged:
            return b""
        return marshal({"fired": self.fired, "charged": self.charged})


async def discard(storage: Storage, key: str) -> None:
    """Delete what a request has just written, as far as the storage does that."""
    try:
        await storage.delete(key)
    except StorageError as error:
        logger.warning("%s is left to its expiry: %s", key, error)
