"""Pictures that cost much, through the server: they delay nobody, and not the server's end."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from fake_apimart.image_workers.decoders import Decoders
from fake_apimart.image_workers.pool import Unfinished, WorkerPool
from fake_apimart.images.decoding import Decoded
from fake_apimart.images.picture_file import Content
from fake_apimart.machine.shortage import Shortage
from fake_apimart.pictures.references import MAX_CONCURRENT_READS
from fake_apimart.uploads.image_type import ImageType
from PIL import Image

from tests.conftest import StartServer
from tests.generating import create, poll, task_id_of
from tests.harness import AUTHORIZED, JPEG, PDF, ServerProcess, ServerThread, wait_until
from tests.pictures import jpeg_of_scans, slow_jpeg

STOP_SECONDS = 8.0
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def post_file(url: str, content: bytes) -> httpx.Response:
    files = {"file": ("a", content)}
    return httpx.post(f"{url}/v1/uploads/images", headers=AUTHORIZED, files=files, timeout=60)


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for each in Path(f"/proc/{pid}/task").iterdir()
        for child in (each / "children").read_text().split()
    ]


@pytest.mark.subprocess
def test_picture_of_too_many_scans_does_not_decode(start_server: StartServer) -> None:
    server = start_server(decode_check=True)
    answer = post_file(server.url, jpeg_of_scans(2000, 800))
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "invalid image content")
    assert post_file(server.url, jpeg_of_scans(100, 400)).status_code == 200


@pytest.mark.subprocess
def test_picture_that_takes_too_long_does_not_decode(start_server: StartServer) -> None:
    server = start_server(decode_check=True, decode_seconds=0.3)
    answer = post_file(server.url, slow_jpeg())
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "invalid image content")


@pytest.mark.subprocess
def test_reference_that_takes_too_long_fails_the_task(start_server: StartServer) -> None:
    server = start_server(decode_seconds=0.3)
    url = post_file(server.url, slow_jpeg()).json()["url"]
    at_once = {"fake_apimart": {"seconds": 0, "polls": 0}}
    data = poll(server, task_id_of(create(server, image_urls=[url], metadata=at_once)))
    assert data["status"] == "failed"
    assert "is no picture that decodes" in data["error"]["message"]


@pytest.mark.subprocess
def test_reference_is_decoded_again_that_could_not_be_decoded_in_time(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unfinished("late")

    at_once = {"fake_apimart": {"seconds": 0, "polls": 0}}
    url = post_file(server.url, JPEG + bytes(100_000)).json()["url"]
    monkeypatch.setattr(WorkerPool, "decode", fail)
    late = create(server, image_urls=[url], metadata=at_once)
    monkeypatch.undo()
    in_time = create(server, image_urls=[url], metadata=at_once)
    statuses = [poll(server, task_id_of(each))["status"] for each in (late, in_time)]
    assert statuses == ["failed", "completed"]


def test_small_references_are_not_behind_slow_ones(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def wait(*_: object) -> Decoded:
        released.wait(20)
        return Decoded((8, 8))

    monkeypatch.setattr(WorkerPool, "decode", wait)
    large = [post_file(server.url, JPEG + bytes(40_000)).json()["url"] for _ in range(6)]
    small = post_file(server.url, JPEG).json()["url"]
    with ThreadPoolExecutor(6) as threads:
        slow = [threads.submit(create, server, image_urls=[each]) for each in large]
        time.sleep(0.3)
        seconds = seconds_of(lambda: create(server, image_urls=[small]))
        released.set()
        assert [each.result().status_code for each in slow] == [200] * 6
    assert seconds < 3


@pytest.fixture(scope="module")
def busy_server() -> Iterator[ServerProcess]:
    """Yield a server whose decoders are all under way for longer than its end may take."""
    flags = ("--storage", "memory://", "--decode-check", "--task-seconds", "0")
    with ServerProcess(*flags) as server:
        assert post_file(server.url, JPEG).status_code == 200
        threads = [
            threading.Thread(target=post_and_forget, args=(server.url, slow_jpeg()), daemon=True)
            for _ in range(8)
        ]
        for each in threads:
            each.start()
        if sys.platform == "linux":
            wait_until(lambda: len(children_of(server.process.pid)) == 2, "all decoders work")
        yield server


def post_and_forget(url: str, content: bytes) -> None:
    try:
        post_file(url, content)
    except httpx.HTTPError:
        return


def create_many(url: str) -> list[str]:
    """Create tasks of many large pictures; return their URLs."""
    task = {"model": "gpt-image-2", "prompt": "a cat", "n": 10, "resolution": "4k"}
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=60) as client:
        answers = [client.post("/v1/images/generations", json=task) for _ in range(4)]
    return [f"{url}/v1/tasks/{each.json()['data'][0]['task_id']}" for each in answers]


def poll_and_forget(url: str) -> None:
    try:
        httpx.get(url, headers=AUTHORIZED, timeout=60)
    except httpx.HTTPError:
        return


def seconds_of(function: Any, *args: Any) -> float:
    began = time.monotonic()
    function(*args)
    return time.monotonic() - began


# The order matters: the last test ends the server.


@pytest.mark.subprocess
def test_refusals_and_small_pictures_are_not_behind_slow_ones(busy_server: ServerProcess) -> None:
    assert seconds_of(post_file, busy_server.url, PDF) < 3
    assert seconds_of(post_file, busy_server.url, JPEG) < 3
    assert seconds_of(post_file, busy_server.url, JPEG[:200]) < 3


@pytest.mark.subprocess
def test_drawing_is_not_behind_slow_pictures(busy_server: ServerProcess) -> None:
    task = {"model": "gpt-image-2", "prompt": "a cat"}
    create_url = f"{busy_server.url}/v1/images/generations"
    answer = httpx.post(create_url, json=task, headers=AUTHORIZED)
    task_url = f"{busy_server.url}/v1/tasks/{answer.json()['data'][0]['task_id']}"
    assert seconds_of(poll_and_forget, task_url) < 3


@pytest.mark.subprocess
@on_linux
def test_server_stops_in_time_with_decoders_and_drawings_under_way(
    busy_server: ServerProcess,
) -> None:
    workers = children_of(busy_server.process.pid)
    assert workers
    with ThreadPoolExecutor(4) as threads:
        for url in create_many(busy_server.url):
            threads.submit(poll_and_forget, url)
        time.sleep(0.3)
        began = time.monotonic()
        status, log = busy_server.end()
        seconds = time.monotonic() - began
    assert seconds < STOP_SECONDS
    assert (status, "Traceback" in log, " ERROR " in log) == (0, False, False), log
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


# Memory.


async def count_calls(counts: list[int], running: list[int]) -> None:
    running.append(1)
    counts.append(len(running))
    await asyncio.sleep(0.01)
    running.pop()


def test_tasks_hold_few_references_in_memory(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = {"fake_apimart": {"seconds": 0, "polls": 0}}
    urls = [post_file(server.url, JPEG).json()["url"] for _ in range(3)]
    tasks = [task_id_of(create(server, image_urls=urls, metadata=at_once)) for _ in range(12)]
    counts: list[int] = []
    running: list[int] = []
    thumbnail = Decoders.thumbnail

    async def counted(decoders: Decoders, content: Content, side: int) -> Image.Image:
        await count_calls(counts, running)
        return await thumbnail(decoders, content, side)

    monkeypatch.setattr(Decoders, "thumbnail", counted)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda task: poll(server, task), tasks))
    assert {each["status"] for each in answers} == {"completed"}
    assert len(counts) == 36
    assert max(counts) <= MAX_CONCURRENT_READS


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files")])
def test_drawing_that_fails_for_a_shortage_is_done_by_the_next_poll(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: object) -> None:
        raise error

    at_once = {"fake_apimart": {"seconds": 0, "polls": 0}}
    url = f"{server.url}/v1/tasks/{task_id_of(create(server, metadata=at_once))}"
    monkeypatch.setattr("fake_apimart.pictures.drawing.draw", fail)
    assert httpx.get(url, headers=AUTHORIZED).status_code == 503
    monkeypatch.undo()
    assert httpx.get(url, headers=AUTHORIZED).status_code == 200


@pytest.mark.asyncio
async def test_types_named_once_the_server_stops_are_a_shortage() -> None:
    names = ImageType()
    names.close()
    with pytest.raises(Shortage):
        await names.detect(PDF)


# Shortages of descriptors.

Request = tuple[str, str, Any]

LOADING: dict[str, Request] = {
    "upload": ("POST", "/v1/uploads/images", JPEG),
    "refused upload": ("POST", "/v1/uploads/images", PDF),
    "large upload": ("POST", "/v1/uploads/images", JPEG + bytes(100_000)),
    "create": ("POST", "/v1/images/generations", {"model": "m", "prompt": "a"}),
    "journal": ("GET", "/_fake/requests", None),
    "rules": ("GET", "/_fake/faults", None),
    "settings": ("PATCH", "/_fake/world", {"rate_limit": "1000/minute"}),
    "page of the API": ("GET", "/docs", None),
    "document of the API": ("GET", "/openapi.json", None),
    "schema of a model": ("GET", "/v1/models/gpt-image-2/schema", None),
}
"""Requests whose first one loads something."""
STATUSES = {"refused upload": 400}
"""What is not answered 200 once there are descriptors."""


class ShortServer:
    """A server from whom descriptors can be taken, and a connection to it that stays open."""

    def __init__(self, server: ServerProcess) -> None:
        self._pid = server.process.pid
        self.client = httpx.Client(base_url=server.url, headers=AUTHORIZED, timeout=60)
        self._limits: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        # Opens the connection, and loads nothing.
        self.client.get("/v1/models")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def take_descriptors(self, free: int) -> None:
        import resource

        used = {int(each.name) for each in Path(f"/proc/{self._pid}/fd").iterdir()}
        unused = [number for number in range(max(used) + free + 2) if number not in used]
        self._limits = resource.prlimit(self._pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self._pid, resource.RLIMIT_NOFILE, (unused[free], self._limits[1]))

    def give_back(self) -> None:
        import resource

        assert self._limits is not None
        resource.prlimit(self._pid, resource.RLIMIT_NOFILE, self._limits)

    def send(self, request: Request) -> httpx.Response:
        method, path, body = request
        if isinstance(body, bytes):
            return self.client.request(method, path, files={"file": ("a", body)})
        return self.client.request(method, path, json=body)


@pytest.mark.subprocess
@on_linux
@pytest.mark.parametrize("free", [0, 3])
def test_what_fails_for_want_of_descriptors_works_once_there_are_some(free: int) -> None:
    flags = ("--storage", "memory://", "--task-seconds", "0", "--decode-check")
    with ServerProcess(*flags) as server, ShortServer(server) as short:
        after = short_and_then_not(short, free, LOADING)
        files = after["upload"].json()["url"], after["large upload"].json()["url"]
        task = {"model": "m", "prompt": "a", "image_urls": files}
        tasks = [after["create"], short.send(("POST", "/v1/images/generations", task))]
        ids = [each.json()["data"][0]["task_id"] for each in tasks]
        polls = {task_id: ("GET", f"/v1/tasks/{task_id}", None) for task_id in ids}
        short_and_then_not(short, free, polls)
        _, log = server.end()
        assert "Traceback" not in log, log


def short_and_then_not(
    short: ShortServer, free: int, requests: dict[str, Request]
) -> dict[str, httpx.Response]:
    """Send requests while there are few descriptors, and again; return the answers to the latter.

    What the first are answered may not be told from the later one, or is a shortage.
    """
    short.take_descriptors(free)
    statuses = {name: short.send(request).status_code for name, request in requests.items()}
    short.give_back()
    after = {name: short.send(request) for name, request in requests.items()}
    for name, answer in after.items():
        right = STATUSES.get(name, 200)
        assert answer.status_code == right, (name, answer.text)
        assert statuses[name] in (right, 500, 503), name
    return after
