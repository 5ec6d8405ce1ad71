"""Takes out of recorded answers what is nobody else's business: keys, ids of requests, money.

What stands in its place has the same form, so that what is expected of an answer holds as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fake_apimart.cases.placeholders import REQUEST_ID
from fake_apimart.client.answer import Answer
from fake_apimart.common.redaction import REDACTED, is_secret

_REQUEST_ID = re.compile(REQUEST_ID.encode())
_TOKEN_ID = re.compile(rb"(token_id=)[0-9]+")
_AMOUNT = re.compile(rb'("(?:remain|used)_(?:balance|credits)"\s*:\s*)-?[0-9.eE+-]+')
_CURRENT = re.compile(rb"(current: )-?[0-9]+\.[0-9]{6}")
# What networks in between add about whoever asks.
_ABOUT_THE_CLIENT = ("set-cookie", "cf-ray", "x-forwarded-for", "x-real-ip", "via", "nel")


class Redactor:
    """Redacts the answers of a case; equal ids of requests stay equal."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [each.encode() for each in secrets if each]
        self._ids: dict[bytes, bytes] = {}

    def answer(self, answer: Answer) -> Answer:
        """Return the answer without what is personal."""
        headers = [
            (self.text(name), REDACTED if _is_personal(name) else self.text(value))
            for name, value in answer.headers
        ]
        body = self._hide(answer.body)
        if b"\0" not in body:
            body = self._redact(body)
        return answer._replace(headers=headers, body=body, reason=self.text(answer.reason))

    def text(self, text: str) -> str:
        """Return a text without what is personal."""
        return self._redact(text.encode("utf-8", "surrogateescape")).decode(
            "utf-8", "surrogateescape"
        )

    def _hide(self, data: bytes) -> bytes:
        """Return data without the keys, be it a text or not."""
        for secret in self._secrets:
            data = data.replace(secret, REDACTED.encode())
        return data

    def _redact(self, data: bytes) -> bytes:
        data = self._hide(data)
        data = _REQUEST_ID.sub(lambda found: self._id(found[0]), data)
        steps: Sequence[tuple[re.Pattern[bytes], bytes | Callable[[re.Match[bytes]], bytes]]] = (
            (_TOKEN_ID, rb"\g<1>1"),
            (_AMOUNT, rb"\g<1>0"),
            (_CURRENT, rb"\g<1>0.000000"),
        )
        for pattern, replacement in steps:
            data = pattern.sub(replacement, data)
        return data

    def _id(self, request_id: bytes) -> bytes:
        return self._ids.setdefault(request_id, b"20000101000000%dredacted" % (len(self._ids) + 1))


def _is_personal(header: str) -> bool:
    if header.startswith("access-control-"):
        return False
    return header in _ABOUT_THE_CLIENT or is_secret(header)
