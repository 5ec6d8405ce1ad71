"""The fidelity page in Markdown, which the command `fake-apimart fidelity` prints too."""

from __future__ import annotations

from fake_apimart.fidelity.behaviours import BEHAVIOURS, SOURCES
from fake_apimart.fidelity.differences import DIFFERENCES, NOT_EMULATED


def markdown() -> str:
    """Return the fidelity page in Markdown."""
    parts = ["# Fidelity", _introduction()]
    for title, behaviours in BEHAVIOURS.items():
        rows = (f"| {each.what} | {', '.join(each.sources)} |" for each in behaviours)
        parts.append("\n".join([f"## {title}\n", "| behaviour | source |", "|---|---|", *rows]))
    parts.append("## Known differences\n\n" + _bullets(DIFFERENCES))
    parts.append("## What is not emulated\n\n" + _bullets(NOT_EMULATED))
    return "\n\n".join(parts) + "\n"


def _introduction() -> str:
    sources = "\n".join(f"| {name} | {what} |" for name, what in SOURCES.items())
    return (
        "Each behaviour is listed with the source of our knowledge of it. Where sources disagree, "
        "the stronger one wins. In order of strength, they are:\n\n"
        f"| source | what it is |\n|---|---|\n{sources}"
    )


def _bullets(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {item}" for item in items)
