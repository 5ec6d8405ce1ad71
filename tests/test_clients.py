"""Real clients make the calls of the vendor's page: curl, requests, and fetch in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from PIL import Image

from tests.generating import picture_at
from tests.harness import KEY, ServerThread

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")

FETCH = """
import { openAsBlob } from 'node:fs';
const [base, key, path] = process.argv.slice(1);
const form = new FormData();
form.append('file', await openAsBlob(path), 'image.jpg');
const response = await fetch(`${base}/v1/uploads/images`, {
  method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: form,
});
const result = await response.json();
const served = await fetch(result.url);
const bytes = Buffer.from(await served.arrayBuffer()).toString('base64');
console.log(JSON.stringify({ status: response.status, result, bytes }));
"""


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a JPEG of about 300 KB, as large as a photo, with Pillow."""
    path = tmp_path_factory.mktemp("pictures") / "image.jpg"
    noise = Image.effect_noise((900, 600), 80)
    noise.convert("RGB").save(path, quality=90)
    return path


def assert_is_upload_of(picture: Path, answer: dict[str, Any]) -> None:
    assert answer["filename"] == "image.jpg"
    assert answer["content_type"] == "image/jpeg"
    assert answer["bytes"] == picture.stat().st_size
    assert httpx.get(answer["url"]).content == picture.read_bytes()


def run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.subprocess
@needs_curl
@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--http1.0",),
        ("--http2",),
        ("--header", "Expect: 100-continue"),
        ("--header", "Transfer-Encoding: chunked"),
        ("--limit-rate", "2M"),
    ],
    ids=" ".join,
)
def test_curl_uploads_a_picture(
    flags: tuple[str, ...], picture: Path, server: ServerThread
) -> None:
    answer = run(
        *("curl", "--silent", "--show-error", "--fail", *flags),
        *("--url", f"{server.url}/v1/uploads/images"),
        *("--header", f"Authorization: Bearer {KEY}"),
        *("--form", f"file=@{picture}"),
    )
    assert_is_upload_of(picture, json.loads(answer))


@pytest.mark.subprocess
@needs_curl
def test_curl_resumes_a_download(picture: Path, tmp_path: Path, server: ServerThread) -> None:
    url = json.loads(
        run(
            *("curl", "--silent", "--form", f"file=@{picture}"),
            *("--header", f"Authorization: Bearer {KEY}", f"{server.url}/v1/uploads/images"),
        )
    )["url"]
    partly = tmp_path / "partly.jpg"
    partly.write_bytes(picture.read_bytes()[:1000])
    run("curl", "--silent", "--fail", "--continue-at", "-", "--output", str(partly), url)
    assert partly.read_bytes() == picture.read_bytes()


def test_requests_uploads_a_picture(picture: Path, server: ServerThread) -> None:
    with picture.open("rb") as file:
        answer = requests.post(
            f"{server.url}/v1/uploads/images",
            headers={"Authorization": f"Bearer {KEY}"},
            files={"file": file},
            timeout=30,
        )
    assert answer.status_code == 200
    assert_is_upload_of(picture, answer.json())


@pytest.mark.subprocess
@needs_node
def test_fetch_uploads_a_picture(picture: Path, server: ServerThread) -> None:
    output = json.loads(
        run("node", "--input-type=module", "--eval", FETCH, server.url, KEY, str(picture))
    )
    assert output["status"] == 200
    assert_is_upload_of(picture, output["result"])


def test_requests_runs_the_whole_workflow(picture: Path, server: ServerThread) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"
    with picture.open("rb") as file:
        uploaded = session.post(f"{server.url}/v1/uploads/images", files={"file": file}).json()
    created = session.post(
        f"{server.url}/v1/images/generations",
        json={
            "model": "gemini-3-pro-image-preview",
            "prompt": "基于这张图片创作变体",
            "image_urls": [{"url": uploaded["url"]}],
            "size": "16:9",
        },
    ).json()
    result = {"status": ""}
    while result["status"] not in ("completed", "failed"):
        result = session.get(f"{server.url}/v1/images/generations/{created['id']}").json()
        time.sleep(0.05)
    assert picture_at(result["url"]).size == (1360, 768)
    session.close()


WORKFLOW = """
import { openAsBlob } from 'node:fs';
const [base, key, path] = process.argv.slice(1);
const headers = { Authorization: `Bearer ${key}` };
const form = new FormData();
form.append('file', await openAsBlob(path), 'image.jpg');
const upload = await fetch(`${base}/v1/uploads/images`, { method: 'POST', headers, body: form });
const { url } = await upload.json();
const generation = await fetch(`${base}/v1/images/generations`, {
  method: 'POST',
  headers: { ...headers, 'Content-Type': 'application/json' },
  body: JSON.stringify({ model: 'gpt-image-2', prompt: 'a cat', image_urls: [url], size: '1:1' }),
});
const id = (await generation.json()).data[0].task_id;
let task;
do {
  await new Promise((resolve) => setTimeout(resolve, 50));
  task = (await (await fetch(`${base}/v1/tasks/${id}`, { headers })).json()).data;
} while (!['completed', 'failed'].includes(task.status));
console.log(task.result.images[0].url[0]);
"""


@pytest.mark.subprocess
@needs_node
def test_fetch_runs_the_whole_workflow(picture: Path, server: ServerThread) -> None:
    output = run("node", "--input-type=module", "--eval", WORKFLOW, server.url, KEY, str(picture))
    assert picture_at(output.strip()).size == (1024, 1024)
