"""Asking a server whether it is ready, for container health checks and scripts that wait."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

from fake_apimart.gateway import health

_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


def wait_until_ready(url: str, seconds: float) -> str | None:
    """Ask the server at `url` until it answers, for `seconds`; what is wrong, None when ready."""
    deadline = time.monotonic() + seconds
    while (problem := _ask(url)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return problem


def _ask(url: str) -> str | None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", health.PATH)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer: {error}"
    except ValueError:
        return f"{url} is some other server"
    finally:
        connection.close()
    if not isinstance(answer, dict) or answer.get("status") != "ok" or "storage" not in answer:
        return f"{url} is some other server"
    return None
