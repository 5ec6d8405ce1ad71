"""Entries of the journal as code: run, it sends the requests that they tell of."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fake_apimart.page.snippets.call import Picture
from fake_apimart.page.snippets.reading import call_of
from fake_apimart.page.snippets.snippets import snippets_of
from fake_apimart.settings.settings import Settings

from tests.harness import FORM_TYPE, PDF, PNG, ServerThread, form
from tests.snippet_cases import BROKEN, CASES, REFUSED, Case, Send, generate, get, journal, made

WORTH_SENDING = (
    *("authorization", "idempotency-key", "x-apimart-response-version", "x-mine"),
    *("range", "if-none-match", "if-match", "if-modified-since"),
)


@pytest.fixture(scope="module")
def own_server() -> Iterator[ServerThread]:
    with ServerThread(Settings(port=0, storage="memory://")) as running:
        yield running


@pytest.fixture(scope="module")
def cases(own_server: ServerThread) -> dict[str, Case]:
    return made(own_server, CASES)


def write_pictures(folder: Path, cases: Mapping[str, Case]) -> None:
    """Write the files that snippets read."""
    for case in cases.values():
        body = call_of(case.entry).body
        if isinstance(body, Picture):
            content = PDF if body.path.endswith(".pdf") else PNG
            (folder / body.path).write_bytes(content)
    (folder / "my photo.png").write_bytes(PNG)


@pytest.fixture
def folder(cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with the files that snippets read."""
    write_pictures(tmp_path, cases)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be the same of a request that is sent again, and of its answer."""
    same = ("operation", "method", "path", "query", "status", "error", "filename", "body", "size")
    headers = {name: entry["headers"].get(name) for name in WORTH_SENDING}
    if entry["operation"] == "files.get":
        headers.pop("authorization")
    content_type = entry["headers"].get("content-type", "")
    if content_type.startswith("multipart/form-data; boundary"):
        content_type = "a form"
    fields = {name: entry[name] for name in same}
    fields["query"] = unquote(entry["query"])
    return {**fields, "fault": entry["fault"], "headers": headers, "type": content_type}


def check(cases: Mapping[str, Case], again: list[dict[str, Any]]) -> None:
    """See that requests were sent again, one for each case."""
    assert len(again) == len(cases)
    for (name, case), entry in zip(cases.items(), again, strict=True):
        expected, got = told(case.entry), told(entry)
        assert got == expected, name
        stated = case.entry["part_headers"].get("Content-Type")
        if stated and '"' not in stated:
            assert entry["part_headers"]["Content-Type"] == stated, name


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt" or shutil.which("curl") is None, reason="needs sh and curl")
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_curl_sends_the_same(
    shell: str, cases: dict[str, Case], own_server: ServerThread, folder: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    lines = []
    for case in cases.values():
        lines += [f"export APIMART_API_KEY={case.key_for(shell)}", case.snippets["curl"]]
    count = len(journal(own_server.url))
    subprocess.run([shell, "-c", "\n".join(lines)], capture_output=True, timeout=60, check=False)
    check(cases, journal(own_server.url)[count:])


def test_python_sends_the_same(
    cases: dict[str, Case],
    own_server: ServerThread,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = len(journal(own_server.url))
    for name, case in cases.items():
        monkeypatch.setenv("APIMART_API_KEY", case.key_for("python"))
        exec(compile(case.snippets["python"], name, "exec"), {})
    check(cases, journal(own_server.url)[count:])


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_sends_the_same(
    cases: dict[str, Case], own_server: ServerThread, folder: Path
) -> None:
    lines = []
    for number, case in enumerate(cases.values()):
        (folder / f"case{number}.mjs").write_text(case.snippets["javascript"], "utf-8")
        lines.append(f"process.env.APIMART_API_KEY = '{case.key_for('node')}';")
        lines.append(f"await import('./case{number}.mjs');")
    (folder / "all.mjs").write_text("\n".join(lines))
    count = len(journal(own_server.url))
    ran = subprocess.run(
        ["node", "all.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    check(cases, journal(own_server.url)[count:])


SAYING: dict[str, tuple[Send, str]] = {
    "a long body": (
        lambda client, key: generate(client, prompt="x" * 10_000),
        (
            "The journal has the first 8192 of the body's 10035 bytes alone: "
            "save the whole of it as body.json."
        ),
    ),
    "a password": (
        lambda client, key: generate(client, image_urls=["http://me:secret@127.0.0.1/a.png"]),
        "Stars (***) stand for secrets, which the journal does not have.",
    ),
    "a key of another kind": (
        get("/v1/models", **{"X-Api-Key": "secret", "X-Mine": "a\tb"}),
        "Left out, since the journal does not have them: x-api-key, x-mine",
    ),
    "another field": (
        lambda client, key: client.post(
            "/v1/uploads/images", files={"file": ("a.png", PNG), 'a"b\n': (None, "secret")}
        ),
        'Other fields, whose values the journal does not have: "a%22b%0A"',
    ),
    "a malformed form": (
        lambda client, key: client.post(
            "/v1/uploads/images", content=form(PNG)[:-20], headers=FORM_TYPE
        ),
        "The form was malformed, which is not repeated here.",
    ),
    "what clients change": (
        get("/v1/models?a=%zz"),
        "This URL is sent as it was by curl alone: other clients change it.",
    ),
}


@pytest.mark.parametrize("name", SAYING)
def test_code_says_what_the_journal_does_not_have(name: str, own_server: ServerThread) -> None:
    send, note = SAYING[name]
    (case,) = made(own_server, {name: send}).values()
    for language, code in case.snippets.items():
        mark = "//" if language == "javascript" else "#"
        assert f"{mark} {note}\n" in code
        assert "secret" not in code.replace("for secrets", "")


def test_code_is_without_what_clients_send_by_themselves(cases: dict[str, Case]) -> None:
    for case in cases.values():
        for code in case.snippets.values():
            assert not re.search(r"(?i)user-agent|accept|content-length|\bhost\b|connection", code)


def test_key_of_the_query_is_sent_as_a_header(own_server: ServerThread) -> None:
    def send(client: httpx.Client, key: str) -> httpx.Response:
        return httpx.get(f"{own_server.url}/v1/models/gpt-image-2?key={key}&a=b")

    (case,) = made(own_server, {"query": send}).values()
    assert case.entry["status"] == 200
    assert "/v1/models/gpt-image-2?a=b" in case.snippets["curl"]
    assert "Authorization: Bearer $APIMART_API_KEY" in case.snippets["curl"]


LAST_REQUEST = """
import json
from pathlib import Path
import httpx
import pytest

@pytest.fixture(autouse=True)
def last_request(apimart, request):
    yield
    last = httpx.get(f"{apimart.base_url}/_fake/requests?limit=1").json()["requests"][-1]
    Path(f"{request.path.stem}.json").write_text(json.dumps(last))
"""
OF_THE_WORLD = {"fault", "error", "path"}
"""What differs in a new world, where other tasks and files are and a rule stands for the rest."""
OF_THE_CASE = {
    "file not modified": ["headers"],
    "file as it was": ["headers"],
    "batch": ["body"],
    "key used again": ["body"],
}
"""What else differs: what names a version or a task, and a body that a rule answers unread."""


@pytest.fixture(scope="module")
def broken(own_server: ServerThread) -> dict[str, Case]:
    return made(own_server, BROKEN)


@pytest.fixture(scope="module")
def refused(own_server: ServerThread) -> dict[str, Case]:
    return made(own_server, REFUSED)


@pytest.fixture(scope="module")
def sent_by_tests(
    cases: dict[str, Case],
    broken: dict[str, Case],
    refused: dict[str, Case],
    server: ServerThread,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """Run all tests, on a server that knows nothing; return the last request of each.

    Those of cases are there a second time where they are other tests without knowing the answer.
    """
    folder = tmp_path_factory.mktemp("tests")
    known = {**cases, **broken, **refused}
    write_pictures(folder, known)
    codes = {name: case.snippets["pytest"] for name, case in known.items()}
    for name, case in cases.items():
        entry = _without(case.entry, {"answer"})
        code = snippets_of(entry, server.url)["pytest"]
        if code != codes[name]:
            codes[f"{name}, unknown"] = code
    (folder / "conftest.py").write_text(LAST_REQUEST)
    for number, (name, code) in enumerate(codes.items()):
        (folder / f"test_case{number}.py").write_text(f"# {name}\n{code}", "utf-8")
    _run_tests(folder, server.url)
    names = {name: folder / f"test_case{number}.json" for number, name in enumerate(codes)}
    return {name: json.loads(path.read_text()) for name, path in names.items()}


def _run_tests(folder: Path, url: str) -> None:
    """Run all tests of a folder; each of them must pass."""
    plugins = ("no:cacheprovider", "fake_apimart_testing.pytest_plugin")
    options = [each for plugin in plugins for each in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--import-mode=importlib"]
    environment = {"FAKE_APIMART_URL": url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(
        [*command, *options],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def _without(fields: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


@pytest.mark.subprocess
def test_tests_pass_and_send_the_same(
    cases: dict[str, Case], sent_by_tests: dict[str, dict[str, Any]]
) -> None:
    for name, case in cases.items():
        expected, got = told(case.entry), told(sent_by_tests[name])
        other = {*OF_THE_WORLD, *OF_THE_CASE.get(name, ())}
        assert _without(got, other) == _without(expected, other), name


@pytest.mark.subprocess
def test_tests_pass_where_the_answer_is_not_known(
    cases: dict[str, Case], sent_by_tests: dict[str, dict[str, Any]]
) -> None:
    others = [name for name in cases if f"{name}, unknown" in sent_by_tests]
    assert len(others) > 5
    for name in others:
        status = sent_by_tests[f"{name}, unknown"]["status"]
        assert status == cases[name].entry["status"], name


@pytest.mark.subprocess
def test_tests_expect_that_a_connection_breaks(
    broken: dict[str, Case], sent_by_tests: dict[str, dict[str, Any]]
) -> None:
    for name, case in broken.items():
        assert "pytest.raises" in case.snippets["pytest"]
        assert sent_by_tests[name]["fault"] == case.entry["fault"]


@pytest.mark.subprocess
def test_tests_arrange_what_depends_on_the_world(
    refused: dict[str, Case], sent_by_tests: dict[str, dict[str, Any]]
) -> None:
    for name, case in refused.items():
        assert sent_by_tests[name]["status"] == case.entry["status"], name
    assert '["status"] == "processing"' in refused["poll on its way"].snippets["pytest"]
