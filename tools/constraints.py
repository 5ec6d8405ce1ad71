"""Writes constraints.txt anew: the newest versions that go together on every system we support.

Names, versions, and the environment markers that stand in the file; its comments stay. `make
constraints` runs it. Run the tests with the new versions before you commit the file.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILE = ROOT / "constraints.txt"
TESTING = "fake-apimart-testing"
OLDEST_PYTHON = "3.11"
SYSTEMS = [
    {"python_version": python, "python_full_version": f"{python}.0", **system}
    for python, system in itertools.product(
        (OLDEST_PYTHON, "3.12", "3.13", "3.14"),
        (
            {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
            {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
            {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
        ),
    )
]


def main() -> None:
    """Replace the file."""
    old = FILE.read_text("utf-8").splitlines()
    FILE.write_text("\n".join(constraints(old, resolved())) + "\n", "utf-8")


def resolved() -> list[Requirement]:
    """One version of each package for all systems, as far as there is one that fits them all."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev"]
    systems = ("--universal", "--fork-strategy", "fewest", "--python-version", OLDEST_PYTHON)
    form = ("--quiet", "--no-header", "--no-annotate", "--no-emit-package", TESTING)
    ran = subprocess.run(  # noqa: S603
        [*command, *systems, *form], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return [Requirement(line) for line in ran.stdout.splitlines()]


def constraints(old: list[str], newest: list[Requirement]) -> list[str]:
    """Write the lines of the file: the comments of `old`, then `newest` as `old` spells them."""
    comments = [line for line in old if line.startswith("#")]
    spelled = [Requirement(line) for line in old if line and line not in comments]
    before = {canonicalize_name(each.name): each for each in spelled}
    ours = [each for each in newest if is_for_us(each)]
    versions = Counter(each.name for each in ours)
    lines = []
    for each in ours:
        known = before.get(canonicalize_name(each.name), Requirement(each.name))
        # A constraint on what nobody installs has no effect: uv's own markers are needed only to
        # tell several versions of one package apart.
        marker = each.marker if versions[each.name] > 1 else known.marker
        lines.append(f"{known.name}{each.specifier}" + (f"; {marker}" if marker else ""))
    return [*comments, *sorted(lines, key=str.casefold)]


def is_for_us(package: Requirement) -> bool:
    """Whether any of our systems installs it."""
    return package.marker is None or any(map(package.marker.evaluate, SYSTEMS))


if __name__ == "__main__":
    main()
