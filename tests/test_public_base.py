"""What URLs begin with: the public URL, hosts that are allowed, and what trusted proxies say."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fake_apimart.gateway.public_base import Arrival
from fake_apimart.go.url import parse
from fake_apimart.settings.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi_calls import Answer, ask, body, head, running, upload
from tests.conftest import StartServer
from tests.harness import AUTHORIZED, FORM_TYPE, JPEG, exchange, form, upload_request

FORM = FORM_TYPE["Content-Type"]
PROXY = "10.0.0.7"
TRUSTED = {"trusted_proxies": "10.0.0.0/8,fd00::/8,192.0.2.1"}
HTTPS = {"x_forwarded_proto": "https"}


def base_of(peer: str | None, settings: dict[str, str], **headers: str | None) -> str:
    """Return the base of an upload's URL; the request came to http://own.example:8000."""

    async def use() -> Answer:
        async with running(**settings) as app:
            given = head(**{"host": "own.example:8000", "content_type": FORM, **headers})
            return await upload(app, headers=given, client=(peer, 1) if peer else None)

    answer = asyncio.run(use())
    assert answer.status == 200
    return str(answer.json()["url"]).partition("/f/image/")[0]


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.1.2.3", "fd00::1", "fd00::1%eth0", "192.0.2.1"])
def test_word_of_a_trusted_proxy_counts(peer: str) -> None:
    stated = {"x_forwarded_host": "Files.example:444", "x_forwarded_prefix": "/some/path/"}
    assert base_of(peer, TRUSTED, **HTTPS, **stated) == "https://Files.example:444/some/path"


@pytest.mark.parametrize("peer", ["127.0.0.1", "11.0.0.1", "192.0.2.2", "fe80::1", "", None])
def test_word_of_anybody_else_is_ignored(peer: str | None) -> None:
    stated = {"x_forwarded_host": "evil.example", "x_forwarded_prefix": "/evil"}
    assert base_of(peer, TRUSTED, **HTTPS, **stated) == "http://own.example:8000"
    assert base_of(PROXY, {}, **HTTPS, **stated) == "http://own.example:8000"


PLAIN = "http://own.example:8000"
STATED = [
    ({"x_forwarded_proto": "HTTPS"}, "https://own.example:8000"),
    ({"x_forwarded_host": "[2001:db8::1]:8443"}, "http://[2001:db8::1]:8443"),
    ({"x_forwarded_prefix": "/a-b/%E7%8C%AB"}, f"{PLAIN}/a-b/%E7%8C%AB"),
    ({"x_forwarded_prefix": "/"}, PLAIN),
    *(
        ({"x_forwarded_proto": each}, PLAIN)
        for each in ("", "ftp", "https, http", "https://", "javascript", "https\xa0")
    ),
    *(
        ({"x_forwarded_host": each}, PLAIN)
        for each in (
            *("", "a.example, b.example", "u:p@a.example", "a.example/x", "a b", "[::1", "[x]"),
            *(
                "a.example:99999",
                "a.example:",
                "a.example:x",
                "a.example?x",
                'a"b',
                "a\\b",
                "é",
                "/",
            ),
        )
    ),
    *(
        ({"x_forwarded_prefix": each}, PLAIN)
        for each in (
            *("fake", "//evil.example", "/a//b", "/..", "/a/../b", "/./a", "/a/.", "/%2e%2e/a"),
            *("/a%2fb", "/a%5cb", "/a%", "/a%zz", "/a b", '/a"b', "/a'b", "/a<b", "/a\\b", "/a?b"),
            *("/a#b", "/a, /b", "/%0d%0ax", "/%00", "/é", "https://evil.example/"),
        )
    ),
]


@pytest.mark.parametrize(("stated", "base"), STATED)
def test_statement_that_makes_no_url_is_ignored(stated: dict[str, str], base: str) -> None:
    assert base_of(PROXY, TRUSTED, **stated) == base


def test_statement_that_is_repeated_is_ignored() -> None:
    headers = [(b"x-forwarded-host", b"a.example"), (b"x-forwarded-host", b"b.example")]
    arrival = Arrival("http", "own.example", "", "127.0.0.1:1", PROXY, headers)
    settings = Settings.model_validate({"storage": "memory://", **TRUSTED})
    assert arrival.base_url(settings) == "http://own.example"


STATEMENT = st.one_of(
    st.text(max_size=20),
    st.text(alphabet=st.sampled_from("/.%2eEf5C:@[]?#\"'<> \\ab,"), max_size=20),
    st.text(max_size=10).map("/{}".format),
)


@given(STATEMENT, STATEMENT, STATEMENT, STATEMENT)
def test_whatever_is_stated_makes_a_url(proto: str, host: str, prefix: str, own: str) -> None:
    stated = {"proto": proto, "host": host, "prefix": prefix}
    headers = [
        (f"x-forwarded-{name}".encode(), value.encode("latin-1", "replace"))
        for name, value in stated.items()
    ]
    arrival = Arrival("http", own, "/root", "127.0.0.1:1", PROXY, headers)
    settings = Settings.model_validate({"storage": "memory://", **TRUSTED})
    base = arrival.base_url(settings)
    url = parse(f"{base}/f/image/x.png".encode())
    assert url.scheme in (b"http", b"https")
    assert url.hostname
    assert url.path.endswith(b"/root/f/image/x.png")
    assert not {b"..", b".", b""}.intersection(url.path.split(b"/")[1:])
    assert (url.query, url.fragment, url.user_info) == (b"", b"", b"")
    assert base.isascii()
    assert base.isprintable()
    assert not set(base) & set("\"'<>\\ ")


HOSTS = {"public_hosts": "files.example, 10.0.0.5:8080,[2001:db8::1]:80"}
PINNED = [
    ("files.example", "http://files.example"),
    ("FILES.example.:80", "http://FILES.example.:80"),
    ("10.0.0.5:8080", "http://10.0.0.5:8080"),
    ("[2001:db8:0::1]", "http://[2001:db8:0::1]"),
    ("files.example:8080", "http://files.example"),
    ("10.0.0.5", "http://files.example"),
    ("evil.example", "http://files.example"),
    ("127.0.0.1", "http://files.example"),
    ("files.example.evil.example", "http://files.example"),
    ("bad host", "http://files.example"),
    ("", "http://files.example"),
    (None, "http://files.example"),
]


@pytest.mark.parametrize(("host", "base"), PINNED)
def test_url_names_an_allowed_host(host: str | None, base: str) -> None:
    assert base_of(PROXY, HOSTS, host=host) == base


def test_host_that_a_proxy_states_must_be_allowed_too() -> None:
    both = {**TRUSTED, **HOSTS}
    allowed = {"x_forwarded_host": "10.0.0.5:8080"}
    assert base_of(PROXY, both, **HTTPS, **allowed) == "https://10.0.0.5:8080"
    assert base_of(PROXY, both, **HTTPS, x_forwarded_host="evil.example") == "https://files.example"
    assert base_of(PROXY, both, **HTTPS) == "https://files.example"


def test_public_url_wins() -> None:
    settings = {**TRUSTED, **HOSTS, "public_url": "https://cdn.example/base"}
    stated = {"x_forwarded_host": "10.0.0.5:8080", "x_forwarded_prefix": "/x"}
    assert base_of(PROXY, settings, **stated) == "https://cdn.example/base"


def failure_of(url: str, settings: dict[str, Any], headers: dict[str, str]) -> str | None:
    """Return why a task fails whose reference is `url`, or None where it does not."""

    async def use() -> Answer:
        async with running(task_seconds=0, task_polls=0, **settings) as app:
            stored = await upload(app, form(JPEG), headers=head(content_type=FORM))
            there = str(stored.json()["url"]).rpartition("/")[2]
            create = b'{"model":"m","prompt":"p","image_urls":["%b"]}'
            created = await ask(
                app,
                body(create % url.replace("THERE", there).encode()),
                method="POST",
                path="/v1/images/generations",
                headers=head(**headers),
                client=(PROXY, 1),
            )
            return await ask(app, path=f"/v1/tasks/{created.json()['data'][0]['task_id']}")

    data = asyncio.run(use()).json()["data"]
    return data["error"]["message"] if data["status"] == "failed" else None


OWN = ["http://files.example", "https://files.example", "https://10.0.0.5:8080", "http://127.0.0.1"]


@pytest.mark.parametrize("base", OWN)
def test_references_to_all_public_hosts_are_our_own(base: str) -> None:
    problem = failure_of(f"{base}/f/image/nothing.png", HOSTS, {})
    assert problem is not None
    assert "no such file" in problem
    assert failure_of("http://other.example/f/image/nothing.png", HOSTS, {}) is None


def test_reference_below_a_proxy_s_path_is_our_own() -> None:
    stated = {"x_forwarded_host": "files.example", "x_forwarded_prefix": "/some/path"}
    url = "http://files.example/some/path/f/image/"
    assert failure_of(f"{url}THERE", TRUSTED, stated) is None
    assert failure_of(f"{url}nothing.png", TRUSTED, stated) is not None


def test_paths_that_a_client_follows_begin_with_the_prefix(start_server: StartServer) -> None:
    trusting, other = start_server(trusted_proxies="127.0.0.1"), start_server()
    for server, prefix in ((trusting, "/some/path"), (other, "")):
        with httpx.Client(
            base_url=server.url, headers={**AUTHORIZED, "X-Forwarded-Prefix": "/some/path/"}
        ) as client:
            moved = client.get("/v1/tasks/x/?language=en")
            assert moved.headers["location"] == f"{prefix}/v1/tasks/x?language=en"
            assert f'href="{prefix}/v1/tasks/x?' in moved.text
            sent_on = client.post("/v1/uploads/images/")
            assert sent_on.headers["location"] == f"{prefix}/v1/uploads/images"
            servers = client.get("/openapi.json").json()["servers"]
            assert servers == [{"url": prefix or "/"}]
            for path in ("/docs", "/_fake/docs"):
                page = client.get(path).text
                assert f'src="{prefix}/_fake/swagger-ui/' in page
                assert f'url: "{prefix}/openapi.json"' in page
                assert f'startsWith("{prefix}/_fake/")' in page


def test_poll_url_and_results_name_what_the_proxy_states(start_server: StartServer) -> None:
    server = start_server(trusted_proxies="127.0.0.1,::1", task_seconds=0, task_polls=0)
    content = b'{"model":"m","prompt":"p"}'
    stated = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: api.example\r\n"
    head_of = "{} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nConnection: close\r\n" + stated
    request = head_of.format("POST /v1/images/generations").encode() + (
        b"X-APIMart-Response-Version: 2026-07-27\r\nContent-Length: %d\r\n\r\n%b"
        % (len(content), content)
    )
    answer = exchange(server.address, request)
    poll_url = answer.partition(b'"poll_url":"')[2].partition(b'"')[0].decode()
    assert poll_url.startswith("https://api.example/v1/tasks/task_")
    polled = exchange(
        server.address, head_of.format(f"GET {urlsplit(poll_url).path}").encode() + b"\r\n"
    )
    assert b'"https://api.example/f/image/' in polled


def test_words_of_a_client_are_ignored_by_default(start_server: StartServer) -> None:
    server = start_server()
    answer = exchange(
        server.address,
        upload_request(
            form(JPEG), {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        ),
    )
    assert b'"url":"http://127.0.0.1/f/image/' in answer
