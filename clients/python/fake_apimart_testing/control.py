"""A client of the control API, on a keep-alive connection."""

from __future__ import annotations

# Importing `threading` takes longer than importing this whole package.
from _thread import allocate_lock

from fake_apimart_testing.untouched import http_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable
    from typing import Any

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

TIMEOUT_SECONDS = 30.0
"""The timeout of each socket operation."""
_OK = 200
MAX_SHOWN_BYTES = 200
"""How much of an unexpected answer an error message shows."""


class ControlError(Exception):
    """The server refused a request or cannot be reached; the message says why."""


class Control:
    """A thread-safe client of the server at `url`, for the world of `api_key`.

    Without a key its requests are about the whole server, which may require its admin token.
    `connect` stands in place of a connection by HTTP; it gets the timeout in seconds. That is of
    each step of a call, such as a read. All methods raise ControlError.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        admin_token: str = "",
        connect: Callable[[float], http.client.HTTPConnection] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._timeout = timeout
        self._connect = connect or self._connect_by_http
        self._connection: http.client.HTTPConnection | None = None
        self._url = _without_password(url)
        self._is_https, self._host, self._port, self._path = _parsed(url)
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {_sendable('API key', api_key)}"
        if admin_token:
            self._headers["X-Fake-Admin-Token"] = _sendable("admin token", admin_token)
        self._lock = allocate_lock()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to `path` below `/_fake/` and return the JSON of the answer.

        A `body` is sent as JSON, and bytes as they are.
        """
        return self._parse(self.read(method, path, body))

    def read(self, method: str, path: str, body: object = None) -> bytes:
        """Send a request to `path` below `/_fake/` and return the bytes of the answer."""
        with self._lock:
            if self._connection is not None and _is_stale(self._connection, self._timeout):
                self._close()
            if self._connection is None:
                self._connection = self._connect(self._timeout)
            try:
                return self._exchange(self._connection, method, path, body)
            except BaseException:
                self._close()
                raise

    def wait(self, path: str, seconds: float) -> Any:
        """Return the JSON of a GET that may take `seconds`, on a separate connection."""
        connection = self._connect(seconds + self._timeout)
        try:
            return self._parse(self._exchange(connection, "GET", path, None))
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        with self._lock:
            self._close()

    def __del__(self) -> None:
        # Without this, a world that is used without `with` would cause a ResourceWarning.
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect_by_http(self, seconds: float) -> http.client.HTTPConnection:
        client = http_client()
        connection_class = client.HTTPSConnection if self._is_https else client.HTTPConnection
        try:
            connection: http.client.HTTPConnection = connection_class(
                self._host, self._port, timeout=seconds
            )
        except client.HTTPException as error:
            raise ControlError(f"{self._url} does not answer: {error}") from error
        return connection

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object
    ) -> bytes:
        import json

        headers, sent = self._headers, body if isinstance(body, bytes) else None
        if sent is not None:
            headers = {**headers, "Content-Type": "application/octet-stream"}
        elif body is not None:
            sent = json.dumps(body).encode()
        try:
            connection.request(method, f"{self._path}/_fake/{path}", sent, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, UnicodeError, http_client().HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ControlError(f"{self._url} does not answer: {reason}") from None
        if answer.status != _OK:
            raise ControlError(self._refusal(answer.status, content))
        return content

    def _parse(self, content: bytes) -> Any:
        import json

        try:
            return json.loads(content)
        except ValueError:
            raise ControlError(self._unexpected(200, content)) from None

    def _unexpected(self, status: int, content: bytes) -> str:
        # On one line: it may be the page of another program.
        shown = " ".join(content[:MAX_SHOWN_BYTES].decode("utf-8", "replace").split())
        return f"{self._url} is no fake-apimart: it answered {status} {shown}"

    def _refusal(self, status: int, content: bytes) -> str:
        """Return the server's reason for refusing a request."""
        import json

        try:
            message = str(json.loads(content)["error"]["message"])
        except (ValueError, TypeError, KeyError):
            return self._unexpected(status, content)
        if message.startswith("Invalid URL"):
            hint = "is it a fake-apimart, with FAKE_APIMART_CONTROL on?"
            return f"{self._url} has no control API: {hint}"
        return message


def _without_password(url: str) -> str:
    """Return `url` with stars for what stands before the host."""
    scheme, slashes, rest = url.partition("//")
    return f"{scheme}{slashes}***@{rest.rpartition('@')[2]}" if "@" in rest else url


def _parsed(url: str) -> tuple[bool, str, int | None, str]:
    """Return whether `url` is https, its host, port and path. Raises ControlError."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        shown = f"{_without_password(url)!r} is no URL of a server"
        raise ControlError(f"{shown}, such as http://127.0.0.1:8080")
    return parts.scheme == "https", parts.hostname, port, parts.path.rstrip("/")


def _sendable(what: str, value: str) -> str:
    """Return `value`, which a header can carry. Raises ControlError."""
    if not (value.isascii() and value.isprintable()):
        raise ControlError(f"this {what} cannot be sent: it is not printable ASCII")
    return value


def _is_stale(connection: http.client.HTTPConnection, timeout: float) -> bool:
    """Return whether the server has closed an idle connection.

    This is checked before sending, because a failed request may have been carried out and so cannot
    safely be retried.
    """
    if connection.sock is None:
        return True
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1, http_client().socket.MSG_PEEK)
    except BlockingIOError:
        connection.sock.settimeout(timeout)
        return False
    except OSError:
        return True
    return True
