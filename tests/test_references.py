"""References: files of this server must exist and decode; other hosts are never contacted."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.generating import NOW, create, poll, task_id_of, upload
from tests.harness import DATA, JPEG, ServerThread, StoppedClock

AT_ONCE = {"fake_apimart": {"seconds": 0, "polls": 0}}
BOMB = (DATA / "mime_samples" / "png-bomb-60000x60000.png").read_bytes()


def outcome(server: ServerThread, *urls: Any) -> str:
    """Create a task with these references; return its status, or the message of its failure."""
    task_id = task_id_of(create(server, image_urls=list(urls), metadata=AT_ONCE))
    data = poll(server, task_id)
    return str(data["error"]["message"] if data["status"] == "failed" else data["status"])


def test_uploads_are_good_references_in_either_form(server: ServerThread) -> None:
    url = upload(server, JPEG)
    assert outcome(server, url, {"url": url}) == "completed"


def test_upload_is_ours_under_any_host_name(server: ServerThread) -> None:
    # A file that does not decode: files of other hosts are trusted, so only ours fails.
    url = upload(server, JPEG[: len(JPEG) // 2]).replace("127.0.0.1", "fake-apimart")
    broken = "image_urls[0] is no picture that decodes: "
    assert outcome(server, url).startswith(broken)
    assert outcome(server, url.replace("/f/image/", "/image/") + "?x=y").startswith(broken)


def test_missing_file_of_ours_fails_the_task_and_is_named(server: ServerThread) -> None:
    url = upload(server, JPEG)
    missing = f"{server.url}/f/image/nothing.jpg"
    assert (
        outcome(server, url, missing) == f"image_urls[1] cannot be read (no such file): {missing}"
    )


def test_any_other_path_of_ours_fails_the_task(server: ServerThread) -> None:
    assert outcome(server, f"{server.url}/x.png").startswith("image_urls[0] cannot be read")


def test_missing_file_at_the_public_url_fails_the_task(start_server: StartServer) -> None:
    server = start_server(public_url="https://upload.example")
    message = outcome(server, "https://upload.example/f/image/nothing.jpg")
    assert message.startswith("image_urls[0] cannot be read")


def test_expired_file_fails_the_task(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock)
    url = upload(server, JPEG)
    clock.advance(259_200)
    assert outcome(server, url).startswith("image_urls[0] cannot be read (expired): ")


def test_other_hosts_are_never_contacted(server: ServerThread) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        url = f"http://127.0.0.1:{other.getsockname()[1]}/picture.png"
        assert outcome(server, url) == "completed"
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize(
    "content", [JPEG[: len(JPEG) // 2], b"\xff\xd8\xff\xe0 no picture"], ids=len
)
def test_upload_that_does_not_decode_fails_the_task(content: bytes, server: ServerThread) -> None:
    message = outcome(server, upload(server, content))
    assert message.startswith("image_urls[0] is no picture that decodes: ")


def test_upload_of_too_many_pixels_fails_the_task_and_both_numbers_are_named(
    server: ServerThread,
) -> None:
    url = upload(server, BOMB)
    stated = "image_urls[0] has 3600000000 pixels, more than the 200000000 that are decoded"
    assert outcome(server, url) == f"{stated}: {url}"


def test_base64_is_a_reference_where_a_setting_takes_it(start_server: StartServer) -> None:
    server = start_server(accept_base64=True)
    good = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
    assert outcome(server, good) == "completed"
    assert "cannot be read" in outcome(server, "data:image/png;base64,***")
    assert "cannot be read" in outcome(server, "data:image/png,abc")
    assert "no picture that decodes" in outcome(server, "data:image/png;base64,AAAA")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://[",
            "http://[::::",
            "http://[x]/a.png",
            "http://a:b/",
            "http://a b/",
            "http://%zz/",
        ),
        *(
            "http://a/%zz",
            "http:a.png",
            "http://",
            "https:///a.png",
            "ftp://a",
            "a.png",
            "\x00",
            ":",
        ),
    ],
)
def test_what_is_no_url_is_refused(url: str, server: ServerThread) -> None:
    for name, answer in {
        "image_urls[0]": create(server, image_urls=[url]),
        "mask_url": create(server, mask_url=url),
    }.items():
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == f"{name} must be an http or https URL"


def test_mask_may_be_any_url(server: ServerThread) -> None:
    assert create(server, mask_url="http://other.example/mask.png").status_code == 200


def test_result_may_be_a_reference(server: ServerThread) -> None:
    first = poll(server, task_id_of(create(server, metadata=AT_ONCE)))
    assert outcome(server, first["result"]["images"][0]["url"][0]) == "completed"


def test_every_accepted_sample_makes_a_task_that_ends(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    samples = json.loads((DATA / "mime_samples" / "expected.json").read_text())["samples"]
    outcomes = set()
    for sample in samples:
        if sample["accept"]:
            content = (DATA / "mime_samples" / sample["name"]).read_bytes()
            outcomes.add(outcome(server, upload(server, content)).split(":")[0])
    too_large = "image_urls[0] has 3600000000 pixels, more than the 200000000 that are decoded"
    assert outcomes == {"completed", "image_urls[0] is no picture that decodes", too_large}
