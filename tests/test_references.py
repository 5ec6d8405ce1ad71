"""References: files of this server must exist and decode; other hosts are never contacted."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

import pytest
from fake_apimart.common.redaction import redacted_urls
from fake_apimart.go.url import URLError
from fake_apimart.pictures.own_urls import OwnUrls, parse_http_url
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.generating import NOW, create, poll, task_id_of, upload
from tests.harness import JPEG, RECORDED, ServerThread, StoppedClock
from tests.profiles import examples

AT_ONCE = {"fake_apimart": {"seconds": 0, "polls": 0}}
BOMB = (RECORDED / "mime" / "png-bomb-60000x60000.png").read_bytes()


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


def own_forms(url: str) -> dict[str, str]:
    """Return other ways to write a URL of this server, each with a name."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.partition(":")
    return {
        "capitals": f"{scheme.upper()}://{authority.upper()}/{path}",
        "user": f"{scheme}://user:p%40ss@{authority}/{path}",
        "user without a password": f"{scheme}://user@{authority}/{path}",
        "port with zeros": f"{scheme}://{host}:0{port}/{path}",
        "dot": f"{scheme}://{host}.:{port}/{path}",
        "escapes": url.replace("/f/image/", "/%66%2Fimage/"),
        "doubled slashes": f"{scheme}://{authority}//{path.replace('/', '//')}",
        "query and fragment": f"{url}?a=b#c",
    }


FORMS = list(own_forms("http://h:1/p"))


@pytest.mark.parametrize("form", FORMS)
def test_own_url_is_known_in_any_form(form: str, server: ServerThread) -> None:
    broken = own_forms(upload(server, JPEG[: len(JPEG) // 2]))[form]
    assert outcome(server, broken).startswith("image_urls[0] is no picture that decodes: ")
    missing = own_forms(f"{server.url}/f/image/nothing.jpg")[form]
    assert outcome(server, missing) == (
        f"image_urls[0] cannot be read (no such file): {redacted_urls(missing)}"
    )
    assert outcome(server, own_forms(upload(server, JPEG))[form]) == "completed"


PUBLIC_URLS = [
    "https://upload.example",
    "HTTPS://Upload.Example:443/",
    "https://user:pass@upload.example./some/path/",
    "http://[2001:db8:0:0::1]:80/some//p%61th",
    "https://b\u00fccher.example/\u7167",
    "https://upload.example/f/image",
]


@pytest.mark.parametrize("public_url", PUBLIC_URLS)
def test_url_that_the_server_gave_is_its_own(public_url: str, start_server: StartServer) -> None:
    server = start_server(public_url=public_url)
    url = upload(server, JPEG)
    assert url.startswith(public_url.rstrip("/"))
    assert outcome(server, url) == "completed"
    broken = upload(server, JPEG[: len(JPEG) // 2])
    assert outcome(server, broken).startswith("image_urls[0] is no picture that decodes: ")
    missing = f"{url[: url.rindex('/')]}/nothing.jpg"
    assert outcome(server, missing) == (
        f"image_urls[0] cannot be read (no such file): {redacted_urls(missing)}"
    )


SAME_HOSTS = [
    ("http://upload.example", "http://UPLOAD.example:80/x.png"),
    ("http://upload.example:80", "http://upload.example/x.png"),
    ("https://upload.example", "https://upload.example.:443/x.png"),
    ("http://[2001:db8::1]", "http://[2001:DB8:0:0:0:0:0:1]:80/x.png"),
    ("http://b\u00fccher.example", "http://xn--bcher-kva.example/x.png"),
    ("http://xn--bcher-kva.example", "http://b%C3%BCcher.example/x.png"),
]
OTHER_HOSTS = [
    ("http://upload.example", "http://upload.example:8080/x.png"),
    ("http://upload.example:443", "http://upload.example/x.png"),
    ("http://upload.example", "http://upload.example.org/x.png"),
    ("http://upload.example", "http://upload.example@other.example/x.png"),
    ("http://[2001:db8::1]", "http://[2001:db8::2]/x.png"),
    ("http://upload.example", "http://\u2100\u2100/x.png"),
    ("http://upload.example", f"http://upload.example:{'9' * 5000}/x.png"),
]


@pytest.mark.parametrize(
    ("public_url", "url", "is_own"),
    [*((*pair, True) for pair in SAME_HOSTS), *((*pair, False) for pair in OTHER_HOSTS)],
    ids=repr,
)
def test_hosts_are_compared_as_hosts(public_url: str, url: str, is_own: bool) -> None:
    own = OwnUrls(public_url)
    assert own.has_host_of(parse_http_url(url)) == is_own


@given(st.text() | st.text().map("http://{}".format) | st.text().map("http://[{}]:80/".format))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = parse_http_url(text)
    except URLError:
        return
    own = OwnUrls(text)
    assert own.has_host_of(url)
    own.key_of(url)


@settings(max_examples=examples(30), deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_any_text_as_a_reference_is_never_a_fault_of_the_server(
    server: ServerThread, text: str
) -> None:
    for url in (text, f"http://{text}", f"http://a/{text}", f"{server.url}/f/image/{text}"):
        answer = create(server, image_urls=[url], metadata=AT_ONCE)
        assert answer.status_code in {200, 400}, answer.text
        assert create(server, mask_url=url).status_code in {200, 400}


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
    masked = create(server, mask_url="http://other.example/mask.png", metadata=AT_ONCE)
    assert poll(server, task_id_of(masked))["status"] == "completed"


def test_mask_of_ours_must_be_there_and_decode(server: ServerThread) -> None:
    missing, broken = f"{server.url}/f/image/gone.png", upload(server, JPEG[: len(JPEG) // 2])
    for url, problem in {
        upload(server, JPEG): None,
        missing: f"mask_url cannot be read (no such file): {missing}",
        broken: f"mask_url is no picture that decodes: {broken}",
    }.items():
        data = poll(server, task_id_of(create(server, mask_url=url, metadata=AT_ONCE)))
        assert data.get("error", {}).get("message") == problem


def test_result_may_be_a_reference(server: ServerThread) -> None:
    first = poll(server, task_id_of(create(server, metadata=AT_ONCE)))
    assert outcome(server, first["result"]["images"][0]["url"][0]) == "completed"


def test_every_accepted_sample_makes_a_task_that_ends(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    samples = json.loads((RECORDED / "mime" / "expected.json").read_text())["samples"]
    outcomes = set()
    for sample in samples:
        if sample["accept"]:
            content = (RECORDED / "mime" / sample["name"]).read_bytes()
            outcomes.add(outcome(server, upload(server, content)).split(":")[0])
    too_large = "image_urls[0] has 3600000000 pixels, more than the 200000000 that are decoded"
    assert outcomes == {"completed", "image_urls[0] is no picture that decodes", too_large}
