"""The keys of the storage that are this server's, whether what is under them reads or not.

What other programs have put beside them is never deleted.
"""

from __future__ import annotations

from fake_apimart.callbacks import pending
from fake_apimart.contract import file_url
from fake_apimart.generation import idempotency
from fake_apimart.state.memory import saved_states
from fake_apimart.tasks import store as task_store

OWN_KEYS = (
    file_url.OWN_KEY,
    task_store.OWN_KEY,
    idempotency.OWN_KEY,
    pending.OWN_KEY,
    saved_states.OWN_KEY,
)


def is_own(key: str) -> bool:
    """Return whether this server, or another on the same storage, has made the key."""
    return any(pattern.fullmatch(key) for pattern in OWN_KEYS)
