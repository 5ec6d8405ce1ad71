"""Whatever clients send, in code it stays the text that it was, and does nothing."""

from __future__ import annotations

import ast
import json
import math
import os
import shutil
import subprocess
from typing import Any

import pytest
from fake_apimart.contract.operations import JOURNALED
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.page.snippets.call import JSONBody
from fake_apimart.page.snippets.curl import quoted
from fake_apimart.page.snippets.form import path_of
from fake_apimart.page.snippets.javascript import json_expression
from fake_apimart.page.snippets.notation import (
    JSON,
    PYTHON,
    in_one_line,
    javascript_text,
    json_text,
    python_text,
    written,
)
from fake_apimart.page.snippets.reading import call_of
from fake_apimart.page.snippets.snippets import snippets_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.profiles import examples

BASE = "http://127.0.0.1:8080"
NASTY = st.sampled_from(
    [
        "'; touch x; '",
        '"; process.exit(1); "',
        "`id`",
        "$(id)",
        "${x}",
        "!!",
        "\\",
        "'''",
        '"""',
        "{apimart}",
        "</script>",
        "<!--",
        "\u2028",
        "\u202e",
        "\r\n",
        "\x1b[201~",
        "\x00",
        "\ud800",
        "\udcff",
        "\U0001f408",
        "***",
        "%0A",
        "#",
        "*/",
        "@/etc/passwd",
        "__proto__",
    ]
)
TEXTS = st.lists(NASTY | st.text(max_size=5), max_size=4).map("".join)
UNICODE = TEXTS.map(lambda text: text.encode("utf-8", "replace").decode())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | UNICODE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(UNICODE, inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["authorization", "content-type", "content-length", "x-mine", "__proto__", "range"]
    )
    | TEXTS,
    TEXTS | st.sampled_from(["Bearer ***", "multipart/form-data; boundary=b", "a/b"]),
    max_size=4,
)
ANSWERS = st.fixed_dictionaries(
    {
        "headers": st.just({}),
        "body": VALUES
        | UNICODE.map(lambda text: {"error": {"message": text}})
        | UNICODE.map(lambda text: {"data": {"status": text, "error": {"message": text}}}),
        "bytes": st.just(1),
    }
)
ENTRIES = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(JOURNALED) | st.none(),
        "method": st.sampled_from(["GET", "POST", "HEAD", "FOO"]) | TEXTS,
        "path": TEXTS.map("/{}".format) | TEXTS | st.just("/v1/models/x"),
        "query": TEXTS,
        "status": st.sampled_from([200, 202, 206, 304, 400, 401, 402, 409, 429, 500]) | st.none(),
        "error": st.none()
        | TEXTS
        | TEXTS.map("missing or invalid file field: {}".format)
        | st.just("missing or invalid file field: http: no such file"),
        "fault": st.none() | st.sampled_from([*SOCKET_FAULTS, "delay", "rate_limited", "status 5"]),
        "task_id": st.none() | TEXTS,
        "filename": st.none() | TEXTS,
        "content_type": st.none() | TEXTS,
        "headers": HEADERS,
        "part_headers": st.just({})
        | st.fixed_dictionaries(
            {
                "Content-Disposition": TEXTS
                | TEXTS.map('form-data; name="file"; filename="{}"'.format),
                "Content-Type": TEXTS | st.just("image/png"),
            }
        ),
        "body": VALUES,
        "body_bytes": st.integers(0, 10_000),
        "unread_fields": st.lists(TEXTS, max_size=2),
    },
    optional={"answer": st.none() | ANSWERS},
)

needs_sh = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


def run(*command: str, source: str) -> str:
    """Run a program on source code; return what it writes."""
    ran = subprocess.run(
        command, input=source.encode(), capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.decode()


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@given(TEXTS)
def test_strings_are_the_text_in_one_line_that_prints(text: str) -> None:
    assert ast.literal_eval(python_text(text)) == text
    assert units(json.loads(json_text(text))) == units(text)
    for literal in (python_text(text), json_text(text), javascript_text(text)):
        assert literal.isprintable()


@given(VALUES)
def test_values_are_the_same_in_one_line_and_in_several(value: Any) -> None:
    for write in (written, in_one_line):
        assert ast.literal_eval(write(value, PYTHON)) == value
        assert json.loads(write(value, JSON)) == value


@given(TEXTS, st.none() | st.sampled_from(["image/png", "image/jpeg"]) | TEXTS)
def test_file_to_read_is_in_the_working_directory(name: str, content_type: str | None) -> None:
    path = path_of(name, content_type).removeprefix("./")
    assert path.isprintable()
    assert not {"/", "\\"}.intersection(path)
    assert path not in ("", ".", "..")
    assert len(path.encode()) <= 255


@pytest.mark.subprocess
@needs_sh
@settings(max_examples=examples(12))
@given(st.lists(UNICODE.map(lambda text: text.replace("\x00", "")), max_size=50))
def test_words_of_a_shell_are_the_text(texts: list[str]) -> None:
    source = "".join(f"printf '%s\\0' {quoted(text)}\n" for text in texts)
    for shell in filter(shutil.which, ("sh", "bash", "zsh")):
        assert run(shell, source=source).split("\0") == [*texts, ""]


@pytest.mark.subprocess
@needs_node
@settings(max_examples=examples(12))
@given(st.lists(UNICODE, max_size=30), st.lists(VALUES, max_size=30))
def test_javascript_has_the_same_text_and_values(texts: list[str], values: list[Any]) -> None:
    literals = ", ".join(map(javascript_text, texts))
    bodies = ", ".join(map(json_expression, values))
    source = f"console.log(JSON.stringify([[{literals}], [{bodies}]]));"
    got, written_values = json.loads(run("node", "--input-type=module", "-", source=source))
    assert got == texts
    for body, value in zip(written_values, values, strict=True):
        assert repr(_sorted(json.loads(body))) == repr(_sorted(value))


def _sorted(value: Any) -> Any:
    """Return a value with its names in one order: JavaScript puts numbers first."""
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in sorted(value.items())}
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return value + 0.0 if isinstance(value, float) and not math.copysign(1, value) < 0 else value


CALLED = {
    *("get", "head", "post", "put", "patch", "delete", "options", "request"),
    *("open", "print", "len", "read", "join", "encode", "range", "append", "json", "startswith"),
    *("fail", "add", "pace", "tasks_fail", "advance", "raises"),
}


def called(code: str) -> set[str]:
    calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return {each.attr if isinstance(each, ast.Attribute) else ast.unparse(each) for each in calls}


@settings(max_examples=examples(1000))
@given(ENTRIES)
@example(
    {
        "operation": "tasks.get",
        "method": "GET",
        "path": "/v1/tasks/\ud800",
        "query": "",
        "status": 200,
        "error": None,
        "fault": None,
        "task_id": "\ud800",
        "filename": None,
        "content_type": None,
        "headers": {},
        "part_headers": {},
        "body": None,
        "body_bytes": 0,
        "unread_fields": [],
    }
)
def test_code_prints_and_calls_nothing_else(entry: dict[str, Any]) -> None:
    snippets = snippets_of(entry, BASE)
    for code in snippets.values():
        assert all(line.isprintable() for line in code.split("\n"))
        assert code.endswith("\n")
    for language in ("python", "pytest"):
        assert called(snippets[language]) <= CALLED
    ast.parse(snippets["python"])


STUBS = """
curl() { printf '%s\\0' "$@"; printf '\\001\\0'; }
cat() { :; }
APIMART_API_KEY=key
"""


@pytest.mark.subprocess
@needs_sh
@settings(max_examples=examples(16))
@given(st.lists(ENTRIES, min_size=1, max_size=30))
def test_shell_runs_curl_alone_with_what_is_to_be_sent(entries: list[dict[str, Any]]) -> None:
    source = STUBS + "".join(snippets_of(each, BASE)["curl"] for each in entries)
    # No argument is a character that does not print.
    commands = run("sh", source=source).removesuffix("\0\1\0").split("\0\1\0")
    assert len(commands) == len(entries)
    for entry, command in zip(entries, commands, strict=True):
        call, words = call_of(entry), command.split("\0")
        assert words[words.index("--url") + 1] == BASE + call.target
        assert words.count("--header") >= len(call.headers)
        for name, value in call.headers:
            text = value.encode("latin-1").decode()
            assert (f"{name}: {text}" if text else f"{name};") in words
        if isinstance(call.body, JSONBody):
            assert json.loads(words[words.index("--data-raw") + 1]) == call.body.value


STUBBED = """
const sent = [];
const process = { env: { APIMART_API_KEY: "key" } };
const readFile = async () => "";
const fetch = async (url, options = {}) => {
  const body = typeof options.body === "string" ? options.body : null;
  sent.push({ url, method: options.method ?? "GET", headers: options.headers ?? {}, body });
  return { text: async () => "", blob: async () => ({ size: 0 }) };
};
const log = console.log;
console.log = () => {};
"""


@pytest.mark.subprocess
@needs_node
@settings(max_examples=examples(16))
@given(st.lists(ENTRIES, min_size=1, max_size=30))
def test_node_sends_what_is_to_be_sent(entries: list[dict[str, Any]]) -> None:
    codes = [snippets_of(each, BASE)["javascript"] for each in entries]
    blocks = [
        "{{\n{}}}\n".format(code.replace('import { readFile } from "node:fs/promises";\n', ""))
        for code in codes
    ]
    source = STUBBED + "".join(blocks) + "log(JSON.stringify(sent.map((each) => ["
    source += "each.url, each.method, Object.entries(each.headers), each.body])));"
    sent = json.loads(run("node", "--input-type=module", "-", source=source))
    assert len(sent) == len(entries)
    for entry, (url, method, headers, body) in zip(entries, sent, strict=True):
        call = call_of(entry)
        assert (url, method) == (BASE + call.target, call.method)
        others = [[name, value] for name, value in headers if name != "Authorization"]
        assert sorted(others) == sorted(map(list, call.headers))
        if isinstance(call.body, JSONBody) and body is not None:
            assert json.loads(body) == call.body.value
