"""What a release has to agree on: the version, and where the project is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from fake_apimart_testing.version import __version__

from hatch_build import with_absolute_links

__all__ = ["IMAGE", "ROOT", "SOURCE", "VERSION", "ReleaseError", "with_absolute_links"]

ROOT = Path(__file__).parents[1]
VERSION = __version__
SOURCE: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
    "Source"
]
"""The URL of the repository."""
IMAGE = "ghcr.io/" + "/".join(SOURCE.lower().split("/")[-2:])
"""The name of the image, which GitHub's registry wants to be that of the repository."""
_STAGES = {"a": "alpha", "b": "beta", "rc": "rc"}


def semantic(version: str) -> str:
    """Return a version as npm and Go spell it: `0.2.0rc1` is `0.2.0-rc.1`."""
    return re.sub(r"(a|b|rc)([0-9]+)$", lambda found: f"-{_STAGES[found[1]]}.{found[2]}", version)


class ReleaseError(Exception):
    """Says why this cannot be released."""
