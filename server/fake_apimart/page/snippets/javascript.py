"""The call in JavaScript, by fetch: a module of Node, where a picture is read from a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_apimart.page.snippets.call import (
    BOUNDARY,
    Call,
    JSONBody,
    Picture,
    SavedBody,
    TextBody,
    Values,
)
from fake_apimart.page.snippets.notation import (
    JAVASCRIPT,
    JSON,
    in_one_line,
    javascript_text,
    written,
)

KEY = "process.env.APIMART_API_KEY"
LARGEST_SAFE_INTEGER = 2**53 - 1

_READ_FILE = 'import { readFile } from "node:fs/promises";'
_BROWSER_NOTE = 'In a browser, take the file of an <input type="file">.'


def javascript_of(call: Call, base_url: str) -> str:
    """Return a module."""
    reads_file = isinstance(call.body, Picture | SavedBody)
    before, body = _content(call)
    notes = [*call.notes, *([_BROWSER_NOTE] if reads_file else [])]
    options = [*_method(call), *_headers(call), *([f"body: {body}"] if body else [])]
    content = "(await response.blob()).size" if call.output else "await response.text()"
    lines = [
        *(f"// {note}" for note in notes),
        *([_READ_FILE, ""] if reads_file else []),
        *before,
        *_request(javascript_text(base_url + call.target), options),
        f"console.log(response.status, {content});",
    ]
    return "\n".join(lines) + "\n"


def _request(url: str, options: list[str]) -> list[str]:
    if not options:
        return [f"const response = await fetch({url});"]
    inner = [f"  {line}" for each in options for line in f"{each},".split("\n")]
    return [f"const response = await fetch({url}, {{", *inner, "});"]


def _method(call: Call) -> Iterable[str]:
    return [] if call.method == "GET" else [f"method: {javascript_text(call.method)}"]


def _headers(call: Call) -> Iterable[str]:
    headers = []
    if call.authorization is not None:
        with_scheme = f"`{call.authorization}${{{KEY}}}`"
        headers.append(f"Authorization: {with_scheme if call.authorization else KEY}")
    # Values are text of one character for each byte, as fetch takes them.
    headers += [
        f"{JAVASCRIPT.name(name)}: {javascript_text(value)}" for name, value in call.headers
    ]
    if headers:
        lines = "".join(f"  {each},\n" for each in headers)
        yield f"headers: {{\n{lines}}}"


def _content(call: Call) -> tuple[list[str], str | None]:
    """Return the lines before the request, and the expression for its body, if it has one."""
    match call.body:
        case Picture(filename=None):
            return _written_out(call.body)
        case Picture():
            return [*_form(call.body), ""], "form"
        case Values(names):
            fields = [f'form.append({javascript_text(name)}, "");' for name in names]
            return ["const form = new FormData();", *fields, ""], "form"
        case SavedBody(path):
            return [], f"await readFile({javascript_text(path)})"
        case JSONBody(value):
            return [], _typed(json_expression(value), call)
        case TextBody(text):
            return [], _typed(javascript_text(text), call)
    return [], None


def _typed(body: str, call: Call) -> str:
    """Return the expression for text; fetch would state a type of its own where there is none."""
    return body if call.content_type is not None else f"new TextEncoder().encode({body})"


def json_expression(value: Any) -> str:
    """Return the expression for the text of a JSON value, with its numbers as they stand."""
    if _is_kept(value):
        return f"JSON.stringify({written(value, JAVASCRIPT)})"
    return javascript_text(in_one_line(value, JSON))


def _is_kept(value: Any) -> bool:
    """Return whether JavaScript writes all numbers as they stand: it has one type for all."""
    if isinstance(value, dict):
        return all(map(_is_kept, value.values()))
    if isinstance(value, list):
        return all(map(_is_kept, value))
    if isinstance(value, float):
        return not value.is_integer()
    return not isinstance(value, int) or abs(value) <= LARGEST_SAFE_INTEGER


def _form(picture: Picture) -> list[str]:
    stated = picture.content_type
    options = f", {{ type: {javascript_text(stated)} }}" if stated else ""
    return [
        f"const file = new Blob([await readFile({javascript_text(picture.path)})]{options});",
        "const form = new FormData();",
        f'form.append("file", file, {javascript_text(picture.filename or "")});',
    ]


def _written_out(picture: Picture) -> tuple[list[str], str]:
    lines = [f"  {javascript_text(line)}," for line in picture.head]
    file = f"await readFile({javascript_text(picture.path)})"
    end = f'"\\r\\n--{BOUNDARY}--\\r\\n"'
    before = ["const head = [", *lines, '  "",', '].join("\\r\\n");', ""]
    return before, f"new Blob([head, {file}, {end}])"
