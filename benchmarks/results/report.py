"""Tables of the figures."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import growth
from benchmarks.growth import GrowthFigure
from benchmarks.results.targets import Outcome
from benchmarks.throughput import Figure

HEAD = (
    f"{'load':22}{'server':21}{'req/s':>9}{'spread':>17}{'MB/s':>8}{'req/CPU s':>11}"
    f"{'x sink':>8}{'x hand':>8}{'load/server CPU':>17}"
)


def line(figure: Figure, before: Sequence[Figure]) -> str:
    """Return the table row of one server under one load, with ratios to figures of `before`."""
    low, high = figure.spread
    references = {each.server: each for each in before if each.load == figure.load}
    ratios = "".join(
        f"{_ratio(figure, references.get(name)):>8}" for name in ("sink", "handwritten")
    )
    return (
        f"{figure.load:22}{figure.server:21}{figure.median('requests_per_second'):9.1f}"
        f"{f'{low:.0f}..{high:.0f}':>17}{figure.megabytes_per_second:8.0f}"
        f"{figure.median('requests_per_cpu_second'):11.0f}{ratios}"
        f"{figure.median('load_share'):17.2f}"
    )


def _ratio(figure: Figure, reference: Figure | None) -> str:
    if reference is None:
        return "-"
    rates = (each.median("requests_per_second") for each in (figure, reference))
    return f"{next(rates) / next(rates):.2f}"


def target_line(outcome: Outcome) -> str:
    """Return a line that states a target and whether it was met."""
    target = outcome.target
    return (
        f"{target.load:18} {target.server} / {target.reference}: {outcome.median:.2f} "
        f"({outcome.worst:.2f}..{outcome.best:.2f}), target {target.ratio:g}: "
        f"{'held' if outcome.is_met else 'MISSED'}"
    )


def growth_table(grown: Sequence[GrowthFigure]) -> str:
    """Return a table of the median costs by what the server holds."""
    names = [load.name for load in growth.LOADS]
    units = {**dict.fromkeys(growth.DURATIONS, (1000, "ms")), growth.MEMORY: (1, "MB")}
    lines = [f"{'beside':>16}" + "".join(f"{name:>19}" for name in [*names, *units])]
    for each in grown:
        rates = "".join(f"{each.median(name):17.0f}/s" for name in names)
        others = "".join(
            f"{each.median(name) * factor:16.4g} {unit}" for name, (factor, unit) in units.items()
        )
        lines.append(f"{f'{each.count:,} {each.of}':>16}{rates}{others}")
    return "\n".join(lines)
