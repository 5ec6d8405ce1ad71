"""What the command `fake-apimart verify` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.prompt import Confirm

from fake_apimart.cases.reading import case_files
from fake_apimart.client.connection import NoAnswer
from fake_apimart.client.receiver import Receiver
from fake_apimart.reports.as_json import json_report
from fake_apimart.reports.junit import junit_report
from fake_apimart.reports.progress import progress
from fake_apimart.reports.terminal import print_report
from fake_apimart.targets.foreign import ForeignServer, find
from fake_apimart.targets.own_servers import MEMORY, OwnServers
from fake_apimart.targets.selection import Means, stores
from fake_apimart.verify.results import Result, State
from fake_apimart.verify.verification import TargetFor, chosen, run_cases

HELD, BROKEN, NOT_RUN = 0, 1, 2
"""Statuses that the command exits with."""


class CannotVerify(Exception):
    """Nothing could be run; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    target: str | None = None
    api_key: str | None = None
    only: tuple[str, ...] = ()
    spend: bool = False
    yes: bool = False
    dialect: str = "page"
    storage: str = MEMORY
    callback_host: str | None = None
    json: Path | None = None
    junit: Path | None = None


def verify(options: Options) -> int:
    """Run the cases, print what came of them, and return the exit status. Raises CannotVerify."""
    results = chosen(case_files(), options.only)
    if not results:
        raise CannotVerify(f"no case is named so: {', '.join(options.only)}")
    began_at = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    target = run(options, results)
    seconds = time.monotonic() - began
    print_report(Console(highlight=False), results, seconds)
    write_report(options.json, lambda: json_report(results, target, began_at, seconds))
    write_report(options.junit, lambda: junit_report(results, began_at))
    return status_of(results)


def run(options: Options, results: list[Result]) -> str:
    """Run the cases against the server that was asked for, and return its name.

    Raises CannotVerify.
    """
    with ExitStack() as stack:
        if options.target is None:
            host = options.callback_host or "127.0.0.1"
            own = stack.enter_context(OwnServers(options.storage, options.dialect))
            target_for: TargetFor = own.target_for
            at_once, name = 8, f"servers of its own, {options.dialect}, {options.storage}"
        else:
            host = options.callback_host or ""
            server = _foreign(options, options.target, results)
            target_for, at_once, name = server.target_for, server.at_once, options.target
        receiver = stack.enter_context(Receiver(host)) if host else None
        on_end = stack.enter_context(progress(len(results)))
        run_cases(results, target_for, receiver, on_end, at_once=at_once)
    return name


def status_of(results: list[Result]) -> int:
    """Return 0 where all that was run held, 1 where something broke, 2 where nothing was run."""
    states = {each.state for each in results}
    if State.BROKEN in states:
        return BROKEN
    return HELD if State.HELD in states else NOT_RUN


def write_report(path: Path | None, report: Callable[[], bytes]) -> None:
    """Write a report where one is asked for. Raises CannotVerify."""
    if path is None:
        return
    try:
        path.write_bytes(report())
    except OSError as error:
        raise CannotVerify(f"cannot write {path}: {error.strerror}") from error


def _foreign(options: Options, url: str, results: list[Result]) -> ForeignServer:
    try:
        found = find(url)
    except ValueError as error:
        raise CannotVerify(f"--target {url}: {error}") from error
    except NoAnswer as error:
        raise CannotVerify(str(error)) from error
    means = Means(
        has_control=found.has_control,
        scheme=found.place.scheme,
        dialect=found.dialect,
        receives=bool(options.callback_host),
        may_spend=found.is_fake or options.spend,
        may_store=found.is_fake or options.api_key is None or _may_store(options, url, results),
    )
    return ForeignServer(found, means, options.api_key)


def _may_store(options: Options, url: str, results: list[Result]) -> bool:
    """Return whether files may be uploaded to a server that is no fake, asking where it can."""
    count = sum(stores(each.case) for each in results)
    if options.yes or not count:
        return True
    if not sys.stdin.isatty():
        return False
    question = f"Up to {count} cases upload pictures to {url}, the largest of 20 MiB. Go on?"
    return Confirm.ask(question, console=Console(stderr=True), default=False)
