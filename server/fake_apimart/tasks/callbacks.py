"""Callbacks: the end of a task, posted to the client's webhook (docs).

Only here does the server act without a request. Each callback is a background job that waits for
the end of its task by the clock of the task's world, and then delivers it. The number of jobs is
bounded, and so is the time that each one waits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fake_apimart.common.redaction import redacted_webhook
from fake_apimart.go.json import marshal
from fake_apimart.go.url import URL, URLError, parse
from fake_apimart.observability.log import logger_of
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

if TYPE_CHECKING:
    import httpx

MAX_PENDING = 1000
"""How many callbacks may be waiting or in delivery; a task beyond that gets none."""
MAX_CONCURRENT_DELIVERIES = 16
TIMEOUT_SECONDS = 10.0
"""How long a receiver may take to answer (docs)."""
RETRY_SECONDS = (10.0, 30.0, 60.0)
"""The pause before each retry of a delivery."""
CHECK_INTERVAL_SECONDS = 0.2
"""How often a pending callback checks whether its task has ended."""
MAX_WAIT_SECONDS = 86_400.0
"""How long a callback waits for its task's end, in real time, before it is given up."""

MAX_WEBHOOK_CHARACTERS = 8192
MAX_PORT = 65535
MAX_PORT_DIGITS = 5

_SCHEMES = (b"http", b"https")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_HOST_NAME = re.compile(r"[0-9A-Za-z_~-]+(?:\.[0-9A-Za-z_~-]+)*\.?")
_HEADERS = {"Content-Type": "application/json"}

logger = logger_of(__name__)

FinishedData = Callable[[Task, World], Awaitable[dict[str, Any] | None]]
"""Returns the `data` of a task that has ended, or None before its end."""


class Callbacks:
    """Delivers the end of each scheduled task, until `close`."""

    def __init__(self, finished_data: FinishedData) -> None:
        self._finished_data = finished_data
        self._pending: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_DELIVERIES)

    def schedule(self, task: Task, world: World) -> None:
        """Deliver the end of `task` to its webhook once it comes."""
        if len(self._pending) >= MAX_PENDING:
            logger.warning("no callback for %s: %d are waiting already", task.id, MAX_PENDING)
            return
        job = asyncio.create_task(self._wait_and_deliver(task, world))
        self._pending.add(job)
        job.add_done_callback(self._pending.discard)

    async def close(self) -> None:
        """Cancel all pending callbacks."""
        for job in self._pending:
            job.cancel()
        if self._pending:
            logger.info("%d callback(s) given up at the end", len(self._pending))
            await asyncio.wait(self._pending)

    async def _wait_and_deliver(self, task: Task, world: World) -> None:
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                data = await self._finished_data(task, world)
                while data is None and not world.gone:
                    await asyncio.sleep(CHECK_INTERVAL_SECONDS)
                    data = await self._finished_data(task, world)
            if world.gone or data is None:
                return
            async with self._slots:
                await self._deliver(callback_url(str(task.webhook)), data)
        except Exception as error:  # noqa: BLE001
            # Nobody awaits this job: whatever fails, log it here and keep the server running.
            problem = str(error) or type(error).__name__
            logger.error("callback of %s given up: %s", task.id, problem)

    async def _deliver(self, url: str, data: dict[str, Any]) -> None:
        """Send a POST; on a 5xx or a transport error, retry after each of RETRY_SECONDS."""
        # Imported in a thread: the import takes 0.1 seconds, which would block the event loop.
        client_class = await asyncio.to_thread(_import_client)
        shown = redacted_webhook(url)
        async with client_class(timeout=None, follow_redirects=False) as client:
            for pause in (*RETRY_SECONDS, None):
                problem = await _post(client, url, data)
                if problem is None:
                    return
                logger.warning("callback of %s to %s: %s", data["id"], shown, problem)
                if pause is not None:
                    await asyncio.sleep(pause)
        logger.error("callback of %s to %s given up", data["id"], shown)


def _import_client() -> type[httpx.AsyncClient]:
    import httpx

    return httpx.AsyncClient


async def _post(client: httpx.AsyncClient, url: str, data: dict[str, Any]) -> str | None:
    """Attempt a delivery; return the error if a retry is worthwhile, else None."""
    import httpx

    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            # A stream, since the answer's body may be of any length, and nobody reads it.
            client.stream("POST", url, content=marshal(data), headers=_HEADERS) as answer,
        ):
            status = answer.status_code
            is_server_error = answer.is_server_error
    except (httpx.TransportError, TimeoutError) as error:
        return str(error) or type(error).__name__
    if is_server_error:
        return f"status {status}"
    logger.info("callback of %s to %s: status %d", data["id"], redacted_webhook(url), status)
    return None


def callback_url(webhook: str) -> str:
    """Return where the end of a task is posted: `/callback` is put behind the webhook's path.

    A query is kept, a fragment is dropped (assumed). Raises URLError where the webhook is no
    absolute http(s) URL with a host that can be looked up and a valid port.
    """
    url = parse(webhook.encode())
    if url.scheme not in _SCHEMES or not url.hostname or len(webhook) > MAX_WEBHOOK_CHARACTERS:
        raise URLError("no http or https URL with a host")
    port = url.port.lstrip("0")
    if url.port and not (0 < len(port) <= MAX_PORT_DIGITS and int(port) <= MAX_PORT):
        raise URLError("invalid port")
    authority = _host_of(url) + (f":{port}" if port else "")
    if url.user_info:
        authority = f"{url.user_info.decode()}@{authority}"
    path = url.path.decode().rstrip("/")
    query = f"?{url.query.decode()}" if url.query else ""
    return f"{url.scheme.decode()}://{authority}{path}/callback{query}"


def _host_of(url: URL) -> str:
    """Return the host as it is looked up. Raises URLError."""
    name = url.hostname
    try:
        if ":" in name:
            return f"[{ipaddress.IPv6Address(name)}]"
        if _IPV4.fullmatch(name):
            return str(ipaddress.IPv4Address(name))
        host = name.encode("idna").decode()
    except ValueError:
        host = ""
    # Wide characters become ASCII, and would be read as the end of the host.
    if not _HOST_NAME.fullmatch(host):
        raise URLError("invalid host")
    return host
