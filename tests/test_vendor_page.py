"""The vendor's code samples, with only the base URL, key and file replaced.

They are read from the vendor's page. We have no right to ship it, so these tests run only where a
copy is available next to the project.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fake_apimart.app import create_app
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.settings.settings import Settings

from tests.generating import picture_at
from tests.harness import JPEG, KEY, ServerThread

PAGE = Path(__file__).parents[2] / "shared" / "contract" / "upload-page.cn.md"
FENCE = re.compile(r"^ *```(\w+) ([^\n]*?)(?: theme=\S+)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs a copy of the vendor's page")


def sample(title: str, number: int = 0) -> str:
    """Return the code under a title of the page, without its indentation."""
    found = [code for _, name, code in FENCE.findall(PAGE.read_text("utf-8")) if name == title]
    lines = found[number].splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines)


def with_base_url(server: ServerThread, code: str) -> str:
    return code.replace("https://api.apimart.ai", server.url).replace("<token>", KEY)


def run(command: list[str], folder: Path) -> str:
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the picture that the samples upload."""
    (tmp_path / "image.jpg").write_bytes(JPEG)
    return tmp_path


def assert_served(url: str) -> None:
    assert httpx.get(url).content == JPEG


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_sample_uploads(folder: Path, server: ServerThread) -> None:
    code = with_base_url(server, sample("cURL")).replace("/path/to/your/image.jpg", "image.jpg")
    assert_served(json.loads(run(["sh", "-c", code], folder))["url"])


@pytest.mark.subprocess
def test_python_sample_uploads(folder: Path, server: ServerThread) -> None:
    output = run([sys.executable, "-c", with_base_url(server, sample("Python"))], folder)
    assert_served(output.split(": ", 1)[1].strip())


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_sample_uploads(folder: Path, server: ServerThread) -> None:
    # The sample takes the file from a form in a browser.
    file_input = (
        "import { readFileSync } from 'node:fs';\n"
        "import { File } from 'node:buffer';\n"
        "const fileInput = { files: [new File([readFileSync('image.jpg')], 'image.jpg')] };\n"
    )
    code = file_input + with_base_url(server, sample("JavaScript"))
    output = run(["node", "--input-type=module", "--eval", code], folder)
    assert_served(output.split(": ", 1)[1].strip())


@pytest.mark.subprocess
def test_whole_workflow_runs(folder: Path, server: ServerThread) -> None:
    (folder / "reference.jpg").write_bytes(JPEG)
    code = with_base_url(server, sample("Python", 1)).replace("your-Apimart-key", KEY)
    uploaded, created, result = run([sys.executable, "-c", code], folder).splitlines()
    assert_served(uploaded.split(": ", 1)[1])
    assert created.split(": ")[1].startswith("task_")
    assert picture_at(result.split(": ", 1)[1]).size == (1360, 768)


@pytest.mark.parametrize(
    ("title", "content"),
    [
        ("400 - 缺少文件字段", None),
        ("400 - 不支持的格式", b"%PDF-1.7\n"),
        ("413 - 文件过大", JPEG + bytes(25_165_824 - len(JPEG))),
    ],
)
def test_refusal_is_the_one_on_the_page(
    title: str, content: bytes | None, client: httpx.Client
) -> None:
    field = "file" if content is not None else "image"
    files = {field: ("a.jpg", content if content is not None else JPEG)}
    answer = client.post("/v1/uploads/images", files=files)
    shown = json.dumps(json.loads(sample(title)), separators=(",", ":"))
    assert (answer.status_code, answer.text) == (int(title[:3]), shown)


def test_answer_has_the_keys_of_the_page(client: httpx.Client) -> None:
    answer = client.post("/v1/uploads/images", files={"file": ("photo.jpg", JPEG)}).json()
    shown = json.loads(sample("200"))
    assert [(key, type(value)) for key, value in answer.items()] == [
        (key, type(value)) for key, value in shown.items()
    ]


def test_document_shows_the_six_bodies_of_the_page() -> None:
    document = create_app(Settings(storage="memory://")).openapi()
    responses = document["paths"]["/v1/uploads/images"]["post"]["responses"]
    shown = {
        (status, bytes(JSONResponse(example["value"]).body))
        for status, response in responses.items()
        for example in response["content"]["application/json"]["examples"].values()
    }
    titles = [
        title for language, title, _ in FENCE.findall(PAGE.read_text("utf-8")) if language == "json"
    ]
    assert len(titles) == 6
    for title in titles:
        assert (title[:3], bytes(JSONResponse(json.loads(sample(title))).body)) in shown
