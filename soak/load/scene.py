"""The scene: what all workers of a run share, and how they ask the server."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from soak.http_client import Address, Answer, BrokenConnection, Connection, Request
from soak.proxy import Proxy
from soak.record.findings import Findings
from soak.record.incidents import Incidents
from soak.record.ledger import World
from soak.record.tally import BROKEN, Tally
from soak.server_process import ServerProcess

HANG_SECONDS = 60.0
PERSISTENCE_SECONDS = 90.0
"""For how long a check is tried again while disturbances go on."""
FIRST_SERVER_ERROR = 500


class NoAnswer(Exception):
    """The answer was lost, or is a 5xx, and a disturbance explains it: the request is in doubt.

    `status` is None where no answer came; `may_be_done` whether it may have been carried out.
    """

    def __init__(self, status: int | None, *, may_be_done: bool) -> None:
        super().__init__(f"no answer: {status}")
        self.status = status
        self.may_be_done = may_be_done


@dataclass
class Scene:
    """A run on one storage."""

    server: ServerProcess
    cutting: Proxy
    incidents: Incidents
    findings: Findings
    tally: Tally
    rng: random.Random
    seed: str
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    worlds: dict[str, World] = field(default_factory=dict)
    """The worlds that are lived in, by key."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Client:
    """Asks the server, one request after another, over a connection that it keeps.

    `through` is the address of a proxy that cuts connections; whatever breaks there is explained.
    """

    def __init__(self, scene: Scene, key: str, through: Address | None = None) -> None:
        self._scene = scene
        self._authorization = {"Authorization": f"Bearer {key}"}
        self._through = through
        self._connection: Connection | None = None
        self._incarnation = 0

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    async def ask(
        self, operation: str, request: Request, expected: frozenset[int] = frozenset()
    ) -> Answer:
        """Send a request and return the answer. `operation` names it in the tally.

        A 5xx is returned only where it is `expected`. Raises NoAnswer.
        """
        answers = await self._ask(operation, [request], expected)
        return answers[0]

    async def ask_pipelined(self, operation: str, requests: Sequence[Request]) -> list[Answer]:
        """Send requests in one piece and return their answers. Raises NoAnswer."""
        return await self._ask(operation, requests, frozenset())

    async def insist(self, operation: str, request: Request) -> Answer:
        """Send a request that changes nothing until it is answered. Raises NoAnswer at the end."""
        deadline = time.monotonic() + PERSISTENCE_SECONDS
        while True:
            try:
                return await self.ask(operation, request)
            except NoAnswer:
                if time.monotonic() > deadline:
                    self._scene.findings.add("hang", f"{request.path}: nothing but failures")
                    raise
                await asyncio.sleep(0.2)

    async def _ask(
        self, operation: str, requests: Sequence[Request], expected: frozenset[int]
    ) -> list[Answer]:
        await self._wait_for_server()
        start = time.monotonic()
        try:
            async with asyncio.timeout(HANG_SECONDS):
                answers = await self._exchange(requests)
        except TimeoutError:
            self.close()
            self._scene.findings.add("hang", f"{requests[0].path}: no answer in {HANG_SECONDS:g} s")
            raise NoAnswer(None, may_be_done=True) from None
        except BrokenConnection as broken:
            self.close()
            self._scene.tally.answers[operation, BROKEN] += len(requests)
            self._judge_break(operation, str(broken), start)
            raise NoAnswer(None, may_be_done=True) from None
        for answer in answers:
            self._scene.tally.answers[operation, str(answer.status)] += 1
            if answer.status >= FIRST_SERVER_ERROR and answer.status not in expected:
                self._judge_status(operation, answer, start)
        return answers

    async def _wait_for_server(self) -> None:
        try:
            async with asyncio.timeout(HANG_SECONDS):
                await self._scene.server.up.wait()
        except TimeoutError:
            self._scene.findings.add("hang", f"no server for {HANG_SECONDS:g} s")
            raise NoAnswer(None, may_be_done=False) from None

    async def _exchange(self, requests: Sequence[Request]) -> list[Answer]:
        requests = [self._authorized(each) for each in requests]
        connection = await self._connected()
        self._scene.tally.bytes_sent += sum(len(each.body) for each in requests)
        if len(requests) == 1:
            started = time.monotonic()
            answer = await connection.exchange(requests[0])
            answers = [dataclasses.replace(answer, seconds=time.monotonic() - started)]
        else:
            answers = await connection.pipeline(requests)
        if requests[-1].sent_bytes is not None or _closes(answers[-1]):
            self.close()
        return answers

    def _authorized(self, request: Request) -> Request:
        headers = {**self._authorization, **request.headers}
        return dataclasses.replace(request, headers=headers)

    async def _connected(self) -> Connection:
        server = self._scene.server
        if self._connection is not None and self._incarnation != server.incarnation:
            self.close()
        if self._connection is None:
            self._incarnation = server.incarnation
            host = f"127.0.0.1:{server.port}"
            self._connection = await Connection.open(self._through or server.address, host)
        return self._connection

    def _judge_break(self, operation: str, text: str, start: float) -> None:
        is_explained = self._through or self._scene.incidents.explain_break(start, time.monotonic())
        if not is_explained:
            self._scene.findings.add("unexplained", f"{operation}: connection broken: {text}")

    def _judge_status(self, operation: str, answer: Answer, start: float) -> None:
        end = time.monotonic()
        incidents = self._scene.incidents
        if not incidents.explain_status(answer.status, start, end):
            self._scene.findings.add(
                "unexplained", f"{operation}: {answer.status} {answer.body[:200]!r}"
            )
        raise NoAnswer(answer.status, may_be_done=incidents.leave_doubt(start, end))


def _closes(answer: Answer) -> bool:
    return answer.headers.get("connection", "").lower() == "close"


@contextlib.contextmanager
def client_of(scene: Scene, key: str, *, cut: bool = False) -> Iterator[Client]:
    """Yield a client, through the cutting proxy where `cut` says so; close it at the end."""
    client = Client(scene, key, scene.cutting.address if cut else None)
    try:
        yield client
    finally:
        client.close()
