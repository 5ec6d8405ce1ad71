"""File URLs: from the path of a URL back to the storage key."""

from __future__ import annotations

import pytest
from fake_apimart.contract.file_url import key_at


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (b"/f/image/1-a-photo.jpg", "image/1-a-photo.jpg"),
        (b"/image/1-a-photo.jpg", "image/1-a-photo.jpg"),
        (b"/f/image/1-a-\xc3\xa9", "image/1-a-%C3%A9"),
        (b"/f/image/\xff", "image/%FF"),
        (b"/f/image/a/b", "image/a%2Fb"),
        (b"/f/image/..", "image/.."),
        (b"/f/image/", "image/"),
        (b"/f/image/%zz", "image/%25zz"),
    ],
)
def test_path_leads_to_a_key(path: bytes, key: str) -> None:
    assert key_at(path) == key


def test_path_of_no_file_is_an_error() -> None:
    with pytest.raises(ValueError, match="no file"):
        key_at(b"/v1/models")
