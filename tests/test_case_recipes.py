"""Bytes by a recipe, kinds of texts, and relations: what the files of cases may say."""

from __future__ import annotations

import gzip

import pytest
from fake_apimart.cases.case import Request
from fake_apimart.cases.contents import bytes_of, recorded
from fake_apimart.cases.placeholders import match_text
from fake_apimart.cases.relations import holds


def body_of(recipe: object) -> bytes:
    request = Request.model_validate({"body": recipe})
    assert request.body is not None
    return bytes_of(request.body, {"name": "x"})


def test_a_body_is_put_together_of_pieces() -> None:
    picture = recorded("mime/png-1x1.png")
    pieces = ["a{name}", {"text": "b", "times": 3}, {"sample": "png-1x1.png"}, ["c", {"size": 2}]]
    assert body_of(pieces) == b"axbbb" + picture + b"c\0\0"
    assert body_of({"pieces": ["a", "b"], "text": "c", "times": 2, "size": 8}) == b"abcabc\0\0"
    assert gzip.decompress(body_of({"pieces": pieces, "gzip": True})) == body_of(pieces)


def test_dates_of_headers_count_as_seconds() -> None:
    names = {"modified": "Mon, 31 Mar 2025 16:00:00 GMT", "created": 1743436800, "text": "soon"}
    assert holds("created <= modified < created + 1", names)
    assert not holds("modified < created", names)
    with pytest.raises(TypeError):
        holds("text < created", names)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("8256563199749-a1b2c3d4", True),
        ("9998256563199749-0b6a1f6e-3c1f-4b7e-9d2a-5f0e8c7b6a59", True),
        ("9998256563199749-a1b2c3d4", False),
        ("825656319974-a1b2c3d4", False),
        ("8256563199749-0b6a1f6e-3c1f-4b7e-9d2a-5f0e8c7b6a59", False),
    ],
)
def test_what_stands_before_a_name_is_of_one_dialect(text: str, is_one: bool) -> None:
    assert match_text("/<file_id>-a.png", f"/{text}-a.png", {}) is is_one
