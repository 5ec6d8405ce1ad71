"""Rate limits: how often a key may upload."""

from __future__ import annotations

import httpx
import pytest
from fake_apimart.common.rates import RateLimit, parse_rate

from tests.conftest import StartServer
from tests.harness import PNG, StoppedClock

PATH = "/v1/uploads/images"


def upload(url: str, key: str = "k") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(url + PATH, headers=headers, files={"file": ("a.png", PNG)})


def test_upload_above_the_rate_is_refused_in_the_page_s_words(start_server: StartServer) -> None:
    clock = StoppedClock(1000)
    server = start_server(clock=clock, rate_limit="2/minute")
    assert [upload(server.url).status_code for _ in range(3)] == [200, 200, 429]
    clock.advance(20.5)
    answer = upload(server.url)
    assert answer.headers["retry-after"] == "40"
    assert answer.content == (
        b'{"error":{"code":429,"message":"Rate limit exceeded. Please try again later",'
        b'"type":"rate_limit_error"}}'
    )


def test_window_moves_with_the_clock(start_server: StartServer) -> None:
    clock = StoppedClock(1000)
    server = start_server(clock=clock, rate_limit="1/minute")
    assert upload(server.url).status_code == 200
    clock.advance(59.9)
    assert upload(server.url).status_code == 429
    clock.advance(0.1)
    assert upload(server.url).status_code == 200


def test_each_key_has_a_window_of_its_own(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour")
    assert [upload(server.url, key).status_code for key in ("a", "b", "a")] == [200, 200, 429]


def test_form_is_not_read_above_the_rate(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour")
    upload(server.url)
    headers = {"Authorization": "Bearer k"}
    assert httpx.post(server.url + PATH, headers=headers, content=b"x").status_code == 429


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60/minute", (60, 60)),
        ("5 per 2 seconds", (5, 2)),
        ("5per2Seconds", (5, 2)),
        (" 3 / hours ", (3, 3600)),
        ("100/day", (100, 86_400)),
        ("1/month", (1, 2_592_000)),
        ("2 per year", (2, 31_104_000)),
    ],
)
def test_rate_is_parsed(text: str, rate: tuple[int, int]) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "x", "60", "0/minute", "-1/minute", "1/minute;2/hour", "1/0 hours", "1/fortnight"]
)
def test_invalid_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


def test_clock_set_back_forgets_the_calls_after_it() -> None:
    limit = RateLimit("1/minute")
    limit.take(1_000_000_000_000)
    limit.take(0)
    assert limit.take(1_000_000_000) == 59
