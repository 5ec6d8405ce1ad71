"""Runs many cases, several at once where the server allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fake_apimart_testing.control import ControlError

from fake_apimart.cases.case import Case, CaseFile
from fake_apimart.cases.matching import Difference
from fake_apimart.cases.source import Source
from fake_apimart.client.receiver import Receiver
from fake_apimart.common.randomness import Randomness
from fake_apimart.targets.target import Target
from fake_apimart.verify.results import Check, Result
from fake_apimart.verify.run_case import Run
from fake_apimart.verify.wire import Wire

_randomness = Randomness()

TargetFor = Callable[[Case], Target | str]
"""Gives the server for a case, or says why there is none. Raises ControlError."""


def chosen(files: Iterable[CaseFile], only: Sequence[str] = ()) -> list[Result]:
    """Return the cases to run, each with nothing come of it yet.

    Each of `only` names cases by what their `operation/name` begins with or contains; several
    choose what any of them does.
    """
    everything = [
        Result(file.operation, behaviour, case)
        for file in files
        for behaviour in file.behaviours
        for case in behaviour.cases
    ]
    return [each for each in everything if not only or any(part in each.name for part in only)]


def run_cases(
    results: Sequence[Result],
    target_for: TargetFor,
    receiver: Receiver | None,
    on_end: Callable[[Result], None],
    *,
    at_once: int = 8,
) -> None:
    """Run the cases, so many at once, and call `on_end` with each from whatever thread ran it."""

    def run(result: Result) -> None:
        _run(result, target_for, receiver)
        on_end(result)

    with ThreadPoolExecutor(at_once) as threads:
        # In this order: the slowest of one file do not all come last.
        list(threads.map(run, results))


def _run(result: Result, target_for: TargetFor, receiver: Receiver | None) -> None:
    try:
        target = target_for(result.case)
    except ControlError as error:
        problem = Difference("server", "a server with these settings", str(error))
        result.checks.append(Check(1, Source("assumed"), [problem]))
        return
    if isinstance(target, str):
        result.reason = target
    else:
        result.names = _names(target, receiver)
        wire, names = Wire(target, receiver), dict[str, Any](result.names)
        Run(result, wire, names, is_exact=target.is_exact, secret=target.secret).run()


def _names(target: Target, receiver: Receiver | None) -> dict[str, str]:
    """Return the values that have names from the start."""
    unique = _randomness.hex(16)
    names = {
        "key": target.key(),
        "base": target.place.base,
        "host": target.place.authority,
        "unique": unique,
    }
    return names if receiver is None else {**names, "receiver": receiver.url_of(unique)}
