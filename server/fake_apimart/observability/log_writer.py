"""Writes lines to standard error without ever waiting for whoever reads them.

A pipe that nobody reads fills up, and a write to it then waits for ever. Lines that cannot be
written at once wait here, in order, for a thread that is there only meanwhile; where too many wait,
the next are dropped, and a line says how many.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

MAX_WAITING_BYTES = 1024 * 1024
"""How many bytes of lines may wait before more are dropped."""

_PIPE_BYTES = 4096
"""How much a pipe takes at once where it says that it takes something (POSIX: PIPE_BUF)."""
_POLL_MILLISECONDS = 500


class Outlet:
    """A file descriptor to which writing never waits.

    A pipe or a terminal is opened a second time for that: the mode of the descriptor itself is
    shared with other processes. Where the system cannot do so, it is asked before each write.
    """

    def __init__(self, descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        self._descriptor = descriptor
        self._asks = False
        if stat.S_ISREG(mode) or not hasattr(select, "poll"):
            return
        try:
            if not sys.platform.startswith("linux"):
                raise OSError
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:
            self._asks = True

    def write(self, data: bytes) -> int:
        """Write what can be written at once, and return how many bytes that were.

        Raises OSError where nobody will ever read it.
        """
        if self._asks:
            if not self.wait(0):
                return 0
            data = data[:_PIPE_BYTES]
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def wait(self, milliseconds: int) -> bool:
        """Wait until something can be written, for a while; return whether it can."""
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(milliseconds))


class LogWriter:
    """Writes lines to `stream`, from any thread.

    `describe_dropped` makes a line of a number of lines that were dropped.
    """

    def __init__(self, stream: IO[str] | None, describe_dropped: Callable[[int], str]) -> None:
        self._describe_dropped = describe_dropped
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._outlet = _outlet_of(stream)
        self._stream = stream
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Write a line, which has its line end, or let it wait, or drop it."""
        outlet = self._outlet
        if outlet is None:
            self._write_to_stream(line)
            return
        data = line.encode(self._encoding, "backslashreplace")
        with self._lock:
            written = 0
            if not self._waiting:
                try:
                    written = outlet.write(data)
                except OSError:
                    # A log that cannot be written is no reason to give no answer.
                    return
                if written == len(data):
                    return
            self._keep(data[written:], has_begun=written > 0)

    def _write_to_stream(self, line: str) -> None:
        """Write to what has no descriptor, such as the streams of test runners."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(line)

    def flush(self, seconds: float) -> None:
        """Wait until all lines are written, for so long at most."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _keep(self, data: bytes, *, has_begun: bool) -> None:
        """Let the rest of a line wait. One that has begun is never dropped."""
        if not has_begun and self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self._dropped += 1
            return
        self._append(data)
        if self._thread is None:
            thread = threading.Thread(target=self._drain, name="log", daemon=True)
            # Where no thread can be started, the next line tries it again.
            with contextlib.suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)

    def _drain(self) -> None:
        """Write what waits until nothing does."""
        outlet = self._outlet
        assert outlet is not None
        while True:
            is_ready = outlet.wait(_POLL_MILLISECONDS)
            with self._lock:
                if is_ready:
                    self._write_waiting(outlet)
                if not self._waiting:
                    self._thread = None
                    return

    def _write_waiting(self, outlet: Outlet) -> None:
        while self._waiting:
            data = self._waiting.popleft()
            try:
                written = outlet.write(data)
            except OSError:
                written = len(data)
            self._waiting_bytes -= written
            if written < len(data):
                self._waiting.appendleft(data[written:])
                return
            if self._dropped and not self._waiting:
                line, self._dropped = self._describe_dropped(self._dropped), 0
                self._append(line.encode(self._encoding, "backslashreplace"))


def _outlet_of(stream: IO[str] | None) -> Outlet | None:
    """Return where the lines of `stream` go; None where it has no descriptor."""
    try:
        return None if stream is None else Outlet(stream.fileno())
    except (OSError, ValueError):
        return None
