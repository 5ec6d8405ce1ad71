"""A readiness check of a running server, for container health checks and scripts."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

from fake_apimart.gateway import health

_TIMEOUT_SECONDS = 2.0
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
