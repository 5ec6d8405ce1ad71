"""All that servers share beside the storage, or one has for itself alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fake_apimart.common.clock import Clock
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State


class SharedState(NamedTuple):
    """The state, with the time of all who share it, and what makes the one that counts costs."""

    state: State
    locks: Locks
    clock: Clock
    ledger: Callable[[TaskStore], Ledger]
