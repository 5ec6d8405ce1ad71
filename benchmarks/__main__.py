"""The command: measures, prints a table, and writes JSON where asked."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from benchmarks import memory, start, throughput
from benchmarks.load import LOADS
from benchmarks.throughput import Figure

HEAD = (
    f"{'load':22}{'server':16}{'req/s':>9}{'spread':>17}{'MB/s':>8}{'req/CPU s':>11}"
    f"{'x sink':>8}{'x hand':>8}{'load/server CPU':>17}"
)


def main() -> None:
    """Measure what the arguments ask for."""
    arguments = _parse()
    loads = [load for load in LOADS if arguments.only in load.name]
    figures = throughput.measure(loads, arguments.rounds, arguments.seconds)
    _print_table(figures)
    results: dict[str, object] = {"throughput": [dataclasses.asdict(each) for each in figures]}
    if not arguments.only:
        started = start.measure(arguments.rounds)
        print(
            f"start to first answer {started.first_answer:.2f} s, of it importing "
            f"{started.imports:.2f} s (Python alone {started.python:.2f} s)"
        )
        used = memory.measure()
        print(
            f"memory at rest {used.at_rest:.0f} MB; {memory.UPLOADS} uploads of 20 MB at once "
            f"raise it by {used.rise:.0f} MB"
        )
        results |= {"start": dataclasses.asdict(started), "memory": dataclasses.asdict(used)}
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="per load, server and round")
    parser.add_argument("--only", default="", help="loads whose name holds this, nothing else")
    parser.add_argument("--json", help="write the figures to this file too")
    return parser.parse_args()


def _print_table(figures: list[Figure]) -> None:
    rates = {(each.load, each.server): each.requests_per_second for each in figures}
    print(HEAD)
    for each in figures:
        low, high = each.spread
        ratios = (
            f"{each.requests_per_second / rate:.2f}" if rate else "-"
            for rate in (rates.get((each.load, name)) for name in ("sink", "handwritten"))
        )
        print(
            f"{each.load:22}{each.server:16}{each.requests_per_second:9.1f}"
            f"{f'{low:.0f}..{high:.0f}':>17}{each.megabytes_per_second:8.0f}"
            f"{each.requests_per_cpu_second:11.0f}"
            + "".join(f"{ratio:>8}" for ratio in ratios)
            + f"{each.load_share:17.2f}"
        )


if __name__ == "__main__":
    main()
