"""What the pages show: blocks of code, and the lines that install the project and start it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
INSTALLING = ROOT / "docs" / "installing.md"


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of one language on a page."""
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def one_liners() -> list[str]:
    """Return the commands of the README's table of ways to start it."""
    table = README.read_text("utf-8").partition("| one of these lines |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def lines_to_install() -> list[str]:
    """Return the commands of both pages, in their order, that need no checkout and no Docker."""
    return _lines("uvx ", "pipx ", "pip ", "fake-apimart ")


def lines_with_docker() -> list[str]:
    """Return the commands of both pages that run the published image."""
    return _lines("docker run ")


def _lines(*starts: str) -> list[str]:
    printed = [line for block in blocks(INSTALLING, "sh") for line in block.splitlines()]
    return [line for line in dict.fromkeys([*one_liners(), *printed]) if line.startswith(starts)]


def service_blocks() -> list[str]:
    """Return the blocks of both pages that are for a job of GitHub Actions."""
    return [block for page in (README, INSTALLING) for block in blocks(page, "yaml")]
