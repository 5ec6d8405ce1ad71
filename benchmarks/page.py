"""The cost of the page at `/_fake/`: for clients, for the server, and for who looks at it.

`python -m benchmarks.page` prints CPU time per request with nobody looking, after somebody has, and
while somebody does, side by side; then what a full page takes to open and to move, in a browser,
and whether it grows.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

from benchmarks.servers.running import RunningServer, cpu_seconds_of
from tests.browser.conftest import command_of_the_browser
from tests.harness import PNG

SERVER = "fake memory://"
WORLDS, ENTRIES, UPLOADS = 10, 10_000, 1000
CALLS = 2000
_MEGABYTE = 1_000_000


def main() -> None:
    """Run all, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=2000, help="that an open page is shown")
    arguments = parser.parse_args()
    _costs_for_clients(arguments.rounds)
    _costs_for_viewers(arguments.updates)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _running() -> Iterator[tuple[RunningServer, httpx.Client]]:
    server = RunningServer(SERVER)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            yield server, client
    finally:
        server.stop()


# For clients


def _costs_for_clients(rounds: int) -> None:
    """Print CPU time per request by who looks, as ratios to a server that nobody looked at."""
    states: dict[str, Callable[[httpx.Client], contextlib.AbstractContextManager[None]]] = {
        "nobody has looked": lambda client: contextlib.nullcontext(),
        "somebody has looked": _has_looked,
        "somebody looks": _looking,
    }
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for state, entered in states.items():
            with _running() as (server, client), entered(client):
                for name, call in _CALLS.items():
                    milliseconds = _cost(server, client, call)
                    found.setdefault((name, state), []).append(milliseconds)
    for name in _CALLS:
        base = statistics.median(found[name, "nobody has looked"])
        for state in states:
            median = statistics.median(found[name, state])
            _say(f"{name}, {state}: {median:.3f} ms of CPU, {median / base:.2f}")


def _upload(client: httpx.Client, number: int) -> None:
    key = {"Authorization": f"Bearer key-{number % WORLDS}"}
    file = {"file": (f"picture-{number}.png", PNG)}
    client.post("/v1/uploads/images", headers=key, files=file).raise_for_status()


def _poll(client: httpx.Client, number: int) -> None:
    key = {"Authorization": f"Bearer key-{number % WORLDS}"}
    client.get("/v1/tasks/task_01HZX3K8Q2N4R6T8V0W2Y4Z6A8", headers=key)


_CALLS = {"upload": _upload, "poll": _poll}


def _cost(server: RunningServer, client: httpx.Client, call: Any) -> float:
    """Return the server's CPU time for one call, in milliseconds."""
    for number in range(CALLS // 10):
        call(client, number)
    before = cpu_seconds_of(server.pid)
    for number in range(CALLS):
        call(client, number)
    return (cpu_seconds_of(server.pid) - before) / CALLS * 1000


@contextlib.contextmanager
def _has_looked(client: httpx.Client) -> Iterator[None]:
    with _looking(client):
        time.sleep(0.5)
    yield


@contextlib.contextmanager
def _looking(client: httpx.Client) -> Iterator[None]:
    """Read the stream of the first screen while the block runs."""
    client.get("/_fake/").raise_for_status()
    over = threading.Event()

    def read() -> None:
        with httpx.stream("GET", f"{client.base_url}/_fake/page/events", timeout=60) as answer:
            for _ in answer.iter_raw():
                if over.is_set():
                    return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        _upload(client, 0)
        reader.join()


# For who looks


def _costs_for_viewers(updates: int) -> None:
    with _running() as (server, client), sync_playwright() as playwright:
        for number in range(UPLOADS):
            _upload(client, number)
        for number in range(ENTRIES - UPLOADS):
            _poll(client, number)
        path, flags = command_of_the_browser(), ["--no-sandbox", "--enable-precise-memory-info"]
        with playwright.chromium.launch(executable_path=path, args=flags) as browser:
            page = browser.new_page(base_url=str(client.base_url))
            page.goto("/_fake/")
            _say(f"{ENTRIES} entries, {UPLOADS} uploads: {_opening(page):.0f} ms until it is there")
            _say(f"idle for ten seconds: {_idle(server):.1f} % of a CPU")
            delays = [_delay(page, client, number) for number in range(10)]
            _say(f"an upload is seen after {statistics.median(delays):.0f} ms")
            before = _size(page)
            for number in range(updates):
                _upload(client, number)
            time.sleep(2)
            after = _size(page)
            _say(f"after {updates} uploads: {before} before, {after} (nodes, MB of heap)")


def _opening(page: Any) -> float:
    """Return the milliseconds from the click to all that a screen shows, of the median of five."""
    times = []
    for _ in range(5):
        page.reload(wait_until="load")
        timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        times.append(float(page.evaluate(timing)))
    return statistics.median(times)


def _idle(server: RunningServer) -> float:
    before, seconds = cpu_seconds_of(server.pid), 10
    time.sleep(seconds)
    return (cpu_seconds_of(server.pid) - before) / seconds * 100


def _delay(page: Any, client: httpx.Client, number: int) -> float:
    name = f"seen-{number}.png"
    key = {"Authorization": "Bearer key-0"}
    began = time.perf_counter()
    client.post("/v1/uploads/images", headers=key, files={"file": (name, PNG)})
    page.locator(".gallery", has_text=name).wait_for()
    return (time.perf_counter() - began) * 1000


def _size(page: Any) -> tuple[int, float]:
    """Return the nodes of a page, and the megabytes of its scripts' memory after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    nodes = page.evaluate("document.querySelectorAll('*').length")
    heap = page.evaluate("performance.memory.usedJSHeapSize")
    return int(nodes), round(heap / _MEGABYTE, 1)


if __name__ == "__main__":
    main()
