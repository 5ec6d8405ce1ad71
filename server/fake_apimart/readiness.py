"""Asks a running server whether it is ready, for container health checks and scripts."""

from __future__ import annotations

import time

from fake_apimart import probe
from fake_apimart.gateway import health

_TIMEOUT_SECONDS = 2 * health.CHECK_SECONDS
_RETRY_INTERVAL_SECONDS = 0.1


def wait_until_ready(url: str, seconds: float) -> str | None:
    """Probe the server at `url` for up to `seconds`; return None once ready, else the problem."""
    deadline = time.monotonic() + seconds
    while (problem := _problem(url)) and time.monotonic() < deadline:
        time.sleep(_RETRY_INTERVAL_SECONDS)
    return problem


def _problem(url: str) -> str | None:
    try:
        reply = probe.ask(url, _TIMEOUT_SECONDS)
    except probe.NoReply as reason:
        return f"{url} does not answer: {reason}"
    if not reply.version:
        return f"{url} is some other server"
    return health.in_words(reply.missing) or None
