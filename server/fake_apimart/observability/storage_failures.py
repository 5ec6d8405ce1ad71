"""Failures of the storage in the log: a line for each, but for those of a storage that is full."""

from __future__ import annotations

import asyncio
import logging

from fake_apimart_storage import StorageError, StorageFull

from fake_apimart.observability.log import logger_of
from fake_apimart.observability.seldom import SeldomLine
from fake_apimart.settings.names import flag_of, variable_of

_LIMIT = "max_memory_bytes"
_FULL = SeldomLine(
    logger_of(__name__),
    "memory:// is full, and nothing in it has expired: %d write(s) were refused; "
    f"{flag_of(_LIMIT)} or {variable_of(_LIMIT)} lets it hold more, {flag_of('storage')} dir:PATH "
    "keeps files on a disk, and a reset deletes them",
)


def tell(logger: logging.Logger, what: str, error: StorageError) -> None:
    """Log in the event loop that something could not be done; `error` says why."""
    if isinstance(error, StorageFull):
        _FULL.note(asyncio.get_running_loop().time())
    else:
        logger.error("%s: %s", what, error)
