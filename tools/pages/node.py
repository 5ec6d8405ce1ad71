"""The version in the package for Node, in its code, and in what depends on it."""

from __future__ import annotations

import re

from tools.project import ROOT, VERSION, semantic

NODE_VERSION = semantic(VERSION)
"""The version as npm writes it: `0.2.0-rc.1`."""
_PINS = re.compile(r'^(  "version"|    "fake-apimart"): "[^"]+"', re.MULTILINE)
_CONSTANT = re.compile(r'^export const VERSION = "[^"]+"', re.MULTILINE)


def with_npm_version(name: str) -> str:
    """Return a `package.json` with the version of this package where it stands."""
    return _PINS.sub(rf'\g<1>: "{NODE_VERSION}"', (ROOT / name).read_text("utf-8"))


def version_module(name: str) -> str:
    """Return the module in TypeScript that states the version."""
    constant = f'export const VERSION = "{VERSION}"'
    return _CONSTANT.sub(constant, (ROOT / name).read_text("utf-8"))
