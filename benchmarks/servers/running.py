"""The measured servers, each in a separate process on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

# Installed packages have cached bytecode. Without this, a checkout would compile at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_TICKS = os.sysconf("SC_CLK_TCK")
BUCKET = "benchmark"
_FAKE = ("fake_apimart", "serve", "--port", "0", "--storage")

COMMANDS = {
    "sink": ("benchmarks.servers.sink", "{folder}"),
    "handwritten": ("benchmarks.servers.handwritten", "{folder}"),
    "moto": ("benchmarks.servers.moto_server",),
    "bare file": ("benchmarks.servers.bare", "file", "{folder}"),
    "bare api": ("benchmarks.servers.bare", "api", "{folder}"),
    "fake dir:": (*_FAKE, "dir:{folder}"),
    "fake dir: unwatched": (*_FAKE, "dir:{folder}", "--no-control"),
    # More than any load uploads: what is measured is no refusal.
    "fake memory://": (*_FAKE, "memory://", "--max-memory-bytes", str(2**40)),
    "fake s3:": (*_FAKE, f"s3://{BUCKET}"),
}
"""By server name: the module that is run, and its arguments. "Unwatched" means without journal,
faults and worlds."""

TOUCHED_BYTES = 3 * 1024**3


def scratch_folder() -> Path:
    """Create a folder, in memory if possible: disk journaling would hide the costs of servers."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="bench-", dir=memory if memory.is_dir() else None))


def touch_memory() -> None:
    """Touch as much memory as the runs will use: the first use of a memory page is slow."""
    folder = scratch_folder()
    with (folder / "touched").open("wb", buffering=0) as file:
        for _ in range(TOUCHED_BYTES // (1 << 20)):
            file.write(bytes(1 << 20))
    shutil.rmtree(folder)


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU seconds that a process has used so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class RunningServer:
    """A server of COMMANDS that runs until `stop`; its log goes to a file, as a service's would.

    It stores in memory, or below `disk`. `prepare` may fill its data folder before the start.
    `flags` are further ones of its command. `start_seconds` is the time until it listened.
    """

    def __init__(
        self,
        name: str,
        disk: Path | None = None,
        prepare: Callable[[Path], None] = lambda folder: None,
        flags: Sequence[str] = (),
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=disk)) if disk else scratch_folder()
        module, *arguments = (part.format(folder=self.folder / "data") for part in COMMANDS[name])
        (self.folder / "data").mkdir()
        prepare(self.folder / "data")
        started = time.perf_counter()
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, *flags],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        self.start_seconds = time.perf_counter() - started
        self.port = int(line.split("127.0.0.1:")[1].split(" ")[0])

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the process has used so far, in user and kernel mode."""
        return cpu_seconds_of(self.pid)

    def memory(self, field: str) -> int:
        """Return a field of /proc/PID/status, such as VmRSS or VmHWM, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) * 1024

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
