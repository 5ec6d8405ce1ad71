"""Upload forms: the same file, name and error in whatever pieces they come."""

from __future__ import annotations

from fake_apimart.go.textproto import EOF
from fake_apimart.net_http.form import FormFile, boundary_of
from python_multipart.exceptions import ParseError

from tests.fuzz.pieces import cut


def run(data: bytes) -> None:
    """Take the first line for the Content-Type, the rest for the body."""
    seed, content_type, body = data[:1], *data[1:].partition(b"\n")[::2]
    try:
        boundary = boundary_of(content_type)
    except ParseError as error:
        assert str(error)
        return
    whole = _read(boundary, [body])
    assert whole == _read(boundary, list(cut(body, sum(seed))))
    assert sum(map(len, whole[1])) <= len(body)


def _read(boundary: bytes, pieces: list[bytes]) -> tuple[list[bytes], list[bytes], str]:
    """Return the name of the file, its bytes, and the error."""
    names: list[bytes] = []
    received: list[bytes] = []
    error = ""
    try:
        form = FormFile(
            boundary,
            b"file",
            names.append,
            lambda data, start, end: received.append(bytes(data[start:end])),
        )
        for piece in pieces:
            form.write(piece)
        form.finalize(EOF)
        assert form.found == bool(names)
        form.close()
    except ParseError as refused:
        error = str(refused)
        assert error
        # A form that is refused has no file: how much of it was seen depends on the pieces.
        return [], [], error
    assert len(names) <= 1
    return names, [b"".join(received)], error
