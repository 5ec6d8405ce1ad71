"""Several processes that serve on one socket, under uvicorn's own supervisor.

Each is a whole server; what they have in common is in the storage and in the state that the
settings name. All that is known of the supervisor's insides stands here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import Pipe, resource_tracker
from types import FrameType

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from fake_apimart.listening import listener_of, url_of
from fake_apimart.observability.log import logger_of
from fake_apimart.server import (
    STOP_SECONDS,
    STOP_SIGNALS,
    leave,
    logging_to_the_end,
    run_on,
    stdin_ended,
    uvicorn_config,
)
from fake_apimart.settings.names import variable_of
from fake_apimart.settings.reading import InvalidSettings
from fake_apimart.settings.settings import Settings
from fake_apimart.telemetry.collectors import forget_process
from fake_apimart.telemetry.metrics_table import SHARED_FOLDER

LOOK_SECONDS = 0.1
"""How often the supervisor looks whether it has something to do."""
RESTART_SECONDS = 1.0
"""The pause between two workers that take the place of others: a start costs a second of work."""
LATE_SECONDS = 0.2
"""How much longer than a worker gives itself its end is waited for, before it is killed."""

logger = logger_of(__name__)


def run(
    settings: Settings,
    announce: Callable[[str], None],
    *,
    listen_fd: int | None = None,
    until_stdin_ends: bool = False,
) -> None:
    """Serve by as many workers as the settings say, as `server.run` does by this process.

    `announce` is called once, when all of them accept connections. Raises InvalidSettings where
    the address cannot be used, or the first workers cannot start.
    """
    try:
        with (
            logging_to_the_end(settings),
            listener_of(settings, listen_fd) as listener,
            _metrics_added_up(settings),
        ):
            supervisor = Supervisor(settings, listener, lambda: announce(url_of(listener)))
            if until_stdin_ends:
                waiting = threading.Thread(target=supervisor.stop_after, args=(stdin_ended,))
                waiting.daemon = True
                waiting.start()
            supervisor.run()
    except _CutShort as cut_short:
        leave(cut_short.status)


class _CutShort(BaseException):
    """Raised where a signal comes again; the process ends at once with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@contextlib.contextmanager
def _metrics_added_up(settings: Settings) -> Iterator[None]:
    """Give the workers a folder for their metrics, unless the user has, so that each tells all.

    Raises InvalidSettings where there can be none.
    """
    if not (settings.metrics and settings.control) or SHARED_FOLDER in os.environ:
        yield
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="fake-apimart-", ignore_cleanup_errors=True)
    except OSError as error:
        off = f"{variable_of('metrics')}=off"
        raise InvalidSettings(f"workers count requests in a folder ({error}), or {off}") from None
    with folder as path:
        os.environ[SHARED_FOLDER] = path
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


class Worker(Process):
    """A process that serves until a signal, or until its supervisor is gone."""

    def __init__(self, config: Config, sockets: list[socket.socket], settings: Settings) -> None:
        super().__init__(config, sockets)
        self._settings = settings
        self._reports, self._reporting = Pipe(duplex=False)
        self._serves = False
        self._problem = ""

    @property
    def has_begun(self) -> bool:
        """Whether it has accepted connections. Raises InvalidSettings where it never will."""
        ended = not self.process.is_alive()
        if not self._serves and self._reports.poll():
            # What is reported comes once, but is asked for again until another takes its place.
            self._problem = self._reports.recv()
            self._serves = not self._problem
        if ended and not self._serves and not self._problem:
            self._problem = f"a worker ended with status {self.exitcode} before it served"
        if self._problem:
            raise InvalidSettings(self._problem)
        return self._serves

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; this runs in the new process."""
        assert sockets
        # Then its other end is the supervisor's alone.
        self.parent_conn.close()
        try:
            run_on(
                sockets[0],
                self._settings,
                lambda: self._reporting.send(""),
                until=self._answer_supervisor,
                is_worker=True,
            )
        except InvalidSettings as error:
            self._reporting.send(str(error))
            sys.exit(STARTUP_FAILURE)

    def _answer_supervisor(self) -> None:
        """Answer each ping of the supervisor, until it is gone."""
        with contextlib.suppress(OSError, EOFError):
            self.always_pong()

    def pong(self) -> None:
        self.child_conn.recv()
        self.child_conn.send(True)


class Supervisor(Multiprocess):
    """Keeps workers alive until a signal, or what `stop_after` waits for.

    The signals that it takes are uvicorn's: SIGTERM and SIGINT stop, at once where one comes again,
    and SIGHUP replaces the workers one after another.
    """

    def __init__(
        self, settings: Settings, listener: socket.socket, on_listening: Callable[[], None]
    ) -> None:
        config = uvicorn_config(log_format=settings.log_format)
        config.workers = settings.workers
        super().__init__(config, [listener])
        # Those that have no handler here keep their meaning.
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_signal)
        self._on_listening = on_listening
        self._begin = partial(Worker, settings=settings)
        self._stop_by: float | None = None
        self._next_start = 0.0
        self.processes: list[Worker] = []  # type: ignore[assignment]

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop_by is not None:
            for worker in self.processes:
                worker.process.kill()
            raise _CutShort(128 + number)
        self.stop()

    def stop_after(self, wait: Callable[[], None]) -> None:
        """Stop once `wait` returns, in a thread of its own."""
        wait()
        self.stop()

    def stop(self) -> None:
        """Have all workers stop. May be called by any thread, and by a handler of signals."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_SECONDS + LATE_SECONDS
            self.terminate_all()

    def run(self) -> None:
        """Serve until told to stop. Raises InvalidSettings where the first workers cannot start."""
        try:
            self.init_processes()
            while self._stop_by is None:
                self.handle_signals()
                self.keep_subprocess_alive()
                time.sleep(LOOK_SECONDS)
        finally:
            self.stop()
            for worker in self.processes:
                if not worker.parent_conn.closed:
                    # It began while the others were told.
                    worker.terminate()
            self.join_all()

    def init_processes(self) -> None:
        """Start the workers, and return once all serve. Raises InvalidSettings."""
        for _ in range(self.processes_num):
            self.processes.append(self._started())
        while self._stop_by is None:
            if all(worker.has_begun for worker in self.processes):
                self._on_listening()
                return
            time.sleep(LOOK_SECONDS)

    def _started(self) -> Worker:
        worker = self._begin(self.config, self.sockets)
        # The first process of all starts it, and then lets signals through again.
        resource_tracker.ensure_running()
        # A process that is still importing would answer Ctrl+C with a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return worker

    def join_all(self) -> None:
        """Wait for the workers' end, and kill those that do not come to it in time."""
        assert self._stop_by is not None
        for worker in self.processes:
            worker.process.join(max(0.0, self._stop_by - time.monotonic()))
            if worker.process.is_alive():
                logger.warning("worker %s does not stop, and is killed", worker.pid)
                worker.process.kill()

    def keep_subprocess_alive(self) -> None:
        """Replace each worker that has ended or hangs, however long it takes until one serves."""
        for index, worker in enumerate(self.processes):
            problem = self._problem_of(worker)
            if self._stop_by is not None:
                return
            if problem is None or time.monotonic() < self._next_start:
                continue
            logger.warning("%s; another takes its place", problem)
            worker.kill()
            worker.process.join()
            forget_process(worker.pid)
            self._next_start = time.monotonic() + RESTART_SECONDS
            self.processes[index] = self._started()

    def _problem_of(self, worker: Worker) -> str | None:
        """Return why a worker has to be replaced; None where it is well, or still begins."""
        try:
            is_well = not worker.has_begun or worker.is_alive(
                self.config.timeout_worker_healthcheck
            )
        except InvalidSettings as error:
            return f"worker {worker.pid}: {error}"
        if is_well:
            return None
        how = "hangs" if worker.exitcode is None else f"ended with status {worker.exitcode}"
        return f"worker {worker.pid} {how}"

    def restart_all(self) -> None:
        """Replace each worker, once its successor serves."""
        for index, old in enumerate(self.processes):
            new = self._started()
            try:
                while not new.has_begun and self._stop_by is None:
                    time.sleep(LOOK_SECONDS)
            except InvalidSettings as error:
                logger.error("not restarted: %s", error)
                return
            self.processes[index] = new
            if self._stop_by is not None:
                new.terminate()
            old.terminate()
            old.process.join()
            if self._stop_by is not None:
                return

    def handle_ttin(self) -> None:
        """Add a worker."""
        self.processes_num += 1
        self.processes.append(self._started())
