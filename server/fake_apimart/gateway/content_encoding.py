"""Request bodies that are coded with gzip, undone as they stream (base)."""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus

from fake_apimart_storage import Chunk
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fake_apimart.gateway.exchange import Exchange
from fake_apimart.go.gzip import GzipError, Reader
from fake_apimart.go.textproto import EOF
from fake_apimart.http.request_body import Body

MAX_DECODED_BYTES = 256 * 1024
"""How much is decoded at once: a body that grows a thousandfold must not fill the memory."""

CODED_BYTES = 16 * 1024
"""How many coded bytes are looked at at once: each twenty of them may be a member of their own."""

HEADER = b"content-encoding"
_GZIP = b"gzip"


async def undo(exchange: Exchange) -> Response | None:
    """Replace a body that is coded with gzip by a decoded one.

    Only the header of gzip is read here; the rest is decoded as handlers take it. Return the answer
    to a body that is no gzip, which comes before the key is looked at (base). Any other coding is
    passed over.
    """
    body = exchange.body
    if exchange.headers.get(HEADER) != _GZIP or exchange.method == "GET" or body is None:
        return None
    decoded = GzipBody(body)
    try:
        if await decoded.begin():
            exchange.body = decoded
    except (GzipError, ClientDisconnect) as error:
        # The answer has no body: the log alone can say why.
        exchange.record.reason = str(error) or "the body ended before gzip's header did"
        return Response(status_code=HTTPStatus.BAD_REQUEST)
    return None


class GzipBody:
    """The decoded body of a request, as it arrives."""

    def __init__(self, body: Body) -> None:
        self.ending = EOF
        self.has_ended = False
        self._body = body
        self._reader = Reader()
        self._coded: deque[bytes] = deque()

    async def begin(self) -> bool:
        """Read the header; return False if the body is empty.

        Raises GzipError where there is no whole header, and ClientDisconnect.
        """
        is_empty = True
        while not self._reader.begin():
            if self._is_at_end:
                if is_empty and self._body.ending == EOF:
                    return False
                raise GzipError(self._reader.finish())
            coded = await self._take_coded()
            is_empty = is_empty and not coded
            self._reader.feed(coded)
        return True

    async def take(self, at_least: int = 1) -> list[Chunk]:
        """Return the next decoded bytes, however few. Raises ClientDisconnect."""
        while not self.has_ended:
            try:
                decoded = self._reader.read(MAX_DECODED_BYTES)
            except GzipError as error:
                self._end(str(error))
                break
            # Little may become so much that all other clients would wait.
            await asyncio.sleep(0)
            if decoded:
                return [decoded]
            if self._is_at_end:
                is_cut = self._body.ending != EOF
                self._end(self._body.ending if is_cut else self._reader.finish())
                break
            self._reader.feed(await self._take_coded())
        return []

    @property
    def _is_at_end(self) -> bool:
        return self._body.has_ended and not self._coded

    async def _take_coded(self) -> bytes:
        """Return the next coded bytes, none at the end of the body. Raises ClientDisconnect."""
        if not self._coded:
            coded = b"".join(await self._body.take())
            self._coded.extend(
                coded[start : start + CODED_BYTES] for start in range(0, len(coded), CODED_BYTES)
            )
        return self._coded.popleft() if self._coded else b""

    def _end(self, ending: str) -> None:
        self.ending = ending
        self.has_ended = True
