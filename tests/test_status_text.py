"""The reasons behind statuses, which Python changes from release to release."""

from __future__ import annotations

import pytest
from fake_apimart.net_http.status_text import status_text


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "OK"),
        (203, "Non-Authoritative Information"),
        (302, "Found"),
        (402, "Payment Required"),
        (413, "Request Entity Too Large"),
        (414, "Request URI Too Long"),
        (416, "Requested Range Not Satisfiable"),
        (418, "I'm a teapot"),
        (422, "Unprocessable Entity"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (505, "HTTP Version Not Supported"),
        (599, "status code 599"),
    ],
)
def test_reasons_are_those_of_go(status: int, text: str) -> None:
    assert status_text(status) == text
