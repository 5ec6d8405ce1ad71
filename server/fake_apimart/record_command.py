"""What the command `fake-apimart record` does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from fake_apimart.reports.terminal import print_report
from fake_apimart.snapshots.snapshot import Snapshot
from fake_apimart.verify_command import NOT_RUN, CannotVerify, Options, chosen_cases, run, status_of

_PROPOSE = """
{count} snapshots are in {folder}. Keys, ids of requests and amounts of money are redacted; look
through them all the same before you pass them on: git diff, or any editor, but without saving a
change, since verify refuses files that have been edited.

To propose them for the contract, open an issue "A recorded answer of the service" and attach them,
with the day, the route, and what you redacted besides: CONTRIBUTING.md, "Recorded answers".
To compare them with the fake now: fake-apimart verify --against {folder}
"""


def record(options: Options, out: Path) -> int:
    """Run the cases, keep each answer below `out`, and return the exit status.

    Whatever was answered is a success; only where nothing was run is it none. Raises CannotVerify.
    """
    results = chosen_cases(options)
    day = datetime.now(UTC).date().isoformat()
    began = time.monotonic()
    outcome = run(options, results)
    console = Console(highlight=False)
    print_report(console, results, time.monotonic() - began)
    ran = [each for each in results if each.received]
    try:
        for each in ran:
            Snapshot.of(
                each,
                target=outcome.target,
                dialect=outcome.dialect,
                day=day,
                secret=options.api_key or "",
            ).write(out)
    except OSError as error:
        raise CannotVerify(f"cannot write below {out}: {error.strerror}") from error
    console.print(_PROPOSE.format(count=len(ran), folder=out), soft_wrap=True, markup=False)
    return NOT_RUN if status_of(results) == NOT_RUN else 0
