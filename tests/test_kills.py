"""A server that is killed at any moment: what it has acknowledged is there, byte for byte."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.harness import AUTHORIZED, JPEG, ServerProcess

KILLS = 4
SECONDS = (0.2, 0.6)
"""How long a server serves before it is killed, at least and at most."""
SIZES = (0, 1000, 200_000, 3_000_000)
"""How many bytes the pictures have behind those of a real one."""


class Client(threading.Thread):
    """Uploads pictures and creates tasks until the server is gone; keeps what was acknowledged."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.tasks: dict[str, str] = {}
        """The ids of tasks by their idempotency keys."""
        self._url = url
        self._seed = seed

    def run(self) -> None:
        chance = random.Random(self._seed)
        try:
            with httpx.Client(base_url=self._url, headers=AUTHORIZED, timeout=20) as client:
                while True:
                    self._upload(client, chance)
                    self._create(client, f"{self._seed}-{chance.random()}")
        except httpx.TransportError:
            return

    def _upload(self, client: httpx.Client, chance: random.Random) -> None:
        content = JPEG + chance.randbytes(chance.choice(SIZES))
        answer = client.post("/v1/uploads/images", files={"file": ("a.jpg", content)})
        assert answer.status_code == 200, answer.text
        self.files[httpx.URL(answer.json()["url"]).path] = content

    def _create(self, client: httpx.Client, key: str) -> None:
        answer = create(client, key)
        assert answer.status_code == 200, answer.text
        self.tasks[key] = answer.json()["data"][0]["task_id"]


def create(client: httpx.Client, key: str) -> httpx.Response:
    return client.post(
        "/v1/images/generations",
        json={"model": "gpt-image-2", "prompt": key},
        headers={"Idempotency-Key": key},
    )


def verify(url: str, clients: list[Client]) -> int:
    """Check that all that was acknowledged is there, and return how much it is."""
    verified = 0
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=20) as client:
        for each in clients:
            for path, content in each.files.items():
                assert client.get(path).content == content
            for key, task_id in each.tasks.items():
                assert client.get(f"/v1/tasks/{task_id}").json()["data"]["id"] == task_id
                replayed = create(client, key)
                assert replayed.headers["idempotency-replayed"] == "true"
                assert replayed.json()["data"][0]["task_id"] == task_id
            verified += len(each.files) + len(each.tasks)
    return verified


@pytest.mark.subprocess
@pytest.mark.parametrize("fsync", ["off", "on"])
def test_what_a_killed_server_acknowledged_is_there(fsync: str, tmp_path: Path) -> None:
    env = {
        "FAKE_APIMART_STORAGE": f"dir:{tmp_path}",
        "FAKE_APIMART_FSYNC": fsync,
        "FAKE_APIMART_ACCESS_LOG": "off",
        "FAKE_APIMART_BALANCE": "1000000",
    }
    chance = random.Random(7)
    clients: list[Client] = []
    for number in range(KILLS):
        with ServerProcess(env=env) as server:
            running = [Client(server.url, 10 * number + each) for each in range(3)]
            for client in running:
                client.start()
            time.sleep(chance.uniform(*SECONDS))
            server.process.send_signal(signal.SIGKILL)
            for client in running:
                client.join()
            server.process.wait()
            clients += running
    with ServerProcess(env=env) as server:
        assert verify(server.url, clients) > KILLS
        assert list(tmp_path.rglob("*.part")) == []
        status, log = server.end()
    assert status == 0
    assert not [line for line in log.splitlines() if " INFO " not in line]
