"""Counting the values of a JSON text before it is parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_apimart.common.json_values import ValueCounter, has_too_many_values
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('a",\\[{}]:é')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('",\\[{')), inner),
)


def count(value: Any) -> int:
    """Return how many values a value holds, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


def is_exceeded(text: bytes, limit: int, piece_bytes: int) -> bool:
    counter = ValueCounter(limit)
    for start in range(0, len(text), piece_bytes):
        counter.feed(text[start : start + piece_bytes])
    return counter.is_exceeded


@given(VALUES, st.integers(1, 9), st.booleans())
def test_json_up_to_the_limit_is_taken_however_it_is_cut(
    value: Any, piece_bytes: int, ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert not is_exceeded(text, count(value), piece_bytes)


@given(VALUES, st.integers(1, 9))
def test_json_with_one_value_more_is_refused_however_it_is_cut(
    value: Any, piece_bytes: int
) -> None:
    text = json.dumps([value]).encode()
    assert is_exceeded(text, count(value), piece_bytes)


@given(st.binary(), st.integers(1, 5))
def test_any_bytes_are_counted_alike_however_they_are_cut(text: bytes, piece_bytes: int) -> None:
    for limit in (1, 2, 5, 20):
        assert is_exceeded(text, limit, piece_bytes) == is_exceeded(text, limit, 1 + len(text))


@pytest.mark.parametrize("value", [b"1", b'""', b"[]", b"{}", b'{"a":1}', b"[[1]]", b"[[ ],{}]"])
def test_the_limit_is_exact(value: bytes) -> None:
    values = count(json.loads(value))
    assert not is_exceeded(value, values, 100)
    assert values == 1 or is_exceeded(value, values - 1, 100)


@pytest.mark.parametrize("inside", [b",", b"[", b"{", rb"\"", rb"\\", rb"\\\",", b"\xff"])
def test_what_stands_in_text_is_no_value(inside: bytes) -> None:
    assert not has_too_many_values(b'{"prompt":"%b"}' % (inside * 300_000))


@pytest.mark.parametrize("part", [b"1,", b"[", b'{"a":', b'"",', b'"', b'"\\"" '])
def test_many_values_and_texts_without_end_are_refused(part: bytes) -> None:
    assert has_too_many_values(b"[" + part * 500_000)
