"""The limit of the machine: read a body, write it to a file, send a constant response.

It uses blocking sockets, a thread per connection, and only the HTTP that the load needs.
"""

from __future__ import annotations

import itertools
import socket
import sys
import threading
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def serve(connection: socket.socket, folder: Path, numbers: itertools.count[int]) -> None:
    """Answer all requests of one connection."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    with connection:
        while received := connection.recv_into(view):
            head_end = buffer.find(b"\r\n\r\n", 0, received) + 4
            length = int(buffer[:head_end].split(b"Content-Length: ")[1].split(b"\r\n")[0])
            with (folder / str(next(numbers))).open("wb", buffering=0) as file:
                file.write(view[head_end:received])
                left = length - (received - head_end)
                while left:
                    count = connection.recv_into(view[: min(left, len(buffer))])
                    file.write(view[:count])
                    left -= count
            connection.sendall(ANSWER)


def main() -> None:
    """Listen on a free port, print it, and serve until terminated."""
    folder = Path(sys.argv[1])
    numbers = itertools.count()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    sys.stdout.write(f"listening on http://127.0.0.1:{listener.getsockname()[1]} \n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, folder, numbers), daemon=True).start()


if __name__ == "__main__":
    main()
