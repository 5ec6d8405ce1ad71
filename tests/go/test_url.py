"""Tests of URLs: taken and taken apart, or refused, as Go's `net/url` does."""

from __future__ import annotations

import pytest
from fake_apimart.go.url import URL, URLError, parse, parse_query, parse_request_uri
from hypothesis import given, settings
from hypothesis import strategies as st

TAKEN = {
    b"": URL(),
    b"*": URL(path=b"*"),
    b"HTTP://a.example:80/x?y=1#z": URL(b"http", b"", b"a.example:80", b"/x", b"y=1", b"z"),
    b"https://u:p@a.example": URL(b"https", b"u:p", b"a.example"),
    b"http://[::1]:9/": URL(b"http", host=b"[::1]:9", path=b"/"),
    b"http://[fe80::1%25en0]/": URL(b"http", host=b"[fe80::1%25en0]", path=b"/"),
    b"http://\xe5\x9b\xbe/": URL(b"http", host="图".encode(), path=b"/"),
    b"http:///x": URL(b"http", path=b"/x"),
    b"mailto:a@b": URL(b"mailto", opaque=b"a@b"),
    b"a b/c": URL(path=b"a b/c"),
    b"///x": URL(path=b"///x"),
    b"//a/x": URL(host=b"a", path=b"/x"),
}

REFUSED = {
    b"http://[::::": "missing ']' in host",
    b"http://[": "missing ']' in host",
    b"http://[1.2.3.4]/": "invalid IP-literal",
    b"http://a[::1]/": "invalid IP-literal",
    b"http://a:b/": 'invalid port ":b" after host',
    b"http://a:1:2/": 'invalid port ":1:2" after host',
    b"http://[::1]x/": 'invalid port "x" after host',
    b"http://a b/": 'invalid character " " in host name',
    b"http://%41/": 'invalid URL escape "%41"',
    b"http://a/%zz": 'invalid URL escape "%zz"',
    b"http://a/#%z": 'invalid URL escape "%z"',
    b"http://a/\n": "net/url: invalid control character in URL",
    b"http://^@a/": "net/url: invalid userinfo",
    b":x": "missing protocol scheme",
    b"1:2": "first path segment in URL cannot contain colon",
}


@pytest.mark.parametrize(("text", "url"), TAKEN.items())
def test_url_is_taken_apart_as_go_does(text: bytes, url: URL) -> None:
    assert parse(text) == url


@pytest.mark.parametrize(("text", "error"), REFUSED.items())
def test_text_that_is_no_url_is_refused_in_go_s_words(text: bytes, error: str) -> None:
    with pytest.raises(URLError) as refusal:
        parse(text)
    assert str(refusal.value) == error


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (b"*", URL(path=b"*")),
        (b"//a/x#y?z", URL(path=b"//a/x#y", query=b"z")),
        (b"http://a/x", URL(b"http", host=b"a", path=b"/x")),
    ],
)
def test_target_of_a_request_is_read_as_go_does(target: bytes, url: URL) -> None:
    assert parse_request_uri(target) == url


@pytest.mark.parametrize("target", [b"", b"x", b"x/y", b"?x", b"/%", b"/\x7f"])
def test_target_that_is_no_path_is_refused(target: bytes) -> None:
    with pytest.raises(URLError):
        parse_request_uri(target)


@pytest.mark.parametrize(
    ("text", "hostname", "port"),
    [
        (b"http://A.Example:80/", "a.example", "80"),
        (b"http://[::1]:9/", "::1", "9"),
        (b"http://[::1]/", "::1", ""),
        (b"http://a/", "a", ""),
        (b"/x", "", ""),
    ],
)
def test_host_is_split_into_name_and_port(text: bytes, hostname: str, port: str) -> None:
    url = parse(text)
    assert (url.hostname, url.port) == (hostname, port)


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"a=1&a=2", [(b"a", b"1"), (b"a", b"2")]),
        (b"a=1;b=2&c=3", [(b"c", b"3")]),
        (b"a=%zz&b=%&%=c&d=%4", []),
        (b"a+b=c+d", [(b"a b", b"c d")]),
        (b"%61=%ff%00&=x&y&z==", [(b"a", b"\xff\0"), (b"", b"x"), (b"y", b""), (b"z", b"=")]),
        (b"\xff=\xe9", [(b"\xff", b"\xe9")]),
    ],
)
def test_query_is_parsed_without_its_faulty_pairs(
    query: bytes, pairs: list[tuple[bytes, bytes]]
) -> None:
    assert list(parse_query(query)) == pairs


@given(st.binary() | st.text("http:/[]@%25#?a1. ").map(str.encode))
@settings(deadline=None)
def test_any_text_is_a_url_or_refused(text: bytes) -> None:
    try:
        url = parse(text)
    except URLError:
        return
    assert isinstance(url.hostname, str)
