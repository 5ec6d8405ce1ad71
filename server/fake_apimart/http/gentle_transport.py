"""The end of a connection on which the client may still be sending."""

from __future__ import annotations

import asyncio
from typing import Protocol

RESET_AVOIDANCE_SECONDS = 0.5
"""How long a connection outlives an answer to a client that may still be sending (go)."""


class Output(Protocol):
    """What of a transport an answer needs."""

    def write(self, data: bytes) -> None: ...

    def write_eof(self) -> None: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...


class GentleTransport:
    """Ends a connection as Go's server does.

    Closing it while something lies unread resets it, and the client may lose the answer. So only
    our side is shut at first.
    """

    def __init__(self, transport: Output) -> None:
        self._transport = transport
        self.write = transport.write
        self.is_closing = transport.is_closing

    def write_eof(self) -> None:
        """Shut our side."""
        if not self.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Shut our side now, and the other after RESET_AVOIDANCE_SECONDS."""
        if not self.is_closing():
            self.write_eof()
            loop = asyncio.get_running_loop()
            loop.call_later(RESET_AVOIDANCE_SECONDS, self._transport.close)
