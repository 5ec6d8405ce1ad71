"""The connection under a request, where an answer is broken off on purpose."""

from __future__ import annotations

import socket
import struct
import sys
import weakref
from typing import TYPE_CHECKING

from starlette.types import Scope

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

CYCLE = "fake_apimart.cycle"
"""Scope key: a weak reference to uvicorn's state of the request and its answer."""

# Linger on, for no time at all: closing then resets the connection.
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def cycle_of(scope: Scope) -> RequestResponseCycle | None:
    """uvicorn's state of a request and its answer; None once the connection has forgotten it."""
    reference: weakref.ref[RequestResponseCycle] = scope[CYCLE]
    return reference()


def abandon(scope: Scope, *, reset: bool) -> None:
    """End the connection without the rest of an answer; with a TCP reset where asked."""
    cycle = cycle_of(scope)
    if cycle is None:
        return
    # Else uvicorn takes an answer without an end for a fault of the application.
    cycle.disconnected = True
    if reset:
        listening: socket.socket | None = cycle.transport.get_extra_info("socket")
        if listening is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        cycle.transport.abort()
    else:
        cycle.transport.close()


def is_closed(scope: Scope) -> bool:
    """Whether nobody is left to be answered."""
    cycle = cycle_of(scope)
    return cycle is None or cycle.disconnected
