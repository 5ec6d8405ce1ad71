"""A TCP proxy of the soak's own: it passes on, hangs, answers errors, and cuts at random."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from typing import Self

from soak.http_client import Address

_READ_BYTES = 256 * 1024
_CUT_BYTES = 2_000_000
_RESET = struct.pack("ii", 1, 0)
STORE_ERROR = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"
    b"Connection: close\r\nContent-Length: 91\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>"
    b"    </Error>"
)


class Proxy:
    """Forwards connections to `target`. `cuts` breaks each at a random place, in a random way.

    Cuts are resets, or the end of one direction alone, as of a client that shuts its side.
    """

    def __init__(self, target: Address, rng: random.Random, *, cuts: bool = False) -> None:
        self.target = target
        self._random = rng
        self._cuts = cuts
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._error = b""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.pass_on()
        self.reset()

    @property
    def address(self) -> Address:
        """Where the proxy listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    def hang(self) -> None:
        """Pass nothing on, in either direction, and keep the connections."""
        self._flowing.clear()

    def answer_errors(self) -> None:
        """Answer what a client sends from now on with STORE_ERROR."""
        self._error = STORE_ERROR

    def pass_on(self) -> None:
        """Forward again."""
        self._error = b""
        self._flowing.set()

    def reset(self) -> None:
        """Reset all connections."""
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            _reset(writer)
            return
        both = {writer, far_writer}
        self._writers |= both
        limits = self._limits()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._forward(reader, far_writer, writer, limits[0], is_upwards=True),
                self._forward(far_reader, writer, far_writer, limits[1], is_upwards=False),
            )
        self._writers -= both
        for each in both:
            each.close()

    def _limits(self) -> tuple[int | None, int | None]:
        """Return after how many bytes each direction is cut: at most one is."""
        if not self._cuts:
            return None, None
        # Small ones more often than large ones: heads and first chunks matter most.
        limit = int(_CUT_BYTES ** self._random.random())
        return (limit, None) if self._random.random() < 0.5 else (None, limit)

    async def _forward(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        limit: int | None,
        *,
        is_upwards: bool,
    ) -> None:
        forwarded = 0
        # uvloop says RuntimeError where a connection was reset meanwhile.
        with contextlib.suppress(OSError, RuntimeError):
            while data := await source.read(_READ_BYTES):
                await self._flowing.wait()
                if is_upwards and self._error:
                    back.write(self._error)
                    await back.drain()
                    back.close()
                    break
                if limit is not None and forwarded + len(data) > limit:
                    target.write(data[: limit - forwarded])
                    self._cut(target, back)
                    break
                forwarded += len(data)
                target.write(data)
                await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.write_eof()

    def _cut(self, target: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        if self._random.random() < 0.5:
            _reset(target)
            _reset(back)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
