"""Check the wheels, and run what README.md and docs/installing.md say of them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.installed import commands, environment, projects, wheels


def main() -> None:
    """Run all checks; exit with status 0 if they pass."""
    wheels.check()
    with tempfile.TemporaryDirectory() as name:
        commands.check(Path(name, "commands"))
        environment.check(Path(name, "environment"))
        projects.check(Path(name, "projects"))
    sys.stdout.write("the wheels are installed and used as documented, from nothing else\n")


if __name__ == "__main__":
    main()
