"""Asks a running server whether it is ready, for container health checks and scripts."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

from fake_apimart.gateway import health

_TIMEOUT_SECONDS = 2 * health.CHECK_SECONDS
_RETRY_INTERVAL_SECONDS = 0.1


def wait_until_ready(url: str, seconds: float) -> str | None:
    """Probe the server at `url` for up to `seconds`; return None once ready, else the problem."""
    deadline = time.monotonic() + seconds
    while (problem := _probe(url)) and time.monotonic() < deadline:
        time.sleep(_RETRY_INTERVAL_SECONDS)
    return problem


def _probe(url: str) -> str | None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", health.READY_PATH)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer: {error}"
    except ValueError:
        return f"{url} is some other server"
    finally:
        connection.close()
    return _problem_in(answer, url)


def _problem_in(answer: object, url: str) -> str | None:
    if isinstance(answer, dict) and isinstance(missing := answer.get("missing"), dict):
        if answer.get("status") == health.READY:
            return None
        if answer.get("status") == health.UNAVAILABLE and missing:
            return "; ".join(f"{name}: {problem}" for name, problem in missing.items())
    return f"{url} is some other server"
