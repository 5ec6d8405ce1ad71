"""A bar on standard error while cases run, where somebody sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fake_apimart.verify.results import Result, State


@contextmanager
def progress(total: int) -> Iterator[Callable[[Result], None]]:
    """Show a bar; what it gives is called with each case that has ended."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("verify", total=total)
        broken = 0

        def on_end(result: Result) -> None:
            nonlocal broken
            broken += result.state is State.BROKEN
            bar.update(task, advance=1, description=f"{broken} broken" if broken else "verify")

        yield on_end
