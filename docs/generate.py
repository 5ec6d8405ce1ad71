"""Writes the pages that are made from the code: `python docs/generate.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_apimart import fidelity
from fake_apimart.course import MARKERS
from fake_apimart.models import MODELS, Model
from fake_apimart.settings import Settings, flag_of, variable_of
from fake_apimart.task_state import MOVES, STATES

FOLDER = Path(__file__).parent

SETTINGS_HEAD = """\
# Settings

Each setting is an environment variable, and a flag of `fake-apimart serve`; a flag wins. An empty
variable counts as none. A variable that begins with `FAKE_APIMART_` and is none of these, or a
value that cannot be, refuses the start with one line and exit status 2.

| variable | flag | default | meaning |
|---|---|---|---|
"""

SETTINGS_TAIL = """
Two notes:

- In a Kubernetes namespace with a service called `fake-apimart`, pods are given variables such as
  `FAKE_APIMART_SERVICE_HOST`, which this server refuses as unknown. Set `enableServiceLinks: false`
  in the pod's specification.
- `FAKE_APIMART_DECODE_CHECK` keeps each picture in memory while it arrives, up to the largest file.
"""


def settings_page() -> str:
    """docs/settings.md."""
    rows = (
        f"| `{variable_of(name)}` | `{flag_of(name)}` | {_default(name)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return SETTINGS_HEAD + "".join(rows) + SETTINGS_TAIL


def _default(name: str) -> str:
    if name == "storage":
        return "`dir:` in your data folder"
    default: Any = Settings.model_fields[name].default
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default}`" if default else "none"


TASKS_HEAD = """\
# How a task goes

A task is planned when it is created, and stored once. Its state is then a function of the plan, the
time and the number of polls: nothing moves it in the background, and any server on the same storage
gives the same answer. Results are drawn when a poll first sees them completed, and live 24 hours.
"""

TASKS_TAIL = """
A request may also say so in its metadata, `{"fake_apimart": {"outcome": "failed", "message": "…",
"seconds": 5, "polls": 3}}`. A marker wins over metadata, and that over the server's settings
(`FAKE_APIMART_TASK_SECONDS`, `_TASK_POLLS`, `_TASK_FAILURE`). Of `seconds` and `polls` the slower
decides. What does not parse is refused with 400 and says what was expected.

## What results look like

| a reference, 16:9 | 9:16 |
|---|---|
| ![a result with a reference](result-16x9.png) | ![a tall result](result-9x16.png) |

The same request and `seed` give the same bytes. Fonts for Latin, Greek, Cyrillic, Chinese, Japanese
and Korean are part of the package.
"""


def tasks_page() -> str:
    """docs/tasks.md."""
    states = (
        f"| `{word}` | {when} | {', '.join(MOVES[word]) or 'nothing'} |"
        for word, when in STATES.items()
    )
    markers = (f"- {form}" for form, _ in MARKERS.values())
    models = (
        f"| `{model.id}` | {', '.join(model.ratios)} | {_prices(model)} |" for model in MODELS
    )
    return "\n".join(
        [
            TASKS_HEAD,
            "| status | when | may become |\n|---|---|---|",
            *states,
            "\n## Markers\n\nIn a prompt, `[fake: PART; PART]` with any of these parts:\n",
            *markers,
            TASKS_TAIL,
            "## Models\n\nAny other name is taken too, unless `FAKE_APIMART_MODELS` lists some.\n",
            "| model | ratios | price of 1k, 2k, 4k |\n|---|---|---|",
            *models,
            "",
        ]
    )


def _prices(model: Model) -> str:
    return ", ".join(str(price) for price in model.prices.values())


PAGES = {
    "fidelity.md": fidelity.markdown,
    "settings.md": settings_page,
    "tasks.md": tasks_page,
}


def main() -> None:
    """Write every page anew."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
