"""The worker processes of a server: started when first needed, and ended when they are idle."""

from __future__ import annotations

import threading

from fake_apimart.image_workers.budget import Budget
from fake_apimart.image_workers.messages import Head, Message
from fake_apimart.image_workers.process import WorkerEnded, WorkerProcess
from fake_apimart.images.decoding import Decoded, Mode, TooManyPixels
from fake_apimart.images.picture_file import BrokenPicture, Content
from fake_apimart.machine.shortage import Shortage
from fake_apimart.observability.log import logger_of

MEMORY_BYTES = 2**29
"""How much memory all pictures that are being decoded take together; a larger one is alone."""
ATTEMPTS = 2
"""How often a picture is decoded whose worker ends by itself, for whatever reason."""

logger = logger_of(__name__)


class Unfinished(BrokenPicture):
    """Decoding a picture did not come to its end; on a machine that does less it might."""


class WorkerPool:
    """Decodes in worker processes, one for each thread that calls it at the same time.

    An answer takes a worker at most `seconds`, reading and decoding a picture each; then the worker
    is ended, and the picture is one that does not decode.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._budget = Budget(MEMORY_BYTES)
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    def decode(self, content: Content, side: int, mode: Mode = "RGB") -> Decoded:
        """Decode as `images.decoding.decode`; raises what that raises, and Unfinished.

        Blocks the thread.
        """
        for _ in range(ATTEMPTS):
            worker = self._take()
            try:
                result = self._converse(worker, {"side": side, "mode": mode}, content)
            except BaseException as error:
                self._drop(worker)
                if not isinstance(error, WorkerEnded):
                    raise
                self._check_open()
                if error.is_late:
                    reason = f"takes more than {self._seconds:g} seconds"
                    raise Unfinished(reason) from None
            else:
                self._give_back(worker)
                return _decoded(result)
        logger.warning("a picture of %d bytes ends each process that decodes it", len(content))
        raise Unfinished("ends the process that decodes it")

    def retire_idle(self) -> None:
        """Let the workers end that have nothing to do. Blocks the thread until they have."""
        for worker in self._take_idle():
            worker.retire()

    def close(self) -> None:
        """End all workers; what they decode, and what is to be decoded later, is a Shortage."""
        with self._lock:
            self._is_closed = True
            for worker in self._busy:
                worker.kill()
        for worker in self._take_idle():
            worker.end()

    def _take_idle(self) -> list[WorkerProcess]:
        with self._lock:
            idle, self._idle = self._idle, []
        return idle

    def _converse(self, worker: WorkerProcess, wanted: Head, content: Content) -> Message:
        answer = worker.ask(wanted, content)
        memory = answer[0].get("memory")
        if memory is None:
            return answer
        with self._budget.taking(memory):
            return worker.ask({"go": True})

    def _take(self) -> WorkerProcess:
        with self._lock:
            self._check_open()
            worker = self._idle.pop() if self._idle else None
            if worker is not None:
                self._busy.add(worker)
                return worker
        worker = WorkerProcess(self._seconds)
        with self._lock:
            self._busy.add(worker)
            is_closed = self._is_closed
        if is_closed:
            self._drop(worker)
            self._check_open()
        return worker

    def _give_back(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._busy.discard(worker)
            is_closed = self._is_closed
            if not is_closed:
                self._idle.append(worker)
        if is_closed:
            worker.end()

    def _drop(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.end()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Shortage("the server stops")


def _decoded(message: Message) -> Decoded:
    """Return what a worker's answer says. Raises BrokenPicture, TooManyPixels."""
    head, pixels = message
    if "broken" in head:
        raise BrokenPicture(head["broken"])
    if "pixels" in head:
        raise TooManyPixels(head["pixels"])
    width, height = head["size"]
    return Decoded((width, height), pixels)
