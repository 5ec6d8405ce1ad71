"""A server for tests: a child process, or a server that is already running."""

from __future__ import annotations

import os
import sys

from fake_apimart_testing.control import ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import IO, Self

STOP_SECONDS = 10.0
"""How long the child may take to stop before it is killed."""
_LISTENING = b"listening on "
# -P: modules in the current directory of the tests must not shadow ours.
_COMMAND = ("-P", "-m", "fake_apimart", "serve")
_FLAGS = (
    *("--host", "127.0.0.1", "--storage", "memory://"),
    *("--state", "memory://", "--workers", "1"),
    *("--control", "--no-access-log", "--until-stdin-ends"),
)
_SET_BY_FLAGS = (
    *("HOST", "PORT", "STORAGE", "PUBLIC_URL", "CONTROL", "ACCESS_LOG", "DELIVERY"),
    *("PUBLIC_HOSTS", "TRUSTED_PROXIES", "STATE", "WORKERS"),
)


class Server:
    """The fake APIMart at `url`, or a child process that `start` starts if that is None.

    The child has its own clock, which is not affected if a test mocks that of this process. It ends
    when this process ends for whatever reason. It is one process that keeps everything in memory,
    and reads those `FAKE_APIMART_…` variables that affect its answers.

    `flags` are further ones for the command, and win over those that are always given;
    `environment` stands in place of this process's.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        flags: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url.rstrip("/") if url else None
        self._more_flags = flags
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL to use instead of `https://api.apimart.ai`.

        Raises ControlError before `start`.
        """
        if self._url is None:
            raise ControlError("the server has not been started: use it in a `with` statement")
        return self._url

    def start(self) -> Self:
        """Start the child, unless a server is running already. Raises ControlError."""
        if self._url is None:
            self._spawn("--port", "0")
            self._url = self._read_url()
        return self

    def start_on(self, listener: socket.socket) -> None:
        """Start the child on a socket that is already listening and may have clients waiting."""
        host, port = listener.getsockname()[:2]
        self._url = f"http://{host}:{port}"
        self._spawn("--listen-fd", str(listener.fileno()), pass_fds=(listener.fileno(),))

    def _spawn(self, *flags: str, pass_fds: tuple[int, ...] = ()) -> None:
        try:
            self._open_log_and_run(flags, pass_fds)
        except OSError as error:
            if self._log is not None:
                self._log.close()
            raise ControlError(f"the server did not start: {error}") from error

    def _open_log_and_run(self, flags: tuple[str, ...], pass_fds: tuple[int, ...]) -> None:
        import subprocess
        import tempfile

        # Read once the child has ended. Not a pipe, which would have to be drained all the time.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, *_COMMAND, *_FLAGS, *flags, *self._more_flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment() if self._environment is None else dict(self._environment),
            pass_fds=pass_fds,
            # A new session does not get Ctrl+C, so the server outlives the teardown of the tests.
            start_new_session=os.name != "nt",
        )

    def _read_url(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if _LISTENING not in line:
            log = self.stop()
            raise ControlError(f"the server did not start: {log or 'it said nothing'}")
        return line.partition(_LISTENING)[2].split()[0].decode()

    def begin_to_stop(self) -> None:
        """Tell the child to stop, and do not wait for it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()

    def stop(self) -> str:
        """Stop the child, if there is one, and return its log."""
        import subprocess

        process, log = self._process, self._log
        if process is None or log is None:
            return ""
        self._process = self._log = self._url = None
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with log:
            log.seek(0)
            return log.read().decode("utf-8", "replace").strip()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """Return this process's environment without the variables that the child's flags set."""
    excluded = {f"FAKE_APIMART_{name}" for name in _SET_BY_FLAGS}
    return {name: value for name, value in os.environ.items() if name not in excluded}
