"""The playground: the loop of upload, generation, polls and download, by hand."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart
from PIL import Image

from tests.browser.sync_api import expect
from tests.harness import PNG, ServerThread

pytestmark = pytest.mark.subprocess

PLAYGROUND = "/_fake/page/playground"
KEY = "sk-fake-playground"
GIVE = """([content, name, type, event]) => {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], name, { type }));
  const options = { bubbles: true, cancelable: true };
  document.querySelector("#drop").dispatchEvent(
    event === "paste"
      ? new ClipboardEvent("paste", { ...options, clipboardData: given })
      : new DragEvent("drop", { ...options, dataTransfer: given }));
}"""
"""What a browser does when somebody drops or pastes a file."""


def give(page: Any, content: bytes, name: str, event: str = "drop") -> None:
    page.evaluate(GIVE, [base64.b64encode(content).decode(), name, "image/png", event])


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_picture_goes_up_by_the_real_operation(
    open_page: Any, server: ServerThread, way: str
) -> None:
    page = open_page(PLAYGROUND)
    if way == "choose":
        file = {"name": "mine.png", "mimeType": "image/png", "buffer": PNG}
        page.locator("#file").set_input_files(file)
    else:
        give(page, PNG, "mine.png", way)
    expect(page.locator("#upload-outcome .chip").first).to_have_text("200")
    uploads = FakeAPIMart(server.url, api_key=KEY).uploads
    assert [(each.filename, each.read()) for each in uploads] == [("mine.png", PNG)]
    expect(page.locator("#image-url")).to_have_value(uploads[0].url)


def test_newcomer_runs_the_whole_loop_to_a_picture(open_page: Any, server: ServerThread) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_role("button", name="A sample picture").click()
    expect(page.locator("#upload-outcome")).to_contain_text("sunset.png")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#generate-outcome")).to_contain_text("task_id")
    expect(page.locator("#poll-status")).to_contain_text("completed")
    picture = page.locator("#results img")
    expect(picture).to_be_visible()
    content = httpx.get(server.url + picture.get_attribute("src")).content
    assert Image.open(io.BytesIO(content)).size == (1024, 1024)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == content
    task = FakeAPIMart(server.url, api_key=KEY).tasks[0]
    assert (task.status, len(task.references)) == ("completed", 1)


@pytest.mark.parametrize(
    ("sample", "status", "message"),
    [
        ("A text file", "400", "unsupported image type: text/plain"),
        ("A picture that is too large", "413", "file size"),
    ],
)
def test_wrong_file_shows_the_refusal(
    open_page: Any, sample: str, status: str, message: str
) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_role("button", name=sample).click()
    expect(page.locator("#upload-outcome .chip").first).to_have_text(status)
    expect(page.locator("#upload-outcome .note.bad")).to_contain_text(message)


def test_refusal_of_a_generation_is_shown(open_page: Any) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_label("Size").fill("gigantic")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#generate-outcome .chip").first).to_have_text("400")


def test_server_that_is_away_is_said(open_page: Any) -> None:
    page = open_page(PLAYGROUND)
    page.context.set_offline(True)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#generate-outcome")).to_contain_text("The server does not answer.")


def test_generation_waits_for_the_upload_that_is_on_its_way(
    open_page: Any, server: ServerThread
) -> None:
    FakeAPIMart(server.url, api_key=KEY).fail("uploads.create", delay=1.5, times=1)
    page = open_page(PLAYGROUND)
    give(page, PNG, "mine.png")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#generate-outcome")).to_contain_text("task_id")
    assert len(FakeAPIMart(server.url, api_key=KEY).tasks[0].references) == 1


@pytest.mark.parametrize("key", ["sk-fake-playground--猫", "éü"])
def test_key_may_have_any_letters(open_page: Any, key: str) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_label("API key").fill(key)
    give(page, PNG, "mine.png")
    expect(page.locator("#upload-outcome .chip").first).to_have_text("200")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#poll-status")).to_contain_text("completed")


def test_failure_of_a_task_is_told_in_its_words(open_page: Any) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_label("Prompt").fill("a cat [fake: fail=no cats today]")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#poll-problem")).to_have_text("no cats today")
    page.get_by_label("Prompt").fill("a dog")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#results img")).to_have_count(1)
    expect(page.locator("#poll-problem")).to_be_hidden()


def test_what_is_left_empty_is_not_sent(open_page: Any, server: ServerThread) -> None:
    page = open_page(PLAYGROUND)
    page.get_by_label("Size").fill("")
    page.get_by_label("Pictures").fill("")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#generate-outcome")).to_contain_text("task_id")
    sent = FakeAPIMart(server.url, api_key=KEY).requests.matching("generations.create")[0]
    assert sent.json.keys() == {"model", "prompt"}
