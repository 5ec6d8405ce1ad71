"""Tests of JSON: values read, and texts refused, as Go's `encoding/json` does."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

import pytest
from fake_apimart.go.json import MAX_DEPTH, JSONError, match_fields, unmarshal
from fake_apimart.go.json_scanner import Scanner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.go.json_texts import Texts

FIELDS = ("task", "prompt", "n", "image_urls")

VALUES: dict[bytes, Any] = {
    b' {"a":[1,-0.5e1,true,null]} ': {"a": [1, -5.0, True, None]},
    b'"\xff\xe2\x82"': "\ufffd\ufffd\ufffd",
    b'"\xed\xa0\x80"': "\ufffd\ufffd\ufffd",
    rb'"\ud83d\ude00 \ud83d \ude00\ud83d \\ud83d"': "😀 \ufffd \ufffd\ufffd \\ud83d",
    rb'"\ud83d\ud83d\ude00"': "\ufffd😀",
    rb'{"\ud83d":1}': {"\ufffd": 1},
    b"1e999": math.inf,
    b"9" * 5000: math.inf,
    b"9" * 640: 10**640 - 1,
    b'{"a":1,"a":{"b":2}}': {"a": {"b": 2}},
    b'"\x7f"': "\x7f",
}

FAULTS = {
    b"": "unexpected end of JSON input",
    b" \n": "unexpected end of JSON input",
    b"{": "unexpected end of JSON input",
    b'{"a"': "unexpected end of JSON input",
    b'"abc': "unexpected end of JSON input",
    b"[1": "unexpected end of JSON input",
    b"hello": "invalid character 'h' looking for beginning of value",
    b"\xef\xbb\xbf{}": "invalid character 'ï' looking for beginning of value",
    b"\x80": r"invalid character '\u0080' looking for beginning of value",
    b"\x00": r"invalid character '\x00' looking for beginning of value",
    b"'a'": r"invalid character '\'' looking for beginning of value",
    b"NaN": "invalid character 'N' looking for beginning of value",
    b"[-Infinity]": "invalid character 'I' in numeric literal",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b"{a": "invalid character 'a' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 "b"': "invalid character '\"' after object key:value pair",
    b'["a" 1': "invalid character '1' after array element",
    b'["a"}': "invalid character '}' after array element",
    b"{}x": "invalid character 'x' after top-level value",
    b"01": "invalid character '1' after top-level value",
    b"1.5.2": "invalid character '.' after top-level value",
    b'"a\nb"': r"invalid character '\n' in string literal",
    b'"\x1f': r"invalid character '\x1f' in string literal",
    rb'"\x"': "invalid character 'x' in string escape code",
    b'"\\': "invalid character ' ' in string escape code",
    rb'"\u12g4"': r"invalid character 'g' in \u hexadecimal character escape",
    rb'"\u12': r"invalid character ' ' in \u hexadecimal character escape",
    b"-": "invalid character ' ' in numeric literal",
    b"-a": "invalid character 'a' in numeric literal",
    b"1.e5": "invalid character 'e' after decimal point in numeric literal",
    b"1e+x": "invalid character 'x' in exponent of numeric literal",
    b"txue": "invalid character 'x' in literal true (expecting 'r')",
    b"falsy": "invalid character 'y' in literal false (expecting 'e')",
    b"nu": "invalid character ' ' in literal null (expecting 'l')",
    b"[" * (MAX_DEPTH + 1): "invalid character '[' exceeded max depth",
    b'{"":' * (MAX_DEPTH + 1): "invalid character '{' exceeded max depth",
    b"[1,2," * 5000 + b"x": "invalid character 'x' looking for beginning of value",
    b'{"a":1,"b":tru': "invalid character ' ' in literal true (expecting 'e')",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_value_is_read_as_go_reads_it(text: bytes, value: Any) -> None:
    assert unmarshal(text) == value


@pytest.mark.parametrize(("text", "fault"), FAULTS.items(), ids=range(len(FAULTS)))
def test_first_fault_is_named_in_go_s_words(text: bytes, fault: str) -> None:
    with pytest.raises(JSONError) as refusal:
        unmarshal(text)
    assert str(refusal.value) == fault


@pytest.mark.parametrize("depth", [99, 101, 952, MAX_DEPTH])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_taken(depth: int, brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    deep = opening * (depth - 2) + b"[]" + closing * (depth - 2)
    body = unmarshal(b'{"a":1,"deep":' + deep + b',"b":[2]}')
    assert (body["a"], body["b"]) == (1, [2])


@pytest.mark.parametrize("padding", [0, 20_000])
def test_depth_does_not_depend_on_the_interpreter_s_recursion_limit(padding: int) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(JSONError, match="exceeded max depth"):
            unmarshal(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b" " * padding)
    finally:
        sys.setrecursionlimit(limit)


def test_lower_depth_may_be_asked_for() -> None:
    assert unmarshal(b"[[]]", 2) == [[]]
    with pytest.raises(JSONError):
        unmarshal(b"[[[]]]", 2)


def depth_of(value: Any) -> int:
    if not isinstance(value, list | dict):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0)


@given(
    st.recursive(
        st.none() | st.just("[{"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=1), inner),
    )
)
def test_depth_is_counted_in_what_is_read_at_once(value: Any) -> None:
    text = json.dumps(value).encode()
    depth = depth_of(value)
    assert unmarshal(text, max(1, depth)) == value
    if depth > 1:
        with pytest.raises(JSONError, match="exceeded max depth"):
            unmarshal(text, depth - 1)


def test_scanner_takes_what_the_fast_parser_takes() -> None:
    texts = Texts(0)
    for _ in range(5000):
        text = texts.draw()
        try:
            value = unmarshal(text)
        except JSONError:
            with pytest.raises(JSONError):
                Scanner(text, MAX_DEPTH).scan()
        else:
            assert unmarshal(Scanner(text, MAX_DEPTH).scan()) == value


@pytest.mark.parametrize(
    ("text", "fields", "others"),
    [
        (b'{"N":1,"n":2}', {"n": 2}, []),
        (b'{"n":1,"N":2}', {"n": 2}, []),
        (b'{"N":1,"n":2,"N":3}', {"n": 3}, []),
        (b'{"n":1,"N":null}', {"n": 1}, []),
        (b'{"image_urls":["a"],"IMAGE_URLS":null}', {}, []),
        (b'{"n":null}', {}, []),
        ('{"ta\u017f\u212a":"x"}'.encode(), {"task": "x"}, []),
        ('{"ﬁeld":1,"prompt ":2,"İ":3,"a":4,"a":5}'.encode(), {}, ["ﬁeld", "prompt ", "İ", "a"]),
        (b'{"imageUrls":[],"image_Urls":[]}', {"image_urls": []}, ["imageUrls"]),
    ],
)
def test_fields_match_in_any_case(text: bytes, fields: dict[str, Any], others: list[str]) -> None:
    assert match_fields(unmarshal(text), FIELDS) == (fields, others)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
@settings(deadline=None)
def test_what_python_writes_is_read_back(value: Any) -> None:
    assert unmarshal(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    for each in (text, b'"%b"' % text, b"[%b]" % text, b'{"%b":1}' % text):
        with contextlib.suppress(JSONError):
            unmarshal(each)
