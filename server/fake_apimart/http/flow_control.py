"""Backpressure on a connection: pausing reads from the socket, waiting while it is full."""

from __future__ import annotations

import asyncio


class FlowControl:
    """The two directions of one connection; each is open or paused."""

    __slots__ = ("_drained", "_transport", "is_reading_paused", "is_writing_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.is_reading_paused = False
        self.is_writing_paused = False
        self._transport = transport
        self._drained = asyncio.Event()

    def pause_reading(self) -> None:
        """Stop reading from the socket."""
        if not self.is_reading_paused:
            self.is_reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the socket again."""
        if self.is_reading_paused:
            self.is_reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Make `drain` wait: the transport's buffer is full."""
        self.is_writing_paused = True
        self._drained.clear()

    def resume_writing(self) -> None:
        """Let `drain` return: the transport's buffer has room, or the connection is lost."""
        self.is_writing_paused = False
        self._drained.set()

    async def drain(self) -> None:
        """Wait until the transport's buffer has room."""
        if self.is_writing_paused:
            await self._drained.wait()
