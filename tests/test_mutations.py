"""The judgement of `verify`: servers that are wrong in one thing break a case, each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from fake_apimart.cases.case import Case
from fake_apimart.cases.reading import case_files
from fake_apimart.client.connection import Place
from fake_apimart.settings.settings import Settings
from fake_apimart.targets.foreign import ForeignServer, Found
from fake_apimart.targets.selection import Means
from fake_apimart.verify import wire
from fake_apimart.verify.results import Result, State
from fake_apimart.verify.verification import chosen, run_cases

from tests.harness import ServerThread
from tests.mutating_proxy import Change, MutatingProxy, unchanged
from tests.mutations import MUTATIONS, Mutation, harmless
from tests.mutations.settings import OTHER_SERVERS

DIALECTS = ("page", "live")
_FIRST = 3
"""How many cases are run at first."""
_EVERY = 8
"""One of so many cases is run where nothing is to be noticed."""


def server_settings(**settings: Any) -> Settings:
    # Sooner than is waited for a task.
    settings = {"task_seconds": 0.5, **settings}
    return Settings(port=0, storage="memory://", access_log=False, **settings)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ServerThread]]:
    """Yield a right server of each dialect."""
    with ExitStack() as stack:
        yield {
            dialect: stack.enter_context(ServerThread(server_settings(dialect=dialect)))
            for dialect in DIALECTS
        }


@pytest.fixture(autouse=True)
def _wait_for_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask not for minutes for a task whose answers are never as they should be."""
    monkeypatch.setattr(wire, "_UNTIL_SECONDS", 1.0)


def target_of(url: str, dialect: str) -> ForeignServer:
    found = Found(
        Place.of(url), is_fake=True, has_control=True, dialect=dialect, is_direct=True, skew=0.0
    )
    return ForeignServer(found, Means(has_control=True, scheme="http", dialect=dialect), None)


def run(
    results: Sequence[Result], url: str, dialect: str, *, first: int | None = None
) -> dict[str, list[str]]:
    """Run those cases that can be run, and return what is broken.

    With `first`, so many are run first, then twice as many each time, until one is broken.
    """
    server = target_of(url, dialect)
    left = [each for each in results if not isinstance(server.target_for(each.case), str)]
    while left:
        some, left = left[:first], left[first:] if first else []
        run_cases(some, server.target_for, None, lambda _: None)
        if found := broken(some):
            return found
        first = first and 2 * first
    return {}


def in_order(only: Sequence[str]) -> list[Result]:
    """Return the cases, by the part of their names that comes first, but for those that wait."""
    results = [each for part in only for each in chosen(case_files(), [part])]
    return list({each.name: each for each in results if not pauses(each.case)}.values())


def broken(results: Sequence[Result]) -> dict[str, list[str]]:
    return {
        each.name: [str(found) for check in each.checks for found in check.differences]
        for each in results
        if each.state is State.BROKEN
    }


def judged(
    server: ServerThread, change: Change, only: Sequence[str], dialect: str = "page"
) -> tuple[int, bool]:
    """Return how many answers were changed, and whether a case is broken."""
    with MutatingProxy(server.address, change) as proxy:
        found = run(in_order(only), proxy.url, dialect, first=_FIRST)
    return proxy.changed, bool(found)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)
def test_a_server_that_is_wrong_in_one_thing_breaks_a_case(
    mutation: Mutation, servers: dict[str, ServerThread]
) -> None:
    name, only, change, dialect = mutation
    changed, is_noticed = judged(servers[dialect], change, only, dialect)
    assert changed, "no answer was changed"
    assert is_noticed, f"{name}: {changed} answers were changed, and nobody has noticed"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_server_that_is_right_breaks_no_case(
    dialect: str, servers: dict[str, ServerThread]
) -> None:
    only = [part for each in MUTATIONS if each.dialect == dialect for part in each.only]
    with MutatingProxy(servers[dialect].address, unchanged) as proxy:
        assert run(in_order(list(dict.fromkeys(only))), proxy.url, dialect) == {}


def test_mutations_have_names_of_their_own() -> None:
    names = [each.name for each in MUTATIONS]
    assert len(set(names)) == len(names)


def pauses(case: Case) -> bool:
    return any(
        step.pause or (step.request is not None and step.request.pause_before_end)
        for step in case.steps
    )


def states_bytes(case: Case) -> bool:
    return any(
        each.text is not None or each.body is not None
        for step in case.steps
        for each in step.expect
    )


def states_lengths(case: Case) -> bool:
    return any("content-length" in each.headers for step in case.steps for each in step.expect)


@pytest.mark.parametrize("name", harmless.HARMLESS)
def test_a_change_that_is_none_breaks_no_case(name: str, servers: dict[str, ServerThread]) -> None:
    states = {
        **dict.fromkeys(harmless.OF_BYTES, states_bytes),
        **dict.fromkeys(harmless.OF_LENGTHS, states_lengths),
    }.get(name, lambda _: False)
    results = [each for each in chosen(case_files()) if not states(each.case)]
    # A part of them will do, of all kinds, without those that take their time.
    results = [each for each in results if not pauses(each.case)][::_EVERY]
    with MutatingProxy(servers["page"].address, harmless.HARMLESS[name]) as proxy:
        assert run(results, proxy.url, "page") == {}
    assert proxy.changed


@pytest.mark.parametrize("name", OTHER_SERVERS)
def test_a_server_that_is_configured_otherwise_breaks_a_case(name: str) -> None:
    settings, only = OTHER_SERVERS[name]
    with ServerThread(server_settings(**settings)) as server:
        _, is_noticed = judged(server, unchanged, only)
    assert is_noticed
