"""The server under test: `fake-apimart serve` as a child, killed and started again at will."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping

from soak.http_client import Address
from soak.record.findings import Findings
from soak.server_log import ServerLog

START_SECONDS = 60.0
STOP_SECONDS = 10.0
"""The server promises 8; the rest is for a busy machine."""
_LINE_LIMIT = 1 << 20


class ServerProcess:
    """The server. It keeps its port over restarts; `incarnation` counts its starts."""

    def __init__(self, location: str, env: Mapping[str, str], findings: Findings) -> None:
        self._arguments = ("--storage", location, "--task-seconds", "1")
        self._env = {**_own_environment(), **env}
        self._findings = findings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._is_expected_to_end = False
        self.port = 0
        self.incarnation = 0
        self.up = asyncio.Event()
        self.log = ServerLog(findings)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    async def start(self) -> None:
        """Start the server and wait until it listens. Raises RuntimeError if it does not."""
        command = (sys.executable, "-m", "fake_apimart", "serve", "--port", str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            *command,
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
            limit=_LINE_LIMIT,
        )
        self._is_expected_to_end = False
        self._reading = asyncio.create_task(self._read_log(self._process))
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self._process.stdout.readline()
        if b"listening on " not in line:
            raise RuntimeError(f"the server did not start: {list(self.log.errors)}")
        self.port = int(line.split(b"listening on ")[1].split(b" ")[0].rpartition(b":")[2])
        self.incarnation += 1
        self.up.set()

    async def kill(self) -> None:
        """End the server at once, as a crash or a lack of memory would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask the server to stop; return its exit status, and -9 if it had to be killed."""
        started = time.monotonic()
        status = await self._end(signal.SIGTERM)
        if time.monotonic() - started > STOP_SECONDS:
            self._findings.add("hang", f"the server needed more than {STOP_SECONDS:g} s to stop")
        return status

    async def end_quietly(self) -> None:
        """Kill the server if it runs, whatever has happened before."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let the process stand still for the time of the block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    async def _end(self, sig: signal.Signals) -> int:
        assert self._process is not None
        assert self._reading is not None
        self._is_expected_to_end = True
        self.up.clear()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(sig)
        try:
            async with asyncio.timeout(2 * STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        status = await self._process.wait()
        await asyncio.wait([self._reading])
        return status

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        """Read standard error to its end; note an end that nobody asked for."""
        assert process.stderr is not None
        async for line in process.stderr:
            self.log.take(line.decode("utf-8", "replace").rstrip())
        self.log.end()
        await process.wait()
        if not self._is_expected_to_end:
            self.up.clear()
            text = f"by itself, with {process.returncode}: {list(self.log.errors)}"
            self._findings.add("exit", text)


def _own_environment() -> dict[str, str]:
    """Return our environment without the user's configuration of AWS and of the server."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FAKE_APIMART_"))}
