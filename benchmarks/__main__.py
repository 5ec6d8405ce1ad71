"""Benchmark the server against its alternatives: `make bench`.

Print tables. With `--output`, also write results.json, throughput.png and growth.png there.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from pathlib import Path

import pytest

from benchmarks import growth, memory, slow_clients, start, throughput, worlds
from benchmarks.load import LOADS
from benchmarks.results import report, targets
from benchmarks.servers.running import touch_memory
from benchmarks.stores import s3, s3_reads
from benchmarks.throughput import WORKLOADS
from tests.stores import Store


def main() -> None:
    """Run the benchmarks that the arguments select."""
    arguments = _parse()
    with contextlib.ExitStack() as stack:
        store = _store(stack)
        servers = [name for name in WORKLOADS if store is not None or name != "fake s3:"]
        loads = [load for load in LOADS if arguments.only in load.name]
        touch_memory()
        print(report.HEAD)
        figures = []
        for figure in throughput.measure(loads, servers, arguments.rounds, arguments.seconds):
            figures.append(figure)
            print(report.line(figure, figures), flush=True)
        print()
        for outcome in targets.outcomes(figures):
            print(report.target_line(outcome))
        results: dict[str, object] = {"throughput": [dataclasses.asdict(each) for each in figures]}
        if not arguments.only:
            results |= _measure_other_figures(store, arguments.rounds)
    if arguments.output:
        _write(Path(arguments.output), results)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="per load, server and round")
    parser.add_argument("--only", default="", help="loads whose name holds this, nothing else")
    parser.add_argument("--output", help="a folder for the figures and the plots")
    return parser.parse_args()


def _store(stack: contextlib.ExitStack) -> Store | None:
    try:
        return stack.enter_context(s3.running_store())
    except pytest.skip.Exception as missing:
        print(f"nothing of S3: {missing}", file=sys.stderr)
        return None


def _measure_other_figures(store: Store | None, rounds: int) -> dict[str, object]:
    """Measure what is not throughput, such as start, memory, S3 against boto3, and growth."""
    measured = {
        "start": start.measure(rounds),
        "memory": memory.measure(rounds),
        "slow clients": slow_clients.measure(rounds),
        "fixture": worlds.measure(rounds),
        **({"s3": s3.measure(store, rounds)} if store else {}),
        **({"s3 reads": s3_reads.measure(store, rounds)} if store else {}),
    }
    for figure in measured.values():
        print(figure, flush=True)
    grown = growth.measure(rounds)
    print(report.growth_table(grown))
    results: dict[str, object] = {
        name: dataclasses.asdict(each)  # type: ignore[call-overload]
        for name, each in measured.items()
    }
    return {**results, "growth": [dataclasses.asdict(each) for each in grown]}


def _write(folder: Path, results: dict[str, object]) -> None:
    # Imported here because the import takes a second, and only plots need it.
    from benchmarks.results import plots

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    plots.draw(results, folder)


if __name__ == "__main__":
    main()
