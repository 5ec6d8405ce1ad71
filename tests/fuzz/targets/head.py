"""Heads of requests: the same request or refusal in whatever pieces they come."""

from __future__ import annotations

from fake_apimart.net_http.request import Request, RequestError
from fake_apimart.net_http.request_reader import RequestReader

from tests.fuzz.pieces import cut


def run(data: bytes) -> None:
    seed, head = data[:1], data[1:]
    whole = _read([head])
    pieces = _read(list(cut(head, sum(seed))))
    assert whole == pieces, (whole, pieces)


def _read(pieces: list[bytes]) -> Request | str | None:
    """Return the request with its headers by name, since only equal ones have an order."""
    reader = RequestReader()
    try:
        for piece in pieces:
            position = 0
            while position < len(piece):
                position = reader.feed(piece, position)
                if reader.request is not None:
                    request = reader.request
                    request.headers.sort(key=lambda header: header[0])
                    return request
    except RequestError as error:
        return f"{error.status} {error.text}"
    return None
