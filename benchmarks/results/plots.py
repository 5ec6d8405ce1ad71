"""Plots of the figures for the documentation."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks import growth

mpl.use("Agg")

from matplotlib import pyplot as plt

SERVERS = {
    "sink": "#9a9a9a",
    "moto": "#c49b3f",
    "handwritten": "#b5533c",
    "bare file": "#7a7a7a",
    "bare api": "#7a7a7a",
    "fake s3:": "#8fb8de",
    "fake dir:": "#2f6fb0",
    "fake memory://": "#1d4a78",
}


def draw(results: dict[str, Any], folder: Path) -> None:
    """Draw throughput.png, and growth.png if growth was measured."""
    _draw_throughput(results["throughput"], folder / "throughput.png")
    if "growth" in results:
        _draw_growth(results["growth"], folder / "growth.png")


def _draw_throughput(figures: list[dict[str, Any]], path: Path) -> None:
    """Draw the servers of each load as bars, relative to the fastest."""
    loads = list(dict.fromkeys(each["load"] for each in figures))
    figure, axes = plt.subplots(figsize=(9, 0.5 + 0.28 * len(figures)), layout="constrained")
    labels, position = [], 0.0
    for load in loads:
        rates = {
            each["server"]: [sample["requests_per_second"] for sample in each["samples"]]
            for each in figures
            if each["load"] == load and each["server"] in SERVERS
        }
        fastest = max(map(statistics.median, rates.values()))
        for name, samples in rates.items():
            median = statistics.median(samples)
            spread = [[median - min(samples)], [max(samples) - median]]
            axes.barh(
                position,
                median / fastest,
                xerr=[[each[0] / fastest] for each in spread],
                color=SERVERS[name],
                height=0.8,
                error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
            )
            # Next to the bar if it is too short for the text.
            place, color = (0.01, "white") if median > 0.1 * fastest else (0.11, "black")
            axes.text(place, position, f"{median:,.0f}/s", va="center", fontsize=7, color=color)
            labels.append((position, f"{load}   {name}"))
            position += 1
        position += 0.7
    axes.set_yticks([each[0] for each in labels], [each[1] for each in labels], fontsize=8)
    axes.set_ylim(position, -0.7)
    axes.set_xlim(0, 1.3)
    axes.set_xlabel("requests a second, in parts of the fastest under the same load; lines: spread")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_growth(grown: list[dict[str, Any]], path: Path) -> None:
    """Draw speed against the number of files and worlds, relative to each round's first level."""
    figure, both = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    names = [name for name in grown[0]["rounds"][0] if name != growth.MEMORY]
    for axes, of in zip(both, ("files", "worlds"), strict=True):
        levels = [each for each in grown if each["of"] == of]
        for number, name in enumerate(names):
            parts = [_speeds(level, levels[0], name) for level in levels]
            medians = [statistics.median(each) for each in parts]
            below = [median - min(each) for median, each in zip(medians, parts, strict=True)]
            above = [max(each) - median for median, each in zip(medians, parts, strict=True)]
            axes.errorbar(
                # Shifted horizontally, so that the error bars do not overlap.
                [level["count"] * 1.09**number for level in levels],
                medians,
                yerr=[below, above],
                marker="s" if name in growth.DURATIONS else "o",
                elinewidth=0.7,
                label=name,
            )
        axes.set_xscale("log")
        axes.set_xlabel(f"{of} held")
        axes.grid(alpha=0.3)
    both[0].set_ylim(0, 1.8)
    both[0].set_ylabel("speed, in parts of the first; lines: spread")
    both[1].legend(fontsize=7, loc="lower left", ncols=3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _speeds(level: dict[str, Any], first: dict[str, Any], name: str) -> list[float]:
    """Return the speed of `level` relative to `first`, round by round."""
    pairs = zip(level["rounds"], first["rounds"], strict=True)
    ratios = [each[name] / reference[name] for each, reference in pairs]
    return [1 / ratio for ratio in ratios] if name in growth.DURATIONS else ratios
