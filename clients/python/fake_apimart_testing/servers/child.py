"""A child process that serves: how it is started, where it listens, and how it ends."""

from __future__ import annotations

import os

from fake_apimart_testing.control import ControlError
from fake_apimart_testing.servers.command import found_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import IO, Self

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

STOP_SECONDS = 10.0
"""How long the child may take to stop before it is killed."""
_LISTENING = b"listening on "
_FLAGS = (
    *("--host", "127.0.0.1", "--port", "0", "--storage", "memory://"),
    *("--state", "memory://", "--workers", "1"),
    *("--control", "--no-access-log", "--until-stdin-ends"),
)
_SET_BY_FLAGS = (
    *("HOST", "PORT", "STORAGE", "PUBLIC_URL", "CONTROL", "ACCESS_LOG", "DELIVERY"),
    *("PUBLIC_HOSTS", "TRUSTED_PROXIES", "STATE", "WORKERS"),
)
_OF_THE_FIXTURE = ("URL", "COMMAND")


class ChildServer:
    """A fake APIMart of our own on this machine, with everything in memory.

    It has its own clock, which is not affected if a test mocks that of this process. It ends when
    this process ends for whatever reason. It is one process, and reads those `FAKE_APIMART_…`
    variables that affect its answers.

    `command` stands in place of the one that is found here; `flags` are further ones, and win over
    those that are always given; `environment` stands in place of this process's.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        flags: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._more_flags = flags
        self._environment = environment
        self._url: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens. Raises ControlError before `start`, and if it has ended by itself."""
        if self._url is None:
            raise ControlError("the server has not been started")
        ended = self._ended_by_itself()
        if ended:
            raise ControlError(ended)
        return self._url

    def _ended_by_itself(self) -> str:
        """Return how it ended, with its log, if it did so after its start; else nothing."""
        status = self._process.poll() if self._process is not None and self._url else None
        if status is None:
            return ""
        return (
            f"the server has ended by itself, with status {status}: {self._read_log() or 'no log'}"
        )

    def start(self) -> Self:
        """Start the process, and wait until it listens. Raises ControlError."""
        command = self._command or found_command()
        try:
            self._open_log_and_run(command)
        except OSError as error:
            self._close_log()
            raise ControlError(f"the server did not start: {' '.join(command)}: {error}") from error
        self._url = self._read_url(command)
        return self

    def _open_log_and_run(self, command: Sequence[str]) -> None:
        import subprocess
        import tempfile

        # Read once the child has ended. Not a pipe, which would have to be drained all the time.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            [*command, "serve", *_FLAGS, *self._more_flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment() if self._environment is None else dict(self._environment),
            # A new session, or on Windows a new group, does not get Ctrl+C, so the server outlives
            # the teardown of the tests.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def _read_url(self, command: Sequence[str]) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        # A command of somebody's own may print lines before.
        for line in self._process.stdout:
            if _LISTENING in line:
                return line.partition(_LISTENING)[2].split()[0].decode()
        silence = f"{' '.join(command)} serve said nothing"
        raise ControlError(f"the server did not start: {self.stop() or silence}")

    def begin_to_stop(self) -> None:
        """Tell the process to stop, and do not wait for it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()

    def abandon_start(self) -> None:
        """End a process that does not listen yet; another thread waits for it."""
        if self._process is not None and self._process.poll() is None and self._url is None:
            self._kill()

    def stop(self) -> str:
        """Stop the process, if there is one, and return its log, or how it ended by itself."""
        import subprocess

        process = self._process
        if process is None:
            return ""
        ended = self._ended_by_itself()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
        self._process = self._url = None
        log = self._read_log()
        self._close_log()
        return ended or log

    def _kill(self) -> None:
        """Kill the process, and those that its command has started."""
        import signal

        assert self._process is not None
        if os.name == "nt":
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read_log(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace").strip()

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def _environment() -> dict[str, str]:
    """Return this process's environment without the variables that the child's flags set."""
    excluded = {f"FAKE_APIMART_{name}" for name in (*_SET_BY_FLAGS, *_OF_THE_FIXTURE)}
    return {name: value for name, value in os.environ.items() if name not in excluded}
