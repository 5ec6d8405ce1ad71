"""The call in Python, by requests, as on the vendor's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fake_apimart.page.snippets.call import (
    BOUNDARY,
    Body,
    Call,
    JSONBody,
    Picture,
    SavedBody,
    TextBody,
    Values,
)
from fake_apimart.page.snippets.notation import JSON, PYTHON, in_one_line, python_text, written

KEY = "os.environ['APIMART_API_KEY']"
SECONDS = 60
MAX_LINE = 80
"""How long a call may be that is written in one line."""

_JSON_TYPE = ("Content-Type", "application/json")
_FUNCTIONS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Writing:
    """Expressions for the parts of a call that depend on where it stands.

    `key` may stand in an f-string. `headers` are those in place of the call's own, by name; `json`
    is in place of its JSON.
    """

    url: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: str | None = None
    seconds: int = SECONDS


def python_of(call: Call, base_url: str) -> str:
    """Return a script."""
    writing = Writing(python_text(base_url + call.target), KEY)
    content = "len(response.content)" if call.output else "response.text"
    lines = [
        *(f"# {note}" for note in call.notes),
        *(["import os", ""] if call.authorization is not None else []),
        "import requests",
        "",
        *request_lines(call, writing, "response = "),
        f"print(response.status_code, {content})",
    ]
    return "\n".join(lines) + "\n"


def request_lines(call: Call, writing: Writing, assigned: str = "") -> list[str]:
    """Return the lines that send a call, with `assigned` before the function."""
    opened, body = _content(call, writing)
    is_named = call.method in _FUNCTIONS
    function = call.method.lower() if is_named else "request"
    arguments = [
        *([] if is_named else [python_text(call.method)]),
        writing.url,
        *_headers(call, writing),
        *body,
        f"timeout={writing.seconds}",
    ]
    lines = _called(f"{assigned}requests.{function}", arguments)
    is_block = bool(opened) and opened[-1].startswith("with ")
    return [*opened, *(indented(lines) if is_block else lines)]


def _called(function: str, arguments: list[str]) -> list[str]:
    """Return the lines of a call, one if it is short."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= MAX_LINE and "\n" not in line:
        return [line]
    inner = [f"    {each}" for argument in arguments for each in f"{argument},".split("\n")]
    return [f"{function}(", *inner, ")"]


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines a step to the right."""
    return [f"    {line}" if line else line for line in lines]


def _headers(call: Call, writing: Writing) -> Iterable[str]:
    headers = []
    if call.authorization is not None:
        with_scheme = f'f"{call.authorization}{{{writing.key}}}"'
        headers.append(("Authorization", with_scheme if call.authorization else writing.key))
    for name, value in call.headers:
        # With `json` requests states this type.
        if not isinstance(call.body, JSONBody) or (name, value) != _JSON_TYPE:
            headers.append((name, writing.headers.get(name) or _header(value)))
    pairs = [f"{python_text(name)}: {value}" for name, value in headers]
    if len(pairs) == 1:
        yield f"headers={{{pairs[0]}}}"
    elif pairs:
        lines = "".join(f"    {pair},\n" for pair in pairs)
        yield f"headers={{\n{lines}}}"


def _header(value: str) -> str:
    """Return a header's value; requests would write other text than ASCII as Latin-1."""
    text = python_text(value.encode("latin-1").decode())
    return text if value.isascii() else f"{text}.encode()"


def _content(call: Call, writing: Writing) -> tuple[list[str], list[str]]:
    """Return the lines before the request, and its arguments for the body."""
    body = call.body
    if isinstance(body, Picture):
        return _picture(body)
    if isinstance(body, Values):
        return [], [f"files={_fields(body)}"]
    if isinstance(body, SavedBody):
        return [f'with open({python_text(body.path)}, "rb") as body:'], ["data=body"]
    return [], _data(body, call.content_type, writing)


def _data(body: Body | None, content_type: str | None, writing: Writing) -> list[str]:
    if isinstance(body, JSONBody):
        if writing.json is not None:
            return [f"json={writing.json}"]
        if content_type is not None:
            return [f"json={written(body.value, PYTHON)}"]
        # With `json` requests would state a type.
        return [f"data={python_text(in_one_line(body.value, JSON))}.encode()"]
    return [f"data={python_text(body.text)}.encode()"] if isinstance(body, TextBody) else []


def _fields(body: Values) -> str:
    fields = "".join(f'    ({python_text(name)}, (None, b"")),\n' for name in body.names)
    return f"[\n{fields}]"


def _picture(picture: Picture) -> tuple[list[str], list[str]]:
    opening = f'with open({python_text(picture.path)}, "rb") as file:'
    if picture.filename is not None:
        stated = f", {python_text(picture.content_type)}" if picture.content_type else ""
        file = f"({python_text(picture.filename)}, file{stated})"
        return [opening], [f'files={{"file": {file}}}']
    lines = "".join(f"    {python_text(line)},\n" for line in picture.head)
    head = f'head = "\\r\\n".join([\n{lines}    "",\n]).encode()'
    end = f'b"\\r\\n--{BOUNDARY}--\\r\\n"'
    return [*head.split("\n"), opening], [f"data=head + file.read() + {end}"]
