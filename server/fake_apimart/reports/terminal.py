"""The report for people, as wide as 80 columns: a table, what is broken, what was not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fake_apimart.cases.matching import Difference
from fake_apimart.cases.source import SOURCES
from fake_apimart.common.texts import one_line
from fake_apimart.reports.tally import Tally, by_operation, in_all
from fake_apimart.verify.results import Result, State

_MAX_CHARACTERS = 600
"""How much of a value is shown; the JSON report has all of it."""


def print_report(console: Console, results: Sequence[Result], seconds: float) -> None:
    """Print what came of the cases."""
    console.print(_table(results))
    for result in results:
        if result.state is State.BROKEN:
            _print_broken(console, result)
    _print_not_run(console, results)
    cases = in_all(results).cases
    said = ", ".join(f"{cases[state]} {state.value}" for state in State)
    console.print(f"{len(results)} cases: {said}, in {seconds:.1f} s", style="bold")


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, caption_justify="left")
    table.add_column("operation", no_wrap=True)
    for tag in SOURCES:
        table.add_column(tag, justify="right")
    table.add_column("not run", justify="right")
    for operation, tally in by_operation(results).items():
        table.add_row(operation, *_row(tally))
    table.add_section()
    table.add_row("expectations held", *_row(in_all(results)), style="bold")
    return table


def _row(tally: Tally) -> list[Text]:
    cells = [_cell(tally.held[tag], tally.broken[tag]) for tag in SOURCES]
    missing = tally.cases[State.NOT_RUN]
    return [*cells, Text(str(missing or ""), style="yellow")]


def _cell(held: int, broken: int) -> Text:
    if broken:
        return Text(f"{held}/{held + broken}", style="red")
    return Text(str(held or ""), style="green")


def _print_broken(console: Console, result: Result) -> None:
    console.print()
    console.print(Text.assemble(("broken ", "red bold"), (result.name, "bold")))
    console.print(Text(f"  {result.behaviour.says}", style="dim"))
    for check in result.checks:
        step = f"step {check.step}, " if len(result.case.steps) > 1 else ""
        print_differences(console, check.differences, f" ({step}{check.source})")


def print_differences(
    console: Console, differences: Sequence[Difference], known_from: str = ""
) -> None:
    """Print what was expected and what came, one below the other."""
    for place, expected, received in differences:
        console.print(Text(f"  {_cut(place)}{known_from}"))
        console.print(Text(f"    - {_cut(expected)}", style="green"))
        console.print(Text(f"    + {_cut(received)}", style="red"))


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " …"


def _print_not_run(console: Console, results: Sequence[Result]) -> None:
    reasons = Counter(each.reason for each in results if each.reason)
    if reasons:
        console.print()
        console.print("not run", style="yellow bold")
    for reason, count in reasons.most_common():
        console.print(Text(f"  {count:4}  {one_line(reason)}"))
    console.print()
