"""A browser for the tests of the page: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import ServerThread

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""The names of the command, the same browser for these tests."""
TIMEOUT_MILLISECONDS = 20_000
"""How long a test waits for what it expects, on a busy machine."""


def command_of_the_browser() -> str | None:
    """Return the path of a browser, or None where there is none."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Yield a browser; tests that want one are skipped where there is none."""
    # Imported here since whole modules of tests are skipped without it, and this is no test.
    from tests.browser.sync_api import sync_api

    command = command_of_the_browser()
    if command is None:
        # Where all tests must run, one that does not is a failure.
        leave = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        leave(f"needs a browser: one of the commands {', '.join(CHROMIUM)}")
    # Not for all modules together: while it runs, no test may have an event loop of its own.
    with sync_api.sync_playwright() as started:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        with started.chromium.launch(executable_path=command, args=arguments) as launched:
            sync_api.expect.set_options(timeout=TIMEOUT_MILLISECONDS)
            yield launched


@pytest.fixture
def server(start_server: StartServer) -> ServerThread:
    """Return a server whose tasks take a while, so that they are seen on their way."""
    return start_server(task_seconds=1.5)


@pytest.fixture
def open_page(browser: Any, server: ServerThread) -> Iterator[Any]:
    """Open paths of the server; a test fails where the page has logged an error."""
    problems: list[str] = []
    contexts = []

    def open_path(path: str, **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(base_url=server.url, **options)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if _is_problem(said) else None)
        page.goto(path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert problems == []


def _is_problem(said: Any) -> bool:
    """Return whether the console tells of a fault; that a request was refused is none."""
    return said.type == "error" and "Failed to load resource" not in said.text


@pytest.fixture
def alice(server: ServerThread) -> Iterator[FakeAPIMart]:
    with FakeAPIMart(server.url, api_key="alice", label="alice's test") as world:
        yield world


@pytest.fixture
def bob(server: ServerThread) -> Iterator[FakeAPIMart]:
    with FakeAPIMart(server.url, api_key="bob", label="bob's test") as world:
        yield world
