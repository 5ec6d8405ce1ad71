"""The bytes of a request of a case."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from fake_apimart.cases.case import FormPart, Request
from fake_apimart.cases.contents import bytes_of, recorded
from fake_apimart.cases.placeholders import Names, filled
from fake_apimart.client.connection import NoAnswer, Place

_BOUNDARY = "fake-apimart-boundary"
_CHUNK = 64 * 1024


def bytes_of_request(request: Request, place: Place, names: Names) -> bytes:
    """Return what goes over the wire for a request to a server at `place`."""
    if request.recorded:
        # What it says of a host stays as it is: it is a part of what it tries.
        data, key = recorded(request.recorded), request.recorded_key.encode()
        return data.replace(key, str(names["key"]).encode()) if key else data
    if request.raw:
        return b"\r\n".join(bytes_of(line, names) for line in request.raw)
    content_type, body = _body(request, names)
    headers = {"Host": place.authority}
    if request.key is not None:
        headers["Authorization"] = f"Bearer {filled(request.key, names)}"
    if content_type:
        headers["Content-Type"] = content_type
    if request.chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = _chunked(body)
    elif body or request.announce is not None or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body) if request.announce is None else request.announce)
    for name, value in request.headers.items():
        headers = {each: old for each, old in headers.items() if each.lower() != name.lower()}
        headers[name] = filled(value, names)
    prefix = "" if request.path.startswith(("http://", "https://", "{")) else place.prefix
    lines = [f"{request.method} {prefix}{target_of(request, names)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def place_of(request: Request, place: Place, names: Names) -> Place:
    """Return where a request goes: to the host of a whole URL, such as that of a file.

    Raises NoAnswer for one that a server has made up wrongly.
    """
    path = filled(request.path, names)
    if not path.startswith(("http://", "https://")) or path.startswith(place.base + "/"):
        return place
    try:
        parts = urlsplit(path)
        return Place.of(f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise NoAnswer(f"{path} is no URL that can be asked: {error}") from error


def target_of(request: Request, names: Names) -> str:
    """Return the path and query of a request; those of a URL where it has a whole one."""
    path = filled(request.path, names)
    if not path.startswith(("http://", "https://")):
        return path
    parts = urlsplit(path)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _body(request: Request, names: Names) -> tuple[str, bytes]:
    if request.form is not None:
        content_type = f"multipart/form-data; boundary={_BOUNDARY}"
        return content_type, b"".join(_part(each, names) for each in request.form) + (
            f"--{_BOUNDARY}--\r\n".encode()
        )
    if request.states("json_"):
        return "application/json", json.dumps(_filled_in(request.json_, names)).encode()
    return "", b"" if request.body is None else bytes_of(request.body, names)


def _part(part: FormPart, names: Names) -> bytes:
    disposition = f'form-data; name="{part.name}"'
    if part.filename is not None:
        disposition += f'; filename="{filled(part.filename, names)}"'
    headers = {"Content-Disposition": disposition}
    if part.type is not None:
        headers["Content-Type"] = part.type
    headers |= part.headers
    lines = [f"--{_BOUNDARY}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + bytes_of(part.content, names) + b"\r\n"


def _filled_in(value: Any, names: Names) -> Any:
    if isinstance(value, str):
        return filled(value, names)
    if isinstance(value, list):
        return [_filled_in(each, names) for each in value]
    if isinstance(value, dict):
        return {name: _filled_in(each, names) for name, each in value.items()}
    return value


def _chunked(body: bytes) -> bytes:
    chunks = [body[first : first + _CHUNK] for first in range(0, len(body), _CHUNK)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in [*chunks, b""])
