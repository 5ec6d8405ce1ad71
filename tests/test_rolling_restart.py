"""Replicas that are restarted or killed under load: nothing that was answered 200 is lost."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.balancer import Balancer
from tests.harness import PNG
from tests.replicas import Replicas, replicas

pytestmark = pytest.mark.subprocess

REPLICAS = 3
CLIENTS = 4
GIVE_UP_SECONDS = 15.0
AWAY = {502, 503}
"""What a proxy and a server that stops say in place of an answer."""


@dataclass
class Client:
    """Uploads, creates and polls over and over, and tries again what has no answer."""

    url: str
    number: int
    files: list[tuple[str, bytes]] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tries: int = 0

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer sk-client-{self.number}"}

    def run(self, stopped: threading.Event) -> None:
        """Work until told to stop; what fails for good ends it."""
        try:
            for round_number in itertools.count():
                if stopped.is_set():
                    return
                self._round(f"{self.number}-{round_number}")
        except (AssertionError, LookupError, ValueError, httpx.HTTPError) as error:
            self.failures.append(repr(error))

    def _round(self, name: str) -> None:
        content = PNG + name.encode()
        files = {"file": (f"{name}.png", content)}
        uploaded = self._ask("POST", "/v1/uploads/images", files=files)
        self.files.append((httpx.URL(uploaded.json()["url"]).path, content))
        task = {
            "model": "gpt-image-2",
            "prompt": name,
            "size": "64x64",
            "metadata": {"fake": {"seconds": 0}},
        }
        created = self._ask(
            "POST", "/v1/images/generations", json=task, more={"Idempotency-Key": name}
        )
        self.tasks.append(created.json()["data"][0]["task_id"])
        for task_id in self.tasks[-3:]:
            self._ask("GET", f"/v1/tasks/{task_id}")
        self._ask("GET", self.files[-1][0])

    def _ask(
        self, method: str, path: str, more: dict[str, str] | None = None, **options: object
    ) -> httpx.Response:
        """Ask until there is an answer. A connection of its own for each comes to any replica."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        headers = {**self.key, **(more or {})}
        while True:
            try:
                answer = httpx.request(method, self.url + path, headers=headers, **options)  # type: ignore[arg-type]
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in AWAY:
                assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
                return answer
            self.tries += 1
            assert time.monotonic() < deadline, f"no answer to {method} {path}"
            time.sleep(0.05)


def under_load(url: str, disturb: Callable[[], None]) -> list[Client]:
    """Return what clients were told while `disturb` ran."""
    clients = [Client(url, number) for number in range(CLIENTS)]
    stopped = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stopped,)) for each in clients]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        disturb()
        time.sleep(0.5)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(2 * GIVE_UP_SECONDS)
    return clients


def check_all_is_there(clients: list[Client], urls: list[str]) -> None:
    """Ask every replica for all that clients were told of."""
    for client in clients:
        assert client.failures == []
        assert len(client.files) > 3
        assert len(set(client.tasks)) == len(client.tasks)
        for url in urls:
            # A batch of finished tasks waits until all of their pictures are drawn.
            patience = 4 * GIVE_UP_SECONDS
            with httpx.Client(base_url=url, headers=client.key, timeout=patience) as asked:
                for path, content in client.files:
                    assert asked.get(path).content == content, path
                found = asked.post("/v1/tasks/batch", json={"task_ids": client.tasks[:100]}).json()
                assert [each["id"] for each in found["data"]] == client.tasks[:100]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_replicas_that_are_restarted_one_by_one_lose_nothing(
    name: str, redis_url: str, tmp_path: Path
) -> None:
    sig = signal.Signals[name]

    def restart_all(servers: Replicas) -> None:
        for index in range(REPLICAS):
            status, log = servers.stop(index, sig)
            assert status == (0 if name == "SIGTERM" else -sig)
            assert "Traceback" not in log
            servers.start(index)

    with (
        replicas(REPLICAS, tmp_path, redis_url) as servers,
        Balancer(servers.urls) as balancer,
    ):
        clients = under_load(balancer.url, lambda: restart_all(servers))
        check_all_is_there(clients, servers.urls)


def test_file_and_task_of_a_server_that_was_killed_are_the_others(
    redis_url: str, tmp_path: Path
) -> None:
    with replicas(REPLICAS, tmp_path, redis_url) as servers:
        first, *others = servers.urls
        client = Client(first, 0)
        client._round("before")
        assert servers.stop(0, signal.SIGKILL)[0] == -signal.SIGKILL
        check = Client(first, 0, client.files * 4, client.tasks)
        check_all_is_there([check], others)
