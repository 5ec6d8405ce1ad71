"""Parameters of headers such as Content-Disposition, in Go's grammar."""

from __future__ import annotations

from fake_apimart.go.mime import MediaTypeError, parse_media_type


def run(data: bytes) -> None:
    try:
        media_type, parameters = parse_media_type(data)
    except MediaTypeError:
        return
    assert media_type == media_type.strip().lower()
    for name in parameters:
        assert name == name.lower()
        # What follows the star says how a value is written, and is no part of a name.
        assert b"*" not in name
