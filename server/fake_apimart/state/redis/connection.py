"""Calls of Redis, each answered soon or given up, with StateError for every failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from fake_apimart.common.redaction import redacted_text
from fake_apimart.worlds.state.failure import StateError

PREFIX = "fake-apimart:2:"
"""What all keys begin with: the name of the product, and the version of what lies below."""
CALL_SECONDS = 3.0
"""How long a call may take, wherever it hangs; connecting too."""
CONNECTIONS = 64
"""How many calls of a server run at the same time."""

READ_AT_ONCE = 100
"""How many entries or names one call reads."""
SCAN_AT_ONCE = 500
"""How many names of worlds one call looks at; Redis does nothing else meanwhile."""

_LIBRARY = {
    "keys": ("keys",),
    "rules": ("keys", "rules"),
    "accounts": ("keys", "accounts"),
    "both": ("keys", "rules", "accounts"),
}
_NEEDS = {
    "enter": "rules",
    "meet": "rules",
    "record": "both",
    "release": "rules",
    "add_rule": "rules",
    "remove_rules": "rules",
    "rules_of": "rules",
    "spent": "accounts",
    "load_account": "accounts",
    "replace_charge": "accounts",
    "count_poll": "accounts",
}
"""What a script needs beside the keys."""

Answer = TypeVar("Answer")


class Connection:
    """The connections of one server to Redis."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=CALL_SECONDS,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # With 3, connections that Redis has closed meanwhile are used again (redis-py 8).
            protocol=2,
            # A call that was sent may have been carried out: it is never sent twice.
            retry=Retry(NoBackoff(), 0),
        )
        self.redis: Redis = Redis(connection_pool=pool)
        self.shown = shown(url)
        self._scripts: dict[str, AsyncScript] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        with contextlib.suppress(RedisError, OSError):
            await self.redis.aclose()
            await self.redis.connection_pool.disconnect()

    async def call(self, answer: Awaitable[Answer]) -> Answer:
        """Return what Redis answers. Raises StateError."""
        try:
            with self.failures():
                async with asyncio.timeout(CALL_SECONDS):
                    return await answer
        finally:
            _require_running()

    async def run(self, name: str, *arguments: str | bytes | float) -> Any:
        """Run a script and return what it returns, texts as bytes. Raises StateError."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self.redis.register_script(_text_of(name))
        return await self.call(script(keys=[PREFIX], args=arguments))

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """Raise StateError for what goes wrong in the block."""
        try:
            yield
        except TimeoutError:
            raise StateError(f"{self.shown} did not answer within {CALL_SECONDS:g} s") from None
        except (RedisError, OSError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise StateError(f"{self.shown}: {redacted_text(reason)}") from error

    @contextlib.asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield what is published on a channel, from now on. Raises StateError."""
        pubsub = self.redis.pubsub()
        try:
            await self.call(pubsub.subscribe(channel))
            # What is sent on a connection that has ended meanwhile fails only here.
            if await self.call(pubsub.get_message(timeout=CALL_SECONDS)) is None:
                raise StateError(f"{self.shown} did not answer within {CALL_SECONDS:g} s")
            yield self._published(pubsub)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _published(self, pubsub: Any) -> AsyncIterator[bytes]:
        with self.failures():
            while True:
                message = await pubsub.get_message(True, timeout=CALL_SECONDS)
                if message is not None:
                    yield message["data"]


async def names_of_worlds(
    run: Callable[..., Awaitable[Any]],
    beginning: str = "",
    at_once: int = READ_AT_ONCE,
    since: int = -1,
) -> AsyncIterator[str]:
    """Yield the names that begin so of all worlds but the server's own. Raises StateError.

    With `since` those alone whose journal has an entry with a greater id.
    """
    cursor, seen = b"0", set[bytes]()
    while True:
        cursor, names = await run("worlds", cursor, at_once, f"{beginning}*", since)
        for name in dict.fromkeys(names):
            if name not in seen:
                yield name.decode()
        seen.update(names)
        if cursor == b"0":
            return


def _require_running() -> None:
    """Raise CancelledError in a task that was cancelled during a call.

    The library may return, or state a timeout, all the same; who was cancelled would then go on.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _text_of(name: str) -> str:
    folder = files(__package__) / "scripts"
    parts = (*_LIBRARY[_NEEDS.get(name, "keys")], name)
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts)


def shown(url: str) -> str:
    """Return a URL without its secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
