"""The report for people of what has moved since snapshots were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from fake_apimart.common.texts import one_line
from fake_apimart.reports.terminal import print_differences
from fake_apimart.snapshots.drift import Move, Party


def print_moves(console: Console, moves: Sequence[Move], snapshots: int) -> None:
    """Print each move, and last how often each party has moved."""
    for each in moves:
        console.print()
        console.print(
            Text.assemble((each.party.value, "red bold"), " moved: ", (one_line(each.case), "bold"))
        )
        console.print(Text(f"  {one_line(each.what)}", style="dim"))
        print_differences(console, each.differences)
    counts = Counter(each.party for each in moves)
    said = ", ".join(f"{party.value} {counts[party]}" for party in Party)
    console.print()
    console.print(f"{snapshots} snapshots; what has moved: {said}", style="bold")
