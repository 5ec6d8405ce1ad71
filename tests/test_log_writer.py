"""Lines on standard error: nobody who does not read them can stop the server."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_apimart.observability.log_writer import MAX_WAITING_BYTES, LogWriter

from tests.harness import DEADLINE_SECONDS, ServerProcess, wait_until

MEMORY = ("--storage", "memory://")
LONG = "x" * 8000


def dropped(count: int) -> str:
    return f"{count} dropped\n"


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    yield from closing(*os.pipe())


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    yield from closing(*pty.openpty())


@contextlib.contextmanager
def unix_socket() -> Iterator[tuple[int, int]]:
    """Yield both ends of a socket, which is what services of systemd get."""
    reading, writing = socket.socketpair()
    yield from closing(reading.detach(), writing.detach())


def closing(reading: int, writing: int) -> Iterator[tuple[int, int]]:
    try:
        yield reading, writing
    finally:
        for descriptor in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


ENDS = {"pipe": pipe, "terminal": terminal, "socket": unix_socket}


class Reader:
    """Reads all that comes, in a thread, once it is started."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._descriptor, 65536):
                self._received += chunk

    @property
    def lines(self) -> list[str]:
        return self._received.decode().replace("\r\n", "\n").split("\n")[:-1]


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("count", [10, 500])
def test_all_lines_come_in_order_where_they_are_read_late(kind: str, count: int) -> None:
    with ENDS[kind]() as (reading, writing):
        writer = LogWriter(os.fdopen(writing, "w", closefd=False), dropped)
        sent = [f"{number} {LONG[:900]}" for number in range(count)]
        for line in sent:
            writer.write(line + "\n")
        reader = Reader(reading)
        writer.flush(DEADLINE_SECONDS)
        wait_until(lambda: len(reader.lines) == count, "all lines have come")
        assert reader.lines == sent


@pytest.mark.parametrize("kind", ENDS)
def test_lines_that_do_not_fit_are_dropped_and_counted(kind: str) -> None:
    with ENDS[kind]() as (reading, writing):
        writer = LogWriter(os.fdopen(writing, "w", closefd=False), dropped)
        began = time.monotonic()
        for number in range(400):
            writer.write(f"{number} {LONG}\n")
        writer.flush(0.1)
        assert time.monotonic() - began < 5
        reader = Reader(reading)
        writer.flush(DEADLINE_SECONDS)
        wait_until(lambda: reader.lines[-1:] and "dropped" in reader.lines[-1], "the last line")
        *lines, last = reader.lines
        numbers = [int(line.split()[0]) for line in lines]
        # What fits is not always the first lines: the thread may begin to write after some dropped.
        assert numbers == sorted(set(numbers))
        assert int(last.split()[0]) == 400 - len(lines)
        assert MAX_WAITING_BYTES // 8100 <= len(lines) < 300
        writer.write("after\n")
        wait_until(lambda: reader.lines[-1] == "after", "lines are taken again")


def write_often(writer: LogWriter, number: int) -> None:
    for _ in range(50):
        writer.write(f"{number} {LONG}\n")


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        writer = LogWriter(stream, dropped)
        threads = [threading.Thread(target=write_often, args=(writer, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = (tmp_path / "log").read_text().splitlines()
    assert sorted(lines) == sorted(f"{n} {LONG}" for n in range(4) for _ in range(50))


@pytest.mark.parametrize("kind", ENDS)
def test_reader_that_has_left_is_no_error(kind: str) -> None:
    with ENDS[kind]() as (reading, writing):
        writer = LogWriter(os.fdopen(writing, "w", closefd=False), dropped)
        writer.write("a\n")
        os.close(reading)
        for _ in range(300):
            writer.write(LONG)
        writer.flush(DEADLINE_SECONDS)


def test_full_disk_is_no_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as stream:
        LogWriter(stream, dropped).write("a\n")


class NoFile(io.StringIO):
    """A stream without a descriptor, as some test runners have it."""


@pytest.mark.parametrize("stream", [None, NoFile()])
def test_standard_error_that_is_no_file_is_no_error(stream: NoFile | None) -> None:
    LogWriter(stream, dropped).write("a\n")


def test_what_the_encoding_cannot_show_is_escaped(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        LogWriter(stream, dropped).write("a é \udcff\n")
    assert (tmp_path / "log").read_text() == "a \\xe9 \\udcff\n"


def test_mode_of_the_descriptor_stays_as_it_is() -> None:
    for kind in ENDS.values():
        with kind() as (_, writing):
            LogWriter(os.fdopen(writing, "w", closefd=False), dropped).write("a\n")
            assert os.get_blocking(writing), "another process that shares it would fail to write"


def ask(server: ServerProcess, count: int) -> None:
    # Other clients take longer for a URL of such a length than the server does.
    with contextlib.closing(http.client.HTTPConnection(*server.address)) as client:
        for number in range(count):
            client.request("GET", f"/v1/{number}/{LONG}")
            answer = client.getresponse()
            assert (answer.status, answer.read()[:1]) == (404, b"{")


@pytest.mark.subprocess
@pytest.mark.parametrize("kind", ENDS)
def test_server_whose_log_nobody_reads_answers_and_stops(kind: str) -> None:
    with ENDS[kind]() as (_, writing), ServerProcess(*MEMORY, stderr=writing) as server:
        ask(server, 300)
        began = time.monotonic()
        server.end()
        assert time.monotonic() - began < 5
        assert server.process.returncode == 0


@pytest.mark.subprocess
def test_server_whose_log_is_read_late_says_what_was_dropped() -> None:
    with pipe() as (reading, writing), ServerProcess(*MEMORY, stderr=writing) as server:
        ask(server, 300)
        reader = Reader(reading)
        wait_until(lambda: any("dropped" in line for line in reader.lines), "a line about it")
        ask(server, 1)
        wait_until(lambda: "/v1/0/" in reader.lines[-1], "lines are written again")
        (said,) = [line for line in reader.lines if "dropped" in line]
        assert int(said.split(" WARNING ")[1].split()[0]) + len(reader.lines) - 1 == 301
        server.end()


@pytest.mark.subprocess
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/null", "2>/dev/full", "<&- >&- 2>&-"])
def test_server_without_standard_error_answers(redirection: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        flags = ["--storage", f"dir:{tmp_path}", "--listen-fd", str(listener.fileno())]
        command = [sys.executable, "-m", "fake_apimart", "serve", *flags]
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
            pass_fds=(listener.fileno(),),
            stdout=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(20):
                assert httpx.get(f"{url}/v1/x", timeout=DEADLINE_SECONDS).status_code == 404
        finally:
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0
    assert not [each for each in files_below(tmp_path) if b"/v1/x" in each.read_bytes()]


def files_below(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


@pytest.mark.subprocess
def test_log_in_a_file_is_whole_at_the_end(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as file:
        file.write(b"before\n")
        file.flush()
        with ServerProcess(*MEMORY, stderr=file.fileno()) as server:
            ask(server, 100)
            server.end()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "before"
    assert [line.split("/v1/")[1].split("/")[0] for line in lines[1:]] == list(map(str, range(100)))
