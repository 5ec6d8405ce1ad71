"""The command `fake-apimart`, which is also `python -m fake_apimart`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command. A signal that comes while it is still imported ends it without a word."""
    _open_closed_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    # Imported here because it takes up to half a second, in which a signal may come already. The
    # first process of a container never hears of one that it has no handler for.
    from fake_apimart.cli import main as run

    run()


def _open_closed_streams() -> None:
    """Let no file or socket take the number of a standard stream that was closed by the caller.

    What is written to that stream would go into it, and libuv aborts when it is closed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _leave(number: int, frame: FrameType | None) -> None:
    """End this process: a server that has not begun has nothing to finish, a command failed."""
    os._exit(0 if "serve" in sys.argv[1:2] else 128 + number)


if __name__ == "__main__":
    main()
