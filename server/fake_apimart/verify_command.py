"""What the command `fake-apimart verify` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fake_apimart_storage import InvalidLocation, storage_at
from rich.console import Console
from rich.prompt import Confirm
from rich.text import Text

from fake_apimart.cases.reading import case_files
from fake_apimart.client.connection import NoAnswer
from fake_apimart.client.receiver import Receiver
from fake_apimart.common.redaction import redacted_text
from fake_apimart.reports.as_json import json_report
from fake_apimart.reports.junit import junit_report
from fake_apimart.reports.moves import print_moves
from fake_apimart.reports.progress import progress
from fake_apimart.reports.terminal import print_report
from fake_apimart.snapshots.drift import Party, moves
from fake_apimart.snapshots.snapshot import InvalidSnapshot, Snapshot, read_snapshots
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
    dialect: str | None = None
    storage: str = MEMORY
    callback_host: str | None = None
    json: Path | None = None
    junit: Path | None = None
    against: Path | None = None


class Outcome(NamedTuple):
    """What the cases were run against: its name, whether it is a fake, and its dialect."""

    target: str
    is_fake: bool
    dialect: str


def verify(options: Options) -> int:
    """Run the cases, print what came of them, and return the exit status. Raises CannotVerify."""
    snapshots = _snapshots(options)
    if snapshots and options.dialect is None:
        # In another dialect than the recorded one, a fake is no measure.
        options = replace(options, dialect=snapshots[-1].dialect)
    results = chosen_cases(options)
    began_at = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    outcome = run(options, results)
    seconds = time.monotonic() - began
    console = Console(highlight=False)
    print_report(console, results, seconds)
    write_report(options.json, lambda: json_report(results, outcome.target, began_at, seconds))
    write_report(options.junit, lambda: junit_report(results, began_at))
    status = status_of(results)
    if snapshots:
        known = {each.name for each in chosen(case_files())}
        present = Party.FAKE if outcome.is_fake else Party.SERVICE
        found = list(moves(snapshots, results, present, known))
        print_moves(console, found, len(snapshots))
        status = BROKEN if found else status
    return status


def chosen_cases(options: Options) -> list[Result]:
    """Return the cases that were asked for. Raises CannotVerify where there are none."""
    results = chosen(case_files(), options.only)
    if not results:
        raise CannotVerify(f"no case is named so: {', '.join(options.only)}")
    return results


def _snapshots(options: Options) -> Sequence[Snapshot]:
    try:
        return [] if options.against is None else read_snapshots(options.against)
    except InvalidSnapshot as error:
        raise CannotVerify(str(error)) from error


def run(options: Options, results: list[Result]) -> Outcome:
    """Run the cases against the server that was asked for. Raises CannotVerify."""
    with ExitStack() as stack:
        if options.target is None:
            _check_storage(options.storage)
            host = options.callback_host or "127.0.0.1"
            dialect = options.dialect or "page"
            own = stack.enter_context(OwnServers(options.storage, dialect))
            target_for: TargetFor = own.target_for
            at_once = 8
            name = f"servers of its own, {dialect}, {redacted_text(options.storage)}"
            outcome = Outcome(name, is_fake=True, dialect=dialect)
        else:
            host = options.callback_host or ""
            server = _foreign(options, options.target, results)
            target_for, at_once = server.target_for, server.at_once
            outcome = Outcome(server.url, server.is_fake, server.dialect)
        receiver = stack.enter_context(_receiver(host)) if host else None
        on_end = stack.enter_context(progress(len(results)))
        run_cases(results, target_for, receiver, on_end, at_once=at_once)
    return outcome


def _check_storage(location: str) -> None:
    """Raise CannotVerify where no server could store there: one line instead of one per case."""
    try:
        storage_at(location)
    except InvalidLocation as error:
        raise CannotVerify(f"--storage {redacted_text(location)}: {error}") from None


def _receiver(host: str) -> Receiver:
    try:
        return Receiver(host)
    except OSError as error:
        raise CannotVerify(f"--callback-host {host}: cannot listen there: {error}") from error


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
        # Without a control API it may be anything: a server's own word for it is not enough.
        may_spend=found.has_control or options.spend,
        may_store=found.has_control or options.api_key is None or _may_store(options, url, results),
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
    return Confirm.ask(Text(question), console=Console(stderr=True), default=False)
