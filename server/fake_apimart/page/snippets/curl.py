"""The call as one command of a POSIX shell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fake_apimart.page.snippets.call import (
    BOUNDARY,
    Call,
    JSONBody,
    Picture,
    SavedBody,
    TextBody,
    Values,
)
from fake_apimart.page.snippets.notation import JSON, written

KEY = "$APIMART_API_KEY"

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./:-]+")
_NEEDS_NO_QUOTES_IN_A_FORM = re.compile(r"[\w./-]+")
_GLOBS = re.compile(r"[\[\]{}]")
_FROM_INPUT = ["--data-binary @-"]


def curl_of(call: Call, base_url: str) -> str:
    """Return the command."""
    url = base_url + call.target
    arguments = [
        *_method(call),
        f"--url {quoted(url)}",
        *(["--globoff"] if _GLOBS.search(url) else []),
        *(["--path-as-is"] if "/." in url else []),
        *_headers(call),
        *_content(call),
        *([f"--output {quoted(call.output)}"] if call.output else []),
    ]
    command = " \\\n  ".join([f"curl {arguments[0]}", *arguments[1:]])
    return "".join(f"# {note}\n" for note in call.notes) + _input(call) + command + "\n"


def quoted(text: str) -> str:
    """Return a word that a shell reads as `text`, which may hold anything but NUL."""
    return text if _NEEDS_NO_QUOTES.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def _method(call: Call) -> Iterable[str]:
    plain: dict[str, list[str]] = {"GET": [], "HEAD": ["--head"]}
    return plain.get(call.method, [f"--request {quoted(call.method)}"])


def _headers(call: Call) -> Iterable[str]:
    if call.authorization is not None:
        yield f'--header "Authorization: {call.authorization}{KEY}"'
    for name, value in call.headers:
        text = value.encode("latin-1").decode()
        # Without a value curl would take the header away.
        yield f"--header {quoted(f'{name}: {text}' if text else f'{name};')}"
    has_data = isinstance(call.body, JSONBody | TextBody | SavedBody)
    if has_data and call.content_type is None:
        yield "--header 'Content-Type:'"


def _content(call: Call) -> Iterable[str]:
    match call.body:
        case Picture(filename=None):
            return _FROM_INPUT
        case Picture():
            return [f"--form {quoted(_file(call.body))}"]
        case Values(names):
            return [f"--form-string {quoted(f'{name}=')}" for name in names]
        case JSONBody(value):
            return [f"--data-raw {quoted(written(value, JSON))}"]
        case TextBody(text):
            return [f"--data-raw {quoted(text)}"] if text.isprintable() else _FROM_INPUT
        case SavedBody(path):
            return [f"--data-binary {quoted(f'@{path}')}"]
    return []


def _file(picture: Picture) -> str:
    """Return the field of a form as curl reads it."""
    described = f"file=@{_in_a_form(picture.path)}"
    if picture.filename is not None and picture.filename != picture.path:
        described += f";filename={_in_a_form(picture.filename)}"
    return described + (f";type={picture.content_type}" if picture.content_type else "")


def _in_a_form(text: str) -> str:
    if _NEEDS_NO_QUOTES_IN_A_FORM.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _input(call: Call) -> str:
    """Return what writes to the command's input, with the pipe between; empty if nothing does."""
    body = call.body
    if isinstance(body, TextBody) and not body.text.isprintable():
        return f"printf '%b' {quoted(_octal(body.text))} |\n  "
    if not isinstance(body, Picture) or body.filename is not None:
        return ""
    lines = " \\\n    ".join(map(quoted, body.head))
    return (
        f"{{\n  printf '%s\\r\\n' \\\n    {lines}\n"
        f"  cat {quoted(body.path)}\n"
        f"  printf '\\r\\n%s\\r\\n' {quoted(f'--{BOUNDARY}--')}\n}} | "
    )


def _octal(text: str) -> str:
    """Return text as `printf '%b'` reads it; what does not print is there as octal bytes."""
    return "".join(
        each
        if each.isprintable() and each != "\\"
        else "".join(f"\\0{byte:03o}" for byte in each.encode())
        for each in text
    )
