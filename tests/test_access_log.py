"""The access log."""

from __future__ import annotations

import re

import httpx
import pytest
from fake_apimart.observability.access_log import AccessLog

from tests.harness import ServerProcess, StoppedClock

MEMORY = ("--storage", "memory://")


def lines_of(*flags: str) -> list[str]:
    with ServerProcess(*MEMORY, *flags) as server:
        url = f"{server.url}/v1/models?x=%20%0A&%6Bey=s3cret"
        httpx.get(url, headers={"Authorization": "Bearer s3cret"})
        return server.end()[1].splitlines()


@pytest.mark.subprocess
def test_request_is_a_line_without_its_key() -> None:
    (line,) = lines_of()
    pattern = (
        r'20\d\d-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO 127\.0\.0\.1:\d+ - "GET /v1/models\?x=%20%0A&'
    )
    assert re.fullmatch(pattern + r'%6Bey=\*\*\* HTTP/1\.1" 200', line), line


@pytest.mark.subprocess
def test_log_can_be_left_out() -> None:
    assert lines_of("--no-access-log") == []


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (b"a=b", "a=b"),
        (b"key=s3cret", "key=***"),
        (b"a=b&key=s3cret&c=d", "a=b&key=***&c=d"),
        (b"%4B%65y=s3cret=s3cret", "%4B%65y=***"),
        (b"key", "key"),
        (b"monkey=1&keys=2", "monkey=1&keys=2"),
        (b"a=\xe9\x85", r"a=\xe9\x85"),
        (b"a=//h/a@b&c=%40", "a=//h/a@b&c=%40"),
        (b"a=http://u:s3cret@h/x", "a=http://***%40h/x"),
        (b"http%3A%2F%2Fu%3As3cret%40h", "http://***%40h"),
        (b"a=//%ff:s3cret@h/%ff", "a=//***%40h/%FF"),
    ],
)
def test_key_in_a_query_is_not_shown(query: bytes, shown: str) -> None:
    lines: list[str] = []
    log = AccessLog(StoppedClock(0), lines.append)
    log.request(("h", 1), "GET", "/v1/\udcff", query, "1.1", 200)
    line = lines[0].partition(" INFO ")[2]
    assert line == f'h:1 - "GET /v1/%FF?{shown} HTTP/1.1" 200\n'


def test_password_in_a_path_is_not_shown() -> None:
    lines: list[str] = []
    path = "/v1/tasks/http://u:s3cret@h/"
    AccessLog(StoppedClock(0), lines.append).request(("h", 1), "GET", path, b"", "1.1", 200)
    assert lines[0].endswith('"GET /v1/tasks/http%3A//***%40h/ HTTP/1.1" 200\n')


def test_stamp_follows_the_clock() -> None:
    lines: list[str] = []
    clock = StoppedClock(1_700_000_000.5)
    log = AccessLog(clock, lines.append)
    for seconds in (0.25, 0.5):
        log.write("a 1")
        clock.advance(seconds)
    log.write("b")
    stamps = [line.split(" INFO ") for line in lines]
    assert [text for _, text in stamps] == ["a 1\n", "a 1\n", "b\n"]
    assert [stamp[-6:] for stamp, _ in stamps] == ["20,500", "20,750", "21,250"]
