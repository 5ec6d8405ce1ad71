"""Runs of pytest within a test, without the plugins that they do not need."""

from __future__ import annotations

from collections.abc import Collection

# Importing these takes longer than such a run does otherwise.
PLUGINS = (
    *("hypothesispytest", "schemathesis", "asyncio", "respx", "anyio", "pook"),
    *("rerunfailures", "socket"),
)


def without_plugins(*, but: Collection[str] = ()) -> list[str]:
    """Return the flags that leave out all PLUGINS `but` these."""
    return [flag for name in PLUGINS if name not in but for flag in ("-p", f"no:{name}")]
