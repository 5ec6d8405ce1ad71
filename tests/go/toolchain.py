"""The Go that the tests compare with: the version whose texts we speak, where it can be had."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

VERSION = "go1.25.4"
DOWNLOAD_SECONDS = 60


@functools.cache
def toolchain() -> str:
    """Return what GOTOOLCHAIN must be: VERSION, which Go downloads once, or else the installed one.

    The reference programs undo the differences between them that are known.
    """
    try:
        found = _go("version", toolchain=VERSION)
    except subprocess.TimeoutExpired:
        return "local"
    return "local" if found.returncode else VERSION


def build(source: Path, program: Path, package: str = ".") -> None:
    """Build a reference program from a package in the folder `source`."""
    subprocess.run(
        ["go", "build", "-o", str(program), package],
        cwd=source,
        check=True,
        env={**os.environ, "GOTOOLCHAIN": toolchain(), "CGO_ENABLED": "0"},
    )


def _go(*arguments: str, toolchain: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["go", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=DOWNLOAD_SECONDS,
        env={**os.environ, "GOTOOLCHAIN": toolchain},
    )
