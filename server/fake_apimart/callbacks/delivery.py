"""One try of a callback: a POST on a connection of its own, of whose answer the head is read.

No proxy is used, whatever the environment says, no redirect is followed and no cookie is kept.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote_to_bytes

from fake_apimart.callbacks.resolver import Resolver
from fake_apimart.callbacks.target import Target

TIMEOUT_SECONDS = 10.0
"""How long a try may take: to look up the host, connect, send, and get the answer's head (docs)."""
BUFFER_BYTES = 65_536
"""How much of an answer may be received and not yet read."""
MARK = "X-Fake-Callback"
"""The header by which a callback is known for one; its value is the task's id."""
MAX_PROBLEM_CHARACTERS = 200

Headers = list[tuple[str, str]]
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Undelivered(Exception):
    """A try without an answer; the message says why, and quotes nothing that the receiver sent."""


class Delivery:
    """Sends callbacks. Its certificates are read once, and its look-ups of names are shared."""

    def __init__(self) -> None:
        self._resolver = Resolver()
        self._tls: ssl.SSLContext | None = None

    async def post(
        self, target: Target, task_id: str, body: bytes, added: Mapping[str, str]
    ) -> int:
        """Return the status that the receiver answers to `body`. Raises Undelivered.

        The headers `added` are sent beside our own.
        """
        # Imported here because h11 slows the start.
        from fake_apimart.callbacks.wire import post

        try:
            tls = await self._tls_context() if target.scheme == "https" else None
            async with (
                asyncio.timeout(TIMEOUT_SECONDS) as limit,
                self._connected(target, tls, limit) as (reader, writer),
            ):
                headers = [*_headers(target, task_id, body), *added.items()]
                return await post(reader, writer, target.request_target, headers, body)
        except TimeoutError:
            raise Undelivered(f"no answer within {TIMEOUT_SECONDS:g} seconds") from None
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Undelivered(ascii(problem)[1:-1][:MAX_PROBLEM_CHARACTERS]) from error

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            # In a thread: reading the certificates takes 20 milliseconds.
            self._tls = await asyncio.to_thread(_create_tls_context)
        return self._tls

    @contextlib.asynccontextmanager
    async def _connected(
        self, target: Target, tls: ssl.SSLContext | None, limit: asyncio.Timeout
    ) -> AsyncIterator[_Connection]:
        """Connect to the first address of the host that can be reached. Raises OSError."""
        addresses = await self._resolver.addresses(target.host)
        reader, writer = await _connect(target, tls, addresses, limit)
        try:
            yield reader, writer
        finally:
            # At once: nobody waits for what the receiver would still send.
            writer.transport.abort()


async def _connect(
    target: Target, tls: ssl.SSLContext | None, addresses: list[str], limit: asyncio.Timeout
) -> _Connection:
    """Try one address after the other, which share the time up to `limit`. Raises OSError."""
    now = asyncio.get_running_loop().time
    problem = OSError("the host has no address")
    for position, address in enumerate(addresses):
        share = ((limit.when() or now()) - now()) / (len(addresses) - position)
        try:
            async with asyncio.timeout(share):
                return await asyncio.open_connection(
                    address,
                    target.port,
                    limit=BUFFER_BYTES,
                    ssl=tls,
                    server_hostname=target.host.rstrip(".") if tls else None,
                )
        except OSError as error:
            problem = error
    raise problem


def _create_tls_context() -> ssl.SSLContext:
    """Trust what the system trusts, and what browsers do where the system has no list."""
    # Imported here because few callbacks need it.
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _headers(target: Target, task_id: str, body: bytes) -> Headers:
    """Return the mark, and otherwise what Go's client sends by itself (assumed)."""
    headers = [
        ("Host", target.authority),
        ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/json"),
        (MARK, task_id),
        ("Accept-Encoding", "gzip"),
        ("Connection", "close"),
    ]
    if target.user_info:
        headers.append(("Authorization", _basic(target.user_info)))
    return headers


def _basic(user_info: str) -> str:
    """Return user and password of a URL as the value of `Authorization` (go)."""
    user, _, password = user_info.partition(":")
    pair = b"%b:%b" % (unquote_to_bytes(user), unquote_to_bytes(password))
    return f"Basic {base64.b64encode(pair).decode()}"
