"""Writes the pages that are made from the code: `python docs/generate.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_apimart import fidelity
from fake_apimart.settings import Settings, flag_of, variable_of

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


PAGES = {"fidelity.md": fidelity.markdown, "settings.md": settings_page}


def main() -> None:
    """Write every page anew."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
