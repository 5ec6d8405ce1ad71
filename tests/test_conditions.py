"""Conditions on files: answered as Go's `http.ServeContent` answers them, before any range."""

from __future__ import annotations

import contextlib
import time
from email.utils import formatdate, parsedate_to_datetime

import httpx
import pytest
from fake_apimart.contract.api_error import ApiError
from fake_apimart.files.byte_range import byte_range
from fake_apimart.files.dates import parse_date
from fake_apimart_testing import FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.generating import create, poll, task_id_of, upload
from tests.harness import JPEG, PNG, ServerThread
from tests.worlds import upload_url


@pytest.fixture(scope="module")
def url(server: ServerThread) -> str:
    return upload(server, JPEG)


@pytest.fixture(scope="module")
def etag(url: str) -> str:
    return httpx.head(url).headers["etag"]


def date(url: str, seconds: int = 0) -> str:
    """Return a date so many seconds after the file's Last-Modified."""
    modified = parsedate_to_datetime(httpx.head(url).headers["last-modified"])
    return formatdate(modified.timestamp() + seconds, usegmt=True)


LISTS = [
    ("{}", True),
    ("*", True),
    ('"x", {}', True),
    ('"x",{},"y"', True),
    (", ,\t{}", True),
    ('"x" {}', True),
    ('"x", *', True),
    ('"\xe9", {}', True),
    ('"x"', False),
    ('"0123456789abcdef"', False),
    ("x", False),
    (",", False),
    ('"x', False),
    ("bad, {}", False),
    ('"a b", {}', False),
    ("w/{}", False),
    ("{0}{0}", True),
]


def sent(template: str, etag: str) -> bytes:
    return template.format(etag).encode("latin-1")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("template", "matches"), [*LISTS, ("W/{}", False)])
def test_if_match_refuses_another_file_before_the_range_is_looked_at(
    template: str, matches: bool, method: str, url: str, etag: str
) -> None:
    for wanted in ("bytes=0-0", "bytes=99999999-"):
        headers = {b"If-Match": sent(template, etag), b"Range": wanted.encode()}
        answer = httpx.request(method, url, headers=headers)
        if matches:
            assert answer.status_code == (206 if wanted == "bytes=0-0" else 416)
        else:
            assert answer.status_code == 412
            assert answer.headers["content-type"] == "application/xml"
            assert ("<Code>PreconditionFailed</Code>" in answer.text) is (method == "GET")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("template", "matches"), [*LISTS, ("W/{}", True)])
def test_if_none_match_knows_the_file_weakly_before_the_range_is_looked_at(
    template: str, matches: bool, method: str, url: str, etag: str
) -> None:
    headers = {b"If-None-Match": sent(template, etag), b"Range": b"bytes=99999999-"}
    answer = httpx.request(method, url, headers=headers)
    assert answer.status_code == (304 if matches else 416)
    if matches:
        assert (answer.headers["etag"], answer.content) == (etag, b"")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 412), (0, 200), (1, 200)])
def test_if_unmodified_since_refuses_a_newer_file(seconds: int, status: int, url: str) -> None:
    headers = {"If-Unmodified-Since": date(url, seconds)}
    assert httpx.get(url, headers=headers).status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 304), (1, 304)])
def test_if_modified_since_knows_an_older_file(seconds: int, status: int, url: str) -> None:
    headers = {"If-Modified-Since": date(url, seconds)}
    assert httpx.get(url, headers=headers).status_code == status


def test_etags_come_before_dates_and_refusals_before_all(url: str, etag: str) -> None:
    old, new = date(url, -1), date(url, 1)
    for headers, status in (
        ({"If-Match": etag, "If-Unmodified-Since": old}, 200),
        ({"If-Match": '"x"', "If-Unmodified-Since": new}, 412),
        ({"If-Match": "", "If-Unmodified-Since": old}, 412),
        ({"If-None-Match": '"x"', "If-Modified-Since": new}, 200),
        ({"If-None-Match": etag, "If-Modified-Since": old}, 304),
        ({"If-None-Match": "", "If-Modified-Since": new}, 304),
        ({"If-Match": '"x"', "If-None-Match": etag}, 412),
        ({"If-Unmodified-Since": old, "If-None-Match": etag}, 412),
        ({"If-Match": etag, "If-None-Match": etag}, 304),
    ):
        assert httpx.get(url, headers=headers).status_code == status, headers


def test_if_range_is_strong_and_takes_the_very_date(url: str, etag: str) -> None:
    for value, status in (
        (etag, 206),
        (f"W/{etag}", 200),
        (f"{etag}x", 206),
        ('"x"', 200),
        (date(url), 206),
        (date(url, 1), 200),
        (date(url, -1), 200),
        ("yesterday", 200),
        ("", 206),
    ):
        answer = httpx.get(url, headers={"Range": "bytes=0-0", "If-Range": value})
        assert answer.status_code == status, value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("sun, 06 nov 1994 8:49:37.5 GMT", 784_111_777),
        ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-68 08:49:37 MST", 3_119_417_377),
        ("Sunday, 06-Nov-69 08:49:37 UTC", -4_806_623),
        ("Thu, 01 Jan 0000 00:00:00 GMT", -62_135_596_800),
        ("Sun, 06 Nov 1994 08:49:37 gmt", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 30 Feb 2000 08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:00 GMT", None),
        ("Sun, 06 Nov 1994 08:49:60 GMT", None),
        ("Sun, 06 Nov 19994 08:49:37 GMT", None),
        (f"Sun, 06 Nov {'1' * 5000} 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT\xa0", None),
        ("", None),
    ],
)
def test_date_is_read_as_go_reads_it(text: str, seconds: int | None) -> None:
    assert parse_date(text) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} .{8} GMT"))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert isinstance(parse_date(text), int | None)


NINES = "9" * 5000


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (f"bytes=0-{NINES}", range(10)),
        (f"bytes=5-{NINES}", range(5, 10)),
        (f"bytes=-{NINES}", range(10)),
        (f"bytes={'0' * 5000}3-{'0' * 5000}4", range(3, 5)),
        (f"bytes={NINES}-0", None),
        (f"bytes={NINES}9-{NINES}", None),
        (f"bytes={NINES}", None),
        ("bytes=\u0663-\u0664", None),
        ("bytes=\xb2-", None),
    ],
)
def test_range_of_any_length_is_cut_or_passed_over(header: str, part: range | None) -> None:
    assert byte_range(header, 10) == part


@pytest.mark.parametrize("header", [f"bytes={NINES}-{NINES}", f"bytes={NINES}-", "bytes=-0"])
def test_range_beyond_the_end_of_any_length_is_not_satisfiable(header: str) -> None:
    with pytest.raises(ApiError, match="not satisfiable"):
        byte_range(header, 10)


def test_range_of_5000_digits_gives_the_whole_file(url: str) -> None:
    answer = httpx.get(url, headers={"Range": f"bytes=0-{NINES}"})
    assert (answer.status_code, answer.content) == (206, JPEG)
    assert answer.headers["content-range"] == f"bytes 0-{len(JPEG) - 1}/{len(JPEG)}"


@given(st.text() | st.from_regex(r"bytes=[0-9]*-[0-9]*(,[0-9]*-)?", fullmatch=True))
def test_any_range_is_within_the_file(header: str) -> None:
    part = None
    with contextlib.suppress(ApiError):
        part = byte_range(header, 10)
    assert part is None or set(part) <= set(range(10))


@pytest.mark.parametrize("shift", [{"hours": 72}, {"days": 3000}])
def test_last_modified_is_the_real_time_whatever_the_world_s_clock_says(
    shift: dict[str, float], world: FakeAPIMart
) -> None:
    world.clock.advance(**shift)
    before = int(time.time())
    answer = httpx.head(upload_url(world))
    modified, now = (
        parsedate_to_datetime(answer.headers[name]).timestamp()
        for name in ("last-modified", "date")
    )
    assert before <= modified <= now <= time.time()


def test_file_is_never_newer_than_its_answer(server: ServerThread) -> None:
    for _ in range(30):
        answer = httpx.head(upload(server, PNG))
        modified, now = (
            parsedate_to_datetime(answer.headers[name]) for name in ("last-modified", "date")
        )
        assert modified <= now
        time.sleep(0.05)


def test_result_has_the_real_time_too(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    (image,) = poll(server, task_id_of(create(server)))["result"]["images"]
    modified = parsedate_to_datetime(httpx.head(image["url"][0]).headers["last-modified"])
    assert abs(modified.timestamp() - time.time()) < 10
