"""An HTTP client over raw connections: what it sends can be slow, chunked, pipelined or cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

Address = tuple[str, int]

CHUNK_BYTES = 64 * 1024
SLOW_PIECES = 12
_LIMIT_BYTES = 1 << 20


class BrokenConnection(Exception):
    """The connection was refused, or ended before the whole answer had come."""


@dataclass(frozen=True)
class Request:
    """A request. `sent_bytes` cuts it: the writing side is shut after so many bytes of the body."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    pause: float = 0.0
    """Seconds between the SLOW_PIECES pieces in which the body is sent; 0 sends it at once."""
    sent_bytes: int | None = None

    def head(self, host: str) -> bytes:
        """Return the request line and the headers, with the empty line behind them."""
        lines = {"Host": host, **self.headers}
        if self.chunked:
            lines["Transfer-Encoding"] = "chunked"
        elif self.body:
            lines["Content-Length"] = str(len(self.body))
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{text}\r\n".encode()


@dataclass(frozen=True)
class Answer:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0
    """How long it took to come, where that was measured."""

    def json(self) -> Any:
        """Return the parsed body, or None where it is no JSON."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)
        return None


class Connection:
    """A connection to `address`. Requests name `host` as theirs, whatever lies between."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def open(cls, address: Address, host: str) -> Self:
        """Connect. Raises BrokenConnection."""
        try:
            reader, writer = await asyncio.open_connection(*address, limit=_LIMIT_BYTES)
        except OSError as error:
            raise BrokenConnection(str(error)) from None
        return cls(reader, writer, host)

    def close(self) -> None:
        self._writer.close()

    async def exchange(self, request: Request) -> Answer:
        """Send a request and read its answer, also one that comes early. Raises BrokenConnection.

        A server that refuses early may stop reading: what cannot be sent then is no fault.
        """
        sending = asyncio.create_task(self._send(request))
        try:
            return await self._read_answer(request.method)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def pipeline(self, requests: Sequence[Request]) -> list[Answer]:
        """Send all requests in one piece; read their answers. Raises BrokenConnection."""
        self._writer.write(b"".join(each.head(self._host) + each.body for each in requests))
        return [await self._read_answer(each.method) for each in requests]

    async def raw(self, sent: bytes, idle_seconds: float) -> bytes:
        """Send bytes; return what comes until the server closes or is silent for so long."""
        received = bytearray()
        try:
            self._writer.write(sent)
            while chunk := await self._read_within(idle_seconds):
                received += chunk
        except (OSError, TimeoutError):
            pass
        return bytes(received)

    async def _read_within(self, seconds: float) -> bytes:
        # Not wait_for, which may swallow a cancellation before Python 3.12.
        async with asyncio.timeout(seconds):
            return await self._reader.read(CHUNK_BYTES)

    async def _send(self, request: Request) -> None:
        with contextlib.suppress(OSError):
            self._writer.write(request.head(self._host))
            body = request.body[: request.sent_bytes]
            size = max(1, len(body) // SLOW_PIECES) if request.pause else CHUNK_BYTES
            for start in range(0, len(body), size):
                piece = body[start : start + size]
                self._writer.write(_chunk(piece) if request.chunked else piece)
                await self._writer.drain()
                if request.pause:
                    await asyncio.sleep(request.pause)
            if request.sent_bytes is not None:
                self._writer.write_eof()
            elif request.chunked:
                self._writer.write(_chunk(b""))

    async def _read_answer(self, method: str) -> Answer:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            pairs = (line.partition(": ") for line in lines)
            headers = {name.lower(): value for name, _, value in pairs}
            status = int(status_line.split(" ")[1])
            return Answer(status, headers, await self._read_body(method, status, headers))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise BrokenConnection(str(error)) from None

    async def _read_body(self, method: str, status: int, headers: dict[str, str]) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return await self._read_chunks()
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return await self._reader.read()

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return bytes(body)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
