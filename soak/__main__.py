"""Soak the server: `make soak MINUTES=20 ARGS="--storage dir"`.

Print what was sent, answered, verified and found, and a Markdown table of it. Exit with 1 on any
finding. `--minutes` is the time of all storages together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from pathlib import Path

import uvloop

from soak.record import report
from soak.record.outcome import Outcome, Plan
from soak.run import run
from soak.storages import NAMES

ALL = "all"
INTERRUPTED = 130


def main() -> int:
    """Run on the storages that the arguments select; return the exit status."""
    arguments = _parse()
    if not Path("/proc/self/smaps_rollup").exists():
        print("the soak reads /proc, which only Linux has", file=sys.stderr)
        return 2
    names = NAMES if arguments.storage == ALL else (arguments.storage,)
    plan = Plan(
        seconds=arguments.minutes * 60 / len(names),
        seed=arguments.seed or f"{random.SystemRandom().getrandbits(32):08x}",
        folder=arguments.folder,
        ends_at_finding=arguments.fail_fast,
    )
    print(f"seed {plan.seed}", flush=True)
    # As Ctrl+C does: what was started is ended, and what was written removed.
    # A shell lets what it starts in the background ignore Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    outcomes = []
    for name in names:
        try:
            outcomes.append(_run(name, plan))
        except KeyboardInterrupt:
            return INTERRUPTED
        print(report.summary(outcomes[-1]), flush=True)
    print(f"\n{report.table(outcomes)}")
    if arguments.output:
        arguments.output.write_text(json.dumps(report.as_json(outcomes), indent=1))
    return 1 if any(each.findings.total for each in outcomes) else 0


def _run(name: str, plan: Plan) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(name, plan))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of all storages together")
    parser.add_argument("--storage", choices=(*NAMES, ALL), default=ALL)
    parser.add_argument("--seed", help="what all randomness comes from; printed at the start")
    parser.add_argument("--folder", type=Path, help="where the data lies while it runs")
    parser.add_argument("--output", type=Path, help="a file for the outcomes, as JSON")
    parser.add_argument("--fail-fast", action="store_true", help="end at the first finding")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
