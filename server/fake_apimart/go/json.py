"""`encoding/json`: a value as the bytes that Go writes."""

from __future__ import annotations

import json
import re
from typing import Any

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
# Go escapes what is unsafe in HTML and JavaScript, and writes an escaped U+FFFD for each byte that
# is not UTF-8; such bytes are lone surrogates here (`surrogateescape`).
_ESCAPED = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def marshal(value: Any) -> bytes:
    """Encode as `json.Marshal` does: compact, keys in insertion order, HTML characters escaped."""
    return _ESCAPED.sub(_escape, _ENCODER.encode(value)).encode()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"
