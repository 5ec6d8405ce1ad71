"""Calls to a server's control API, over a connection that is kept."""

from __future__ import annotations

# `threading` takes longer than all the rest of this package.
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.client
    from typing import Any

TIMEOUT_SECONDS = 30.0
MOST_SHOWN = 200


class ControlError(Exception):
    """The server refused a call, or is not there; the message says what was wrong."""


class Control:
    """The control API of the server at `url`, for the world of `api_key`.

    Without a key it is about the whole server, which may ask for its admin token. Raises
    ControlError.
    """

    def __init__(self, url: str, api_key: str | None, admin_token: str = "") -> None:
        from urllib.parse import urlsplit

        self._connection: http.client.HTTPConnection | None = None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ControlError(f"{url!r} is no URL of a server, such as http://127.0.0.1:8080")
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        if admin_token:
            self._headers["X-Fake-Admin-Token"] = admin_token
        self._is_https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._lock = allocate_lock()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that `path` below `/_fake/` answers."""
        return self._parsed(self.read(method, path, body))

    def read(self, method: str, path: str, body: object = None) -> bytes:
        """The bytes that `path` below `/_fake/` answers."""
        with self._lock:
            if self._connection is not None and _is_stale(self._connection):
                self._close()
            if self._connection is None:
                self._connection = self._connect(TIMEOUT_SECONDS)
            try:
                return self._exchange(self._connection, method, path, body)
            except BaseException:
                self._close()
                raise

    def wait(self, path: str, seconds: float) -> Any:
        """The JSON of a call that may take `seconds`, on a connection of its own."""
        connection = self._connect(seconds + TIMEOUT_SECONDS)
        try:
            return self._parsed(self._exchange(connection, "GET", path, None))
        finally:
            connection.close()

    def close(self) -> None:
        """End the connection; another call makes a new one."""
        with self._lock:
            self._close()

    def __del__(self) -> None:
        # A world that is not used in a `with` statement is no reason to warn of sockets.
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        # Imported here because it takes longer than all the rest.
        import http.client

        kind = http.client.HTTPSConnection if self._is_https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=seconds)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object
    ) -> bytes:
        import http.client
        import json

        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"{self._path}/_fake/{path}", text, self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ControlError(f"{self._url} does not answer: {reason}") from error
        if answer.status != http.client.OK:
            raise ControlError(self._refusal(answer.status, content))
        return content

    def _parsed(self, content: bytes) -> Any:
        import json

        try:
            return json.loads(content)
        except ValueError:
            raise ControlError(self._strange(200, content)) from None

    def _strange(self, status: int, content: bytes) -> str:
        shown = content[:MOST_SHOWN].decode("utf-8", "replace")
        return f"{self._url} is no fake-apimart: it answered {status} {shown}"

    def _refusal(self, status: int, content: bytes) -> str:
        """What the server said is wrong."""
        import json

        try:
            message = str(json.loads(content)["error"]["message"])
        except (ValueError, TypeError, KeyError):
            return self._strange(status, content)
        if message.startswith("Invalid URL"):
            asked = "is it a fake-apimart, with FAKE_APIMART_CONTROL on?"
            return f"{self._url} has no control API: {asked}"
        return message


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has ended a connection that lay idle.

    Looked at beforehand: a call that failed could not be made again without perhaps making it
    twice.
    """
    import socket

    if connection.sock is None:
        return True
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        connection.sock.settimeout(TIMEOUT_SECONDS)
        return False
    except OSError:
        return True
    return True
