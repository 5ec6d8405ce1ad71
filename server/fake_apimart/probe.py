"""Asks whoever listens at a URL what it is: a fake-apimart, and whether it is ready, or another."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from fake_apimart.gateway import health

_MAX_BYTES = 64 * 1024
"""How much of an answer is read: ours is far shorter."""


class NoReply(Exception):
    """Nothing came that is HTTP; the text says why."""


class Reply(NamedTuple):
    """Who answers: `version` is empty where it is no fake-apimart.

    `missing` says what keeps it from working, by name. `server` is what another answers in the
    header `Server`.
    """

    version: str = ""
    missing: Mapping[str, str] = {}
    server: str = ""


def ask(url: str, seconds: float) -> Reply:
    """Ask the server at a base URL whether it is ready, with `seconds` for each step.

    Raises NoReply.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.netloc, timeout=seconds)
        try:
            connection.request("GET", parts.path.rstrip("/") + health.READY_PATH)
            answer = connection.getresponse()
            content = answer.read(_MAX_BYTES)
        finally:
            connection.close()
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        raise NoReply(str(error) or type(error).__name__) from error
    return _reply_in(content) or Reply(server=answer.headers.get("Server", ""))


def _reply_in(content: bytes) -> Reply | None:
    """Return what a fake-apimart has said of itself, or None for what is none of its answers."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(missing := answer.get("missing"), dict):
        return None
    expected = health.UNAVAILABLE if missing else health.READY
    if answer.get("status") != expected:
        return None
    named = {str(name): str(problem) for name, problem in missing.items()}
    return Reply(str(answer.get("version") or "unknown"), named)
