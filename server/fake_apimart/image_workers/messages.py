"""Messages between the server and its worker processes, over pipes.

A message is a line of JSON, the head, whose `length` says how many bytes follow it.
"""

from __future__ import annotations

import json
from typing import IO, Any

from fake_apimart.images.picture_file import Content

Head = dict[str, Any]
Message = tuple[Head, bytes]


def write(stream: IO[bytes], head: Head, content: Content = b"") -> None:
    """Write a message. Raises OSError where nobody reads it."""
    stream.write(json.dumps({**head, "length": len(content)}).encode() + b"\n")
    stream.write(content)
    stream.flush()


def read(stream: IO[bytes]) -> Message:
    """Read a message. Raises EOFError where the stream ends before it does."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    content = stream.read(head["length"])
    if len(content) < head["length"]:
        raise EOFError
    return head, content
