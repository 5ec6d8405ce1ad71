"""docs/observability.md: its own text, with the table of metrics in it."""

from __future__ import annotations

from fake_apimart.telemetry.metrics_table import TABLE

from tools.pages.table import names
from tools.project import ROOT

METRICS_HEAD = "| metric | type | labels | what it is |\n|---|---|---|---|\n"


def page() -> str:
    """Return docs/observability.md: its own text, with the table of metrics in it."""
    text = (ROOT / "docs" / "observability.md").read_text("utf-8")
    before, head, after = text.partition(METRICS_HEAD)
    rows = (
        f"| `{each.shown_name}` | {each.kind.value} | {names(each.labels)} | {each.meaning} |\n"
        for each in TABLE
    )
    return "".join([before, head, *rows, "\n", after.partition("\n\n")[2]])
