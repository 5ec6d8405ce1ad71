"""JSON of requests: refused in Go's words, or a value that can be written and read again."""

from __future__ import annotations

import math
from typing import Any

from fake_apimart.go.json import JSONError, marshal, match_fields, unmarshal


def run(data: bytes) -> None:
    try:
        value = unmarshal(data)
    except JSONError as error:
        assert str(error).isprintable()
        return
    if isinstance(value, dict):
        found, others = match_fields(value, ("model", "prompt", "n"))
        assert set(found) <= {"model", "prompt", "n"}
        assert not {"model", "prompt", "n"} & set(others)
    if _is_finite(value):
        assert unmarshal(marshal(value)) == value


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list) or all(map(_is_finite, value))
