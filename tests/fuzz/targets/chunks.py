"""Bodies in chunks: read alike in whatever pieces they come, and never beyond their end."""

from __future__ import annotations

from fake_apimart.net_http.chunked import ChunkedReader, ChunkError, State

from tests.fuzz.pieces import cut


def run(data: bytes) -> None:
    seed, body = data[:1], data[1:]
    whole = _read([body])
    assert whole == _read(list(cut(body, sum(seed))))
    assert len(whole[0]) <= len(body)


def _read(pieces: list[bytes]) -> tuple[bytes, str, int]:
    """Return the body, how it ended, and how many bytes were taken."""
    received: list[bytes] = []
    reader = ChunkedReader(received.append)
    taken = 0
    try:
        for piece in pieces:
            position = 0
            while position < len(piece) and reader.state is not State.DONE:
                position = reader.feed(piece, position)
            taken += position
            if reader.state is State.DONE:
                return b"".join(received), "", taken
        return b"".join(received), reader.finish(), taken
    except ChunkError as error:
        # How far a reader has come that refuses depends on the pieces.
        return b"".join(received), str(error), 0
