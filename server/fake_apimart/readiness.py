"""Asking a server whether it is ready, for container health checks and scripts that wait."""

from __future__ import annotations

import http.client
import json
import time

from fake_apimart import health

_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def wait_until_ready(host: str, port: int, seconds: float) -> str | None:
    """Ask until the server answers or `seconds` have passed; what is wrong, or None when ready."""
    deadline = time.monotonic() + seconds
    while (problem := _ask(_LOOPBACK.get(host, host), port)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return problem


def _ask(host: str, port: int) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", health.PATH)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        return f"http://{host}:{port} does not answer: {error}"
    except ValueError:
        return f"http://{host}:{port} is some other server"
    finally:
        connection.close()
    if not isinstance(answer, dict) or answer.get("status") != "ok" or "storage" not in answer:
        return f"http://{host}:{port} is some other server"
    return None
