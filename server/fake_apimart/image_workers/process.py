"""A worker process, as the server sees it: started, asked, and ended by force when it is late."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

from fake_apimart.image_workers import messages
from fake_apimart.image_workers.messages import Head, Message
from fake_apimart.images.picture_file import Content
from fake_apimart.machine.shortage import Shortage

START_SECONDS = 60.0
"""How long a worker may take to start, on a machine that does much else."""
_RETIRING_SECONDS = 5.0
_WATCHDOG_SECONDS = 10.0
"""How long after the deadline a worker ends itself, if the server has not."""
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_PROGRAM = (
    "import json, sys\n"
    "sys.path[:] = json.loads(sys.argv[1])\n"
    "from fake_apimart.image_workers.worker import main\n"
    "main(float(sys.argv[2]))\n"
)
"""What a worker runs: it finds modules where this process does, whatever the environment says."""


class WorkerEnded(Exception):
    """The worker has ended before it answered; `is_late` where it was ended for being late."""

    def __init__(self, *, is_late: bool) -> None:
        super().__init__("the worker has ended")
        self.is_late = is_late


class WorkerProcess:
    """A worker whose every answer comes within `seconds`, or it is ended.

    One thread uses it at a time; any other may `kill` it. Raises Shortage where it does not start.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_late = False
        path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
        command = [sys.executable, "-I", "-c", _PROGRAM, path, str(seconds + _WATCHDOG_SECONDS)]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=_NO_WINDOW,
            )
        except (OSError, ValueError, MemoryError) as error:
            raise Shortage(f"cannot start a process that decodes pictures: {error}") from error
        try:
            self._read(START_SECONDS)
        except BaseException as error:
            self.end()
            if isinstance(error, WorkerEnded):
                raise Shortage("a process that decodes pictures did not start") from None
            raise

    def ask(self, head: Head, content: Content = b"") -> Message:
        """Send a message and return its answer. Raises WorkerEnded, Shortage."""
        assert self._process.stdin is not None
        with self._deadline(self._seconds):
            # Where the worker has ended, reading tells it.
            with contextlib.suppress(OSError):
                messages.write(self._process.stdin, head, content)
            return self._next()

    def kill(self) -> None:
        """End the process at once; whoever waits for it gets WorkerEnded."""
        self._process.kill()

    def retire(self) -> None:
        """Let the process end by itself, which takes it a moment, and leave nothing of it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.stdin.close()
            self._process.wait(_RETIRING_SECONDS)
        self.end()

    def end(self) -> None:
        """End the process at once, and leave nothing of it."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            # Closing the input would write what is left in its buffer.
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        self._process.wait()

    def _read(self, seconds: float) -> Message:
        with self._deadline(seconds):
            return self._next()

    def _next(self) -> Message:
        assert self._process.stdout is not None
        try:
            return messages.read(self._process.stdout)
        except (EOFError, OSError, ValueError):
            raise WorkerEnded(is_late=self._is_late) from None

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        """End the process if the block takes more than `seconds`. Raises Shortage."""
        timer = threading.Timer(seconds, self._end_late)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            raise Shortage(f"cannot start a thread: {error}") from error
        try:
            yield
        finally:
            timer.cancel()

    def _end_late(self) -> None:
        self._is_late = True
        self.kill()
