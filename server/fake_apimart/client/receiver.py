"""A place on this machine to which callbacks are posted.

They are answered with 204, unless the path says otherwise: its parts that are statuses, or `closed`
for a connection that ends without an answer, are what the first callbacks there get.
"""

from __future__ import annotations

import queue
import re
import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import NoAnswer

_STATED = re.compile(r"(?<=/)(?:[2-5][0-9]{2}|closed)(?=/)")


MAX_BODY_BYTES = 1024 * 1024
"""More than any callback has."""


class Receiver:
    """Takes callbacks, and keeps those of each case apart by the path that they are sent to."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._queues: defaultdict[str, queue.Queue[Answer]] = defaultdict(queue.Queue)
        self._asked: defaultdict[str, int] = defaultdict(int)
        self._expected: set[str] = set()
        received, asked, expected = self._queues, self._asked, self._expected

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stated = self.headers.get("Content-Length", "0")
                length = int(stated) if stated.isdecimal() else MAX_BODY_BYTES + 1
                name = self.path.partition("?")[0].strip("/").partition("/")[0]
                if length > MAX_BODY_BYTES or name not in expected:
                    # No case has asked for it.
                    self.send_error(HTTPStatus.BAD_REQUEST)
                    return
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                callback = Answer(200, self.path, headers, self.rfile.read(length), is_open=True)
                status = _status(self.path, asked[name])
                asked[name] += 1
                if status is not None:
                    self.send_response(status)
                    self.send_header("Location", f"/{name}/elsewhere")
                    self.end_headers()
                received[name].put(callback)

            # Nobody is to ask for anything here: who does is noticed.
            do_GET = do_HEAD = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: it is not this server's log."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def url_of(self, name: str) -> str:
        """Return the URL for the callbacks of a case."""
        self._expected.add(name)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.server_address[1]}/{name}"

    def next_of(self, name: str, seconds: float) -> Answer:
        """Return the next callback of a case, as if it were an answer whose reason is its path.

        Raises NoAnswer where none comes in time.
        """
        try:
            return self._queues[name].get(timeout=seconds)
        except queue.Empty:
            raise NoAnswer(f"no callback came for {seconds:g} s") from None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _status(path: str, before: int) -> int | None:
    """Return what a callback is answered with, of which so many came `before`; None for nothing."""
    stated = _STATED.findall(path)
    status = stated[before] if before < len(stated) else "204"
    return None if status == "closed" else int(status)
