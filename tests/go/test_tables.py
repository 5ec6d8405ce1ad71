"""Go's small functions, each compared with a table of Go's own results."""

from __future__ import annotations

from typing import Any

import pytest
from fake_apimart.go import path, strconv, url
from fake_apimart.go.json import marshal
from fake_apimart.go.mime import MediaTypeError, parse_media_type


@pytest.mark.parametrize(
    ("name", "base"),
    [
        (b"", b"."),
        (b"/", b"/"),
        (b"///", b"/"),
        (b"a", b"a"),
        (b"a/", b"a"),
        (b"/a/b//", b"b"),
        (b"../../etc/passwd", b"passwd"),
        (b"..", b".."),
        (b"C:\\x\\y.png", b"C:\\x\\y.png"),
        (b"a\x00/b", b"b"),
    ],
)
def test_base_of_a_path(name: bytes, base: bytes) -> None:
    assert path.base(name) == base


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (b"plain", '"plain"'),
        (b'a"b\\c', r'"a\"b\\c"'),
        (b"\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        (b"\x00\x1b\x7f", r'"\x00\x1b\x7f"'),
        (b"\xff\xfe", r'"\xff\xfe"'),
        ("照片".encode(), '"照片"'),
        ("\u200b".encode(), r'"\u200b"'),
        ("\U000e0001".encode(), r'"\U000e0001"'),
        ("🎨".encode(), '"🎨"'),
    ],
)
def test_quoted_text(text: bytes, quoted: str) -> None:
    assert strconv.quote(text) == quoted


@pytest.mark.parametrize(
    ("segment", "escaped"),
    [
        (b"abcXYZ019-_.~$&+:=@", "abcXYZ019-_.~$&+:=@"),
        (
            b" !\"#%'()*,/;<>?[\\]^`{|}",
            "%20%21%22%23%25%27%28%29%2A%2C%2F%3B%3C%3E%3F%5B%5C%5D%5E%60%7B%7C%7D",
        ),
        ("照".encode(), "%E7%85%A7"),
        (b"\x00\xff", "%00%FF"),
    ],
)
def test_escaped_path_segment(segment: bytes, escaped: str) -> None:
    assert url.path_escape(segment) == escaped


SEMICOLON = "invalid semicolon separator in query"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (b"", None),
        (b"a=b&c=%41+%20", None),
        (b"a;b", SEMICOLON),
        (b"%zz&a;b", SEMICOLON),
        (b"%zz", 'invalid URL escape "%zz"'),
        (b"a=%", 'invalid URL escape "%"'),
        (b"a=%4", 'invalid URL escape "%4"'),
        (b"%4=1", 'invalid URL escape "%4"'),
        (b"a=%gg&b=%hh", 'invalid URL escape "%gg"'),
        (b"a=%\xff\xfe", r'invalid URL escape "%\xff\xfe"'),
    ],
)
def test_error_of_a_query_string(query: bytes, error: str | None) -> None:
    assert url.query_error(query) == error


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"b": 1, "a": [True, None, 0.5]}, b'{"b":1,"a":[true,null,0.5]}'),
        ("<a> & 'b'", rb'''"\u003ca\u003e \u0026 'b'"'''),
        ("照\u2028\u2029", '"照\\u2028\\u2029"'.encode()),
        ('\x00\n\t\x1f"\\/', rb'"\u0000\n\t\u001f\"\\/"'),
        ("\b\f", rb'"\b\f"'),
        ("\udcff\ud800", rb'"\ufffd\ufffd"'),
        ("\x7f", b'"\x7f"'),
    ],
)
def test_json_text(given: Any, written: bytes) -> None:
    assert marshal(given) == written


MEDIA_TYPES: list[tuple[bytes, bytes, dict[bytes, bytes]]] = [
    (b"text/plain", b"text/plain", {}),
    (b" Text/Plain ; A=b", b"text/plain", {b"a": b"b"}),
    (
        b'form-data; name="a;b"; filename="x\\"y"',
        b"form-data",
        {b"name": b"a;b", b"filename": b'x"y'},
    ),
    (b'form-data; filename="C:\\x"', b"form-data", {b"filename": b"C:\\x"}),
    (b"form-data; name=a;", b"form-data", {b"name": b"a"}),
    (b"form-data; name=a; name=a", b"form-data", {b"name": b"a"}),
    (b"form-data; f*=UTF-8''%E7%85%A7", b"form-data", {b"f": "照".encode()}),
    (b"form-data; f=x; f*=UTF-8''y", b"form-data", {b"f": b"y"}),
    (b"form-data; f*=latin1''%E9", b"form-data", {}),
    (b"form-data; f*=UTF-8''%zz", b"form-data", {}),
    (b"form-data; f*=x", b"form-data", {}),
    (b"form-data; f*0=a; f*1=b", b"form-data", {b"f": b"ab"}),
    (b"form-data; f*0*=utf-8''%41; f*1*=%42; f*2=c", b"form-data", {b"f": b"ABc"}),
    (b"form-data; f*0=a; f*2=c", b"form-data", {b"f": b"a"}),
    (b"form-data; f*1=b", b"form-data", {}),
    (b"\xe3\x80\x80text/plain\xc2\xa0", b"text/plain", {}),
]


@pytest.mark.parametrize(("value", "media_type", "parameters"), MEDIA_TYPES)
def test_media_type(value: bytes, media_type: bytes, parameters: dict[bytes, bytes]) -> None:
    assert parse_media_type(value) == (media_type, parameters)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b";",
        b"text/",
        b"/plain",
        b"a/b/c",
        b"a b",
        b"a; b",
        b"a; b=",
        b'a; b="c',
        b'a; b="c\r\n"',
        b"a; b=c d",
        b"a; b=c; b=d",
        b"a; b==c",
        b"a, b=c",
    ],
)
def test_malformed_media_type(value: bytes) -> None:
    with pytest.raises(MediaTypeError):
        parse_media_type(value)
