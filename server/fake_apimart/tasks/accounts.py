"""What each world has left: its balance less the cost of its completed tasks."""

from __future__ import annotations

from fake_apimart.contract import errors
from fake_apimart.contract.amounts import MINIMUM_BALANCE, round_amount
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.worlds.world import World


class Accounts:
    """The accounts of all worlds. What waits raises StorageError and StateError."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def require(self, world: World) -> None:
        """Raise `insufficient_balance` where less than the minimum is left.

        What is spent is looked up at most where it depends on tasks that have not completed yet.
        """
        committed = await self._ledger.committed(world)
        if world.settings.balance - committed > 2 * MINIMUM_BALANCE:
            # Without rounding, which only matters close to the minimum.
            return
        if left(world, committed) >= MINIMUM_BALANCE:
            return
        remaining = left(world, await self.spent(world))
        if remaining < MINIMUM_BALANCE:
            raise errors.insufficient_balance(world.token_id, remaining)

    async def spent(self, world: World) -> float:
        """Return the cost of the tasks that have completed by now."""
        return await self._ledger.spent(world)


def left(world: World, spent: float) -> float:
    """Return what is left of the world's balance, at least 0."""
    return max(0.0, round_amount(world.settings.balance - spent))
