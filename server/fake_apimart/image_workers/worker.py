"""The program of a worker process: decodes one picture after the other until its input ends.

It says `ready` once it has loaded what decodes. It answers a picture with the memory that decoding
takes, and decodes it when it is told to go on; or it answers at once with what is wrong.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fake_apimart.image_workers import messages
from fake_apimart.image_workers.messages import Head, Message
from fake_apimart.images import pillow
from fake_apimart.images.decoding import TooManyPixels, decode_file, read
from fake_apimart.images.picture_file import BrokenPicture, Content

MAX_MEMORY = 4 * 2**30
"""The address space of a worker, in bytes, where the system limits it."""
_ENDING_SECONDS = 1.0
"""How long a worker whose input has ended may take to end by itself."""
_NOT_ENOUGH_MEMORY = {"broken": "decoding takes too much memory"}

Receive = Callable[[], Message | None]
"""Returns the next message, or None once there are no more."""
Send = Callable[[Head, Content], None]


def main(seconds: float) -> None:
    """Work on standard input and output; end by force where a step takes more than `seconds`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit()
    with _own_streams() as (source, sink):
        received: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(source, received), daemon=True).start()
        pillow.load()

        def send(head: Head, content: Content) -> None:
            faulthandler.cancel_dump_traceback_later()
            messages.write(sink, head, content)

        def receive() -> Message | None:
            message = received.get()
            # Ends this process even where the server has died, and a decoder holds the interpreter.
            faulthandler.dump_traceback_later(seconds, exit=True)
            return message

        with contextlib.suppress(OSError):
            work(receive, send)


def work(receive: Receive, send: Send) -> None:
    """Decode what is received until there is nothing more. Raises OSError where `send` does."""
    send({"ready": True}, b"")
    while (message := receive()) is not None:
        head, content = message
        try:
            file = read(content)
            send({"memory": file.memory}, b"")
            if receive() is None:
                return
            decoded = decode_file(file, head["side"], head["mode"])
        except BrokenPicture as error:
            send({"broken": str(error)}, b"")
        except TooManyPixels as error:
            send({"pixels": error.pixels}, b"")
        except MemoryError:
            send(_NOT_ENOUGH_MEMORY, b"")
        else:
            send({"size": decoded.size}, decoded.pixels)


def _receive(source: BinaryIO, received: queue.SimpleQueue[Message | None]) -> None:
    try:
        while True:
            received.put(messages.read(source))
    except (EOFError, OSError):
        received.put(None)
    # The server has ended, and nobody waits for what is being decoded.
    threading.Event().wait(_ENDING_SECONDS)
    os._exit(0)


@contextlib.contextmanager
def _own_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield input and output, which nothing else in this process can read or write."""
    with os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(1), "wb") as sink:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.close(nothing)
        yield source, sink


def _limit() -> None:
    """Bound this process's memory; let the kernel end it before the server where that is short."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        # No limit on macOS for some versions, nor above one that is set already.
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
