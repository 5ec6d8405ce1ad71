"""Recorded requests about everything around forms, compared with the answers of Go's own server.

Each was sent as raw bytes to Go's `net/http` (tag `go`) or to the gateway that the vendor's is a
fork of (`base`).
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart.settings.settings import Settings

from tests.harness import RECORDED, ServerThread, connection, parse_head

FOLDER = RECORDED / "wire"
CASES: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())

IDLE_SECONDS = 0.2
"""A connection on which nothing comes for so long after the answer is open."""

_REQUEST_ID = re.compile(r"[0-9]{15,23}[0-9A-Za-z]{8}")


@pytest.fixture(scope="module")
def keyed_server() -> Iterator[ServerThread]:
    """Run a server with the key that the recorded requests have as the only good one."""
    settings = Settings(port=0, storage="memory://", api_keys=frozenset({"sk-goodkey"}))
    with ServerThread(settings) as server:
        yield server


def _ask(name: str, case: dict[str, Any], server: ServerThread) -> tuple[bytes, bool]:
    """Send the recorded request, and return what came back, and whether the connection is open."""
    with connection(server.address) as sock:
        sock.sendall((FOLDER / f"{name}.http").read_bytes())
        if case["half_close"]:
            sock.shutdown(socket.SHUT_WR)
        received = b""
        while b"\r\n\r\n" not in received:
            received += sock.recv(65536) or b"\r\n\r\n"
        sock.settimeout(IDLE_SECONDS)
        try:
            while chunk := sock.recv(65536):
                received += chunk
        except TimeoutError:
            return received, True
    return received, False


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_recorded_request_is_answered_as_recorded(
    name: str, case: dict[str, Any], keyed_server: ServerThread
) -> None:
    received, is_open = _ask(name, case, keyed_server)
    status, headers, body = parse_head(received)
    first_line = f"{case['version']} {case['status']} {case['reason']}\r\n"
    assert received.startswith(first_line.encode()), received
    assert status == case["status"]
    for header, value in case["headers"].items():
        _assert_header(header, value, headers.get(header))
    if "body" in case:
        text = body.decode()
        assert _REQUEST_ID.sub("<rid>", text) == case["body"]
    if "json" in case:
        answer = json.loads(body)
        assert {key: answer.get(key) for key in case["json"]} == case["json"]
    assert is_open is (case["connection"] == "open")


def _assert_header(name: str, expected: str | None, value: str | None) -> None:
    if expected == "<rid>":
        assert value is not None
        assert _REQUEST_ID.fullmatch(value)
    else:
        assert value == expected, name
