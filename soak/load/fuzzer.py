"""A fuzzing client: random bytes, and recorded requests with changes at random places."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

from soak.http_client import BrokenConnection, Connection
from soak.load.scene import FIRST_SERVER_ERROR, NoAnswer, Scene, client_of
from soak.load.tenant import json_request
from tests.harness import RECORDED

KEYS = ("sk-goodkey", "sk-go-cases-valid-token")
"""The keys of the recorded requests, which stay as they are: their worlds are removed at times."""
REQUESTS_PER_RESET = 50
IDLE_SECONDS = 0.3
MAX_RANDOM_BYTES = 4_096
ANSWERS_OF_GO = frozenset({501, 505})
"""What Go says to transfer codings and versions that it does not know."""
_SPLIT_AT_KEYS = re.compile(rb"(?i)(authorization:[^\n]*\n)")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_ODD = (b"\r\n", b"\n", b"\0", b"\xff", b"%", b":", b";", b'"', b" ", b"\r\n\r\n", b"0" * 40)


def recorded_requests() -> list[bytes]:
    """Return the recorded requests of the tests, as they were sent."""
    folders = (RECORDED / "wire", RECORDED / "form")
    paths: list[Path] = [path for folder in folders for path in sorted(folder.glob("*.http"))]
    return [path.read_bytes() for path in paths]


def mutated(request: bytes, rng: random.Random) -> bytes:
    """Return the request with a few bytes changed, removed, doubled or put in, but for its key."""
    parts = _SPLIT_AT_KEYS.split(request)
    for _ in range(rng.randint(1, 3)):
        index = rng.randrange(0, len(parts), 2)
        parts[index] = _mutated_once(parts[index], rng)
    return b"".join(parts)


def _mutated_once(part: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(part))
    end = min(len(part), at + int(2 ** rng.uniform(0, 6)))
    match rng.randrange(4):
        case 0:
            return part[:at] + rng.randbytes(1) + part[at + 1 :]
        case 1:
            return part[:at] + part[end:]
        case 2:
            return part[:end] + part[at:end] + part[end:]
        case _:
            return part[:at] + rng.choice(_ODD) + part[at:]


async def fuzz(scene: Scene, number: int) -> None:
    """Send odd bytes until the scene ends; a 5xx is a finding."""
    rng = random.Random(f"{scene.seed}-fuzz-{number}")
    requests = recorded_requests()
    sent = 0
    while not scene.ending.is_set():
        odd = rng.randbytes(rng.randrange(MAX_RANDOM_BYTES))
        await _send(scene, odd if rng.random() < 0.1 else mutated(rng.choice(requests), rng))
        sent += 1
        if sent % REQUESTS_PER_RESET == 0:
            await _reset(scene)


async def _send(scene: Scene, odd: bytes) -> None:
    await scene.server.up.wait()
    start = time.monotonic()
    try:
        connection = await Connection.open(scene.server.address, "")
    except BrokenConnection:
        return
    try:
        received = await connection.raw(odd, IDLE_SECONDS)
    finally:
        connection.close()
    statuses = [int(each) for each in _STATUS.findall(received)]
    for status in statuses or [0]:
        scene.tally.answers["fuzz", str(status or "no answer")] += 1
        is_expected = status < FIRST_SERVER_ERROR or status in ANSWERS_OF_GO
        if is_expected or scene.incidents.explain_status(status, start, time.monotonic()):
            continue
        scene.findings.add("unexplained", f"{status} to {odd!r}: {received[:300]!r}")


async def _reset(scene: Scene) -> None:
    for key in KEYS:
        with client_of(scene, key) as client:
            try:
                await client.ask("control.reset", json_request("DELETE", "/_fake/world"))
            except NoAnswer:
                continue
