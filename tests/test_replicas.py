"""Three server processes that share a Redis and a storage, behind a balancer: one fake."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import redis
from fake_apimart_testing import FakeAPIMart

from tests.balancer import Balancer
from tests.harness import AUTHORIZED, JPEG, ServerProcess, wait_until
from tests.receivers import Receiver, answers
from tests.redis_server import RedisServer
from tests.worlds import authorized, balance, create, created, poll, upload, upload_url

pytestmark = pytest.mark.subprocess

REPLICAS = 3


class Replicas:
    """Server processes on one Redis and one folder, and what spreads connections over them."""

    def __init__(self, redis_server: RedisServer, folder: Path) -> None:
        self.redis = redis_server
        self._flags = ("--state", redis_server.url, "--storage", f"dir:{folder}")
        self._stack = contextlib.ExitStack()
        self.processes: list[ServerProcess] = []

    def __enter__(self) -> Self:
        self.processes = [self.start() for _ in range(REPLICAS)]
        self.balancer = self._stack.enter_context(Balancer(self.urls))
        self.url = self.balancer.url
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> ServerProcess:
        """Start one more."""
        return self._stack.enter_context(ServerProcess(*self._flags, stderr=subprocess.DEVNULL))

    @property
    def urls(self) -> list[str]:
        return [process.url for process in self.processes]

    def world(self) -> FakeAPIMart:
        """Return a new world."""
        return self._stack.enter_context(FakeAPIMart(self.url))


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Yield replicas that no test stops."""
    with RedisServer() as server, Replicas(server, tmp_path_factory.mktemp("files")) as running:
        yield running


@pytest.fixture
def own_replicas(redis_server: RedisServer, tmp_path: Path) -> Iterator[Replicas]:
    """Yield replicas that the test may stop, and their Redis too."""
    with Replicas(redis_server, tmp_path / "files") as running:
        yield running


def test_every_case_holds(replicas: Replicas) -> None:
    command = [sys.executable, "-m", "fake_apimart", "verify", "--target", replicas.url]
    run = subprocess.run(
        [*command, "--callback-host", "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80"},
    )
    assert run.returncode == 0, run.stdout[-5000:]
    held = int(run.stdout.rpartition(" cases: ")[2].split(" held")[0])
    assert held > 740


def call_each(replicas: Replicas, call: Any, number: int) -> list[Any]:
    """Call `number` times at once, each time another replica."""
    with ThreadPoolExecutor(number) as threads:
        urls = (replicas.urls * number)[:number]
        return list(threads.map(call, urls))


def test_one_idempotency_key_makes_one_task(replicas: Replicas) -> None:
    world = replicas.world()

    def retry(url: str) -> Any:
        at = FakeAPIMart(url, api_key=world.api_key)
        return create(at, headers={"Idempotency-Key": "order-1"})

    answers = call_each(replicas, retry, 9)
    ids = {answer.json()["data"][0]["task_id"] for answer in answers}
    replayed = sum("idempotency-replayed" in answer.headers for answer in answers)
    assert (len(ids), replayed) == (1, 8)
    assert [task.id for task in world.tasks] == [*ids]


def test_pictures_of_a_task_are_drawn_once(replicas: Replicas) -> None:
    world = replicas.world()
    world.pace(seconds=0)
    task_id = created(world, n=2)
    drawn = sum(map(count_of_drawings, replicas.urls))

    def ask(url: str) -> Any:
        answer = httpx.get(f"{url}/v1/tasks/{task_id}", headers=authorized(world))
        return answer.json()["data"]["result"]["images"]

    answers = call_each(replicas, ask, 9)
    pictures = {httpx.get(image["url"][0]).content for images in answers for image in images}
    assert len(pictures) == 2
    assert sum(map(count_of_drawings, replicas.urls)) - drawn == 2


def count_of_drawings(url: str) -> int:
    lines = httpx.get(f"{url}/_fake/metrics").text.splitlines()
    name = 'fake_apimart_image_job_duration_seconds_count{job="draw"}'
    return sum(int(float(line.split()[1])) for line in lines if line.startswith(name))


def test_reset_of_everything_leaves_nothing_on_any(own_replicas: Replicas) -> None:
    world = own_replicas.world()
    urls = [upload_url(FakeAPIMart(url, api_key=world.api_key)) for url in own_replicas.urls]
    tasks = [created(FakeAPIMart(url, api_key=world.api_key)) for url in own_replicas.urls]
    for task_id in tasks * 2:
        assert poll(world, task_id)
    httpx.post(f"{own_replicas.urls[0]}/_fake/reset", json={}).raise_for_status()
    for url in own_replicas.urls:
        at = FakeAPIMart(url, api_key=world.api_key)
        assert at.uploads == []
        assert balance(at)["used_balance"] == 0
        for each in urls:
            path = each.split("/", 3)[3]
            assert httpx.get(f"{url}/{path}").status_code == 403
        for task_id in tasks:
            answer = httpx.get(f"{url}/v1/tasks/{task_id}", headers=authorized(world))
            assert answer.status_code == 400


def test_wait_for_requests_ends_by_requests_to_others(replicas: Replicas) -> None:
    world = replicas.world()
    with ThreadPoolExecutor() as threads:
        waits = [
            threads.submit(
                FakeAPIMart(url, api_key=world.api_key).requests.wait_for,
                "uploads.create",
                count=2,
                timeout=20,
            )
            for url in replicas.urls
        ]
        time.sleep(0.3)
        for url in replicas.urls[:2]:
            upload(FakeAPIMart(url, api_key=world.api_key))
        assert [len(wait.result()) for wait in waits] == [2, 2, 2]


def test_callback_comes_once_whoever_hears_of_the_end(replicas: Replicas) -> None:
    world = replicas.world()
    with Receiver(answers(200)) as receiver:
        tasks = []
        for number, url in enumerate(replicas.urls):
            at = FakeAPIMart(url, api_key=world.api_key)
            at.pace(seconds=0, polls=number)
            tasks.append(created(at, webhook=f"{receiver.url}/hook"))
        for task_id in tasks * 3:
            poll(world, task_id)
        wait_until(lambda: len(receiver.requests) >= 3, "all callbacks have come")
        time.sleep(1.5)
        assert sorted(each.data["id"] for each in receiver.requests) == sorted(tasks)


def test_callback_of_a_server_that_has_died_comes_from_another(own_replicas: Replicas) -> None:
    first = own_replicas.processes[0]
    at = FakeAPIMart(first.url)
    at.pace(seconds=3)
    with Receiver(answers(200)) as receiver:
        task_id = created(at, webhook=f"{receiver.url}/hook")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        wait_until(lambda: receiver.requests, "the callback has come", seconds=40)
        assert receiver.requests[0].data["id"] == task_id


def test_pictures_are_drawn_where_the_server_that_drew_them_has_died(
    own_replicas: Replicas,
) -> None:
    world = own_replicas.world()
    world.pace(seconds=0)
    task_id = created(world, n=4, size="2048x2048")
    first, second, _ = own_replicas.processes
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(poll, FakeAPIMart(first.url, api_key=world.api_key), task_id)
        time.sleep(0.2)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        with contextlib.suppress(httpx.HTTPError):
            drawing.result()
    url = f"{second.url}/v1/tasks/{task_id}"
    answer = httpx.get(url, headers=authorized(world), timeout=60)
    images = answer.json()["data"]["result"]["images"]
    for image in images:
        path = image["url"][0].split("/", 3)[3]
        assert httpx.get(f"{second.url}/{path}").status_code == 200


def test_without_redis_all_is_answered_503_in_the_vendor_s_words_and_recovers(
    own_replicas: Replicas,
) -> None:
    world = own_replicas.world()
    url = upload_url(world)
    own_replicas.redis.stop()
    began = time.monotonic()
    answers = [
        upload(world),
        create(world),
        httpx.get(f"{world.base_url}/v1/models", headers=AUTHORIZED),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["error"]["message"]
    file_answer = httpx.get(url)
    assert file_answer.status_code == 503
    assert file_answer.text.startswith("<?xml")
    assert time.monotonic() - began < 10
    assert httpx.get(f"{own_replicas.url}/_fake/health").status_code == 200
    control = httpx.get(f"{own_replicas.url}/_fake/faults", headers=AUTHORIZED)
    assert control.status_code == 503
    own_replicas.redis.start()
    assert httpx.get(url).content == JPEG
    assert upload(world).status_code == 200
    assert len(world.uploads) == 2


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("uploads.create", lambda world, url, task: upload(world)),
        ("generations.create", lambda world, url, task: create(world)),
        ("tasks.get", lambda world, url, task: poll(world, task)),
        ("files.get", lambda world, url, task: httpx.get(url)),
        ("balance.get", lambda world, url, task: balance(world)),
    ],
)
def test_request_asks_redis_twice(
    replicas: Replicas, operation: str, call: Callable[[FakeAPIMart, str, str], Any]
) -> None:
    world = FakeAPIMart(replicas.urls[0])
    world.pace(seconds=0)
    url, task_id = upload_url(world), created(world)
    call(world, url, task_id)
    counts = []
    for _ in range(5):
        before = calls_of(replicas.redis)
        call(world, url, task_id)
        counts.append(calls_of(replicas.redis) - before)
    # Servers also ask by themselves, once a second, about worlds whose callbacks wait.
    asked = min(counts)
    # What is spent is added up by Redis, too.
    assert asked == (3 if operation == "balance.get" else 2)


def calls_of(server: RedisServer) -> int:
    """Return how many scripts a Redis has run."""
    with redis.Redis.from_url(server.url) as client:
        statistics: Any = client.info("commandstats")
        return int(statistics["cmdstat_evalsha"]["calls"])
