"""The log: whatever clients send, a record is one line, and shows no secret."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import re
import sys
from collections.abc import Iterator

import httpx
import pytest
from fake_apimart.common.texts import one_line
from fake_apimart.observability.log import OneLine, logger_of
from fake_apimart.observability.log_form import FORMS
from fake_apimart.observability.standard_error import LOGGING
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, KEY, PNG, ServerProcess, exchange

HOSTILE = (
    "a\r\n2026-01-01 00:00:00,000 INFO forged\x00\x1b[2J\x7f\x85\x9b\u2028\u2029\u202e\u2066\udcff"
)
RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [^\n]*")


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_can_be_written(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len((line + "\n").splitlines()) <= 1
    line.encode()
    assert one_line(line) == line


@pytest.mark.parametrize("text", ["", "GET /v1/models", "猫 é \u00df", "back\\slash"])
def test_printable_text_stays(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("character", "escape"),
    [("\n", "\\n"), ("\x1b", "\\x1b"), ("\x9b", "\\x9b"), ("\u202e", "\\u202e")],
)
def test_what_does_not_print_is_escaped(character: str, escape: str) -> None:
    assert one_line(f"a{character}b") == f"a{escape}b"


@pytest.fixture
def _logged_as_serve_does() -> Iterator[None]:
    logging.config.dictConfig(LOGGING)
    yield
    for name in LOGGING["loggers"]:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


@pytest.mark.usefixtures("_logged_as_serve_does")
@pytest.mark.parametrize("name", [*LOGGING["loggers"], "fake_apimart.x", "fake_apimart_storage.y"])
def test_record_of_any_logger_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # The handler writes to the standard error of its own start.
    logging.config.dictConfig(LOGGING)
    logging.getLogger(name).critical("cannot do %s, token=%s", HOSTILE, "s3cret")
    (line, *more) = capsys.readouterr().err.split("\n")
    assert more == [""]
    assert RECORD.fullmatch(line), line
    assert "forged" in line
    assert "s3cret" not in line


class Hostile(Exception):
    pass


@pytest.mark.usefixtures("_logged_as_serve_does")
def test_traceback_forges_no_record_and_shows_no_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.config.dictConfig(LOGGING)
    logger = logger_of("fake_apimart.x")
    try:
        try:
            raise Hostile(HOSTILE)
        except Hostile as cause:
            raise RuntimeError(f"http://u:s3cret@h/ {HOSTILE}") from cause
    except RuntimeError:
        logger.exception("fault in %s", HOSTILE)
    text = capsys.readouterr().err
    first, *rest = text.removesuffix("\n").split("\n")
    assert RECORD.fullmatch(first)
    assert len(rest) > 4
    assert all(line.startswith("    ") and line.isprintable() for line in rest), rest
    assert "s3cret" not in text


def test_record_of_ours_is_one_line_under_any_handler(caplog: pytest.LogCaptureFixture) -> None:
    logger = logger_of("elsewhere.x")
    assert logger_of("elsewhere.x").filters == logger.filters
    logger.error("a %s", HOSTILE)
    (record,) = caplog.records
    assert record.getMessage().isprintable()


def test_record_with_wrong_arguments_is_logged_all_the_same() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%d and %s\n", ("a",), None)
    assert OneLine().filter(record)
    assert record.getMessage() == "%d and %s\\n"


class BrokenStorage(MemoryStorage):
    """A storage whose errors hold what a store, or a client, has sent."""

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return _BrokenWriter(self, info)


class _BrokenWriter(MemoryWriter):
    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        raise StorageError(HOSTILE)


class FaultyStorage(MemoryStorage):
    """A storage with a fault of its own, whose text holds what a client has sent."""

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        raise Hostile(HOSTILE)


@pytest.mark.parametrize(("storage", "level"), [(BrokenStorage, "ERROR"), (FaultyStorage, "ERROR")])
def test_fault_in_a_request_is_logged_on_lines_that_no_client_can_forge(
    storage: type[MemoryStorage],
    level: str,
    start_server: StartServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = start_server(on=storage())
    url = f"{server.url}/v1/uploads/images?x=%0A%1b"
    answer = httpx.post(url, headers=AUTHORIZED, files={"file": ("a.png", PNG)})
    assert answer.status_code == 500
    lines = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert [line for line in lines if "forged" in line]
    for line in lines:
        assert line.isprintable()
        assert RECORD.fullmatch(line) or line.startswith("    "), line
        assert not line.startswith("2026-01-01")


@pytest.mark.subprocess
def test_lines_of_the_access_log_are_one_for_each_request() -> None:
    targets = [
        b"/v1/x%0A2026-01-01%20forged",
        b"/v1/%1b[2J%0d",
        b"/v1/\xc2\x85\xe2\x80\xa8\xe2\x80\xae",
        b"/v1/\xff\x9b?a=%0d%0a&b=\xe2\x80\xa8\x9b",
        b"/v1/m?next=http%3A%2F%2Fu%3Ap%40h%0Aforged",
    ]
    with ServerProcess("--storage", "memory://") as server:
        for target in targets:
            request = b"GET %b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % target
            assert exchange(server.address, request).startswith(b"HTTP/1.1 ")
        log = server.end()[1]
    lines = log.removesuffix("\n").split("\n")
    assert len(lines) == len(targets)
    assert all(line.isprintable() and RECORD.fullmatch(line) for line in lines), lines


REFUSED: tuple[tuple[str, str, dict[str, str], bytes, int, str], ...] = (
    ("GET", "/v1/models", {}, b"", 401, "invalid API key"),
    ("GET", "/v1/nothing", AUTHORIZED, b"", 404, "Invalid URL (GET /v1/nothing)"),
    ("GET", "/f/image/1-a-b.png", {}, b"", 403, "Access Denied"),
    (
        *("POST", "/v1/uploads/images", AUTHORIZED, b"x", 400),
        "missing or invalid file field: request Content-Type isn't multipart/form-data",
    ),
    ("POST", "/v1/images/generations", AUTHORIZED, b"{", 400, "unexpected end of JSON input"),
    (
        *("POST", "/v1/uploads/images", {"Content-Encoding": "gzip"}, b"no gzip at all", 400),
        "gzip: invalid header",
    ),
    (
        *("POST", "/v1/uploads/images", {"Content-Encoding": "gzip"}, b"\x1f", 400),
        "unexpected EOF",
    ),
    ("POST", "/_fake/reset", {}, b"", 415, "Content-Type must be application/json"),
    (
        *("GET", "/_fake/nothing", AUTHORIZED, b"", 404),
        "there is no GET /_fake/nothing; /_fake/docs lists what there is",
    ),
    (
        *("GET", "/v1/%1B%5B2J%0Aforged", {}, b"", 404),
        "Invalid URL (GET /v1/\x1b[2J\nforged)",
    ),
)


@pytest.mark.subprocess
@pytest.mark.parametrize("form", ["text", "json"])
def test_each_refusal_states_its_reason_beside_its_status(form: str) -> None:
    flags = ("--storage", "memory://", "--api-keys", KEY, "--log-format", form)
    with ServerProcess(*flags) as server, httpx.Client(base_url=server.url) as client:
        for method, path, headers, body, status, _ in REFUSED:
            answer = client.request(method, path, headers=headers, content=body)
            assert answer.status_code == status
        client.close()
        lines = [
            line
            for line in server.end()[1].splitlines()
            if 'HTTP/1.1"' in line or "request" in line
        ]
    assert len(lines) == len(REFUSED)
    for line, (*_, status, reason) in zip(lines, REFUSED, strict=True):
        if form == "json":
            told = json.loads(line)
            assert (told["status"], told["reason"]) == (status, one_line(reason))
        else:
            assert f" {status} " in line
            assert line.endswith(f" reason={json.dumps(reason, ensure_ascii=False)}")


def test_error_that_nobody_awaits_is_one_record(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    start_server()

    async def fail() -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": HOSTILE, "exception": Hostile(HOSTILE)})

    asyncio.run(fail())
    first, *rest = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert RECORD.fullmatch(first)
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_error_is_one_line_of_json_with_its_traceback() -> None:
    try:
        raise Hostile(HOSTILE)
    except Hostile:
        fault = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "", 0, HOSTILE, (), fault)
    OneLine().filter(record)
    line = FORMS["json"].formatter.format(record)
    assert line.isprintable()
    assert line.isascii()
    members = json.loads(line)
    assert (members["level"], members["logger"]) == ("ERROR", "x")
    assert "Hostile" in members["traceback"]
    assert members["message"].isprintable()
