"""Tests of the program: with a working APIMart, and with failures."""

from __future__ import annotations

import base64
from pathlib import Path

import pictures
import pytest
import requests
from fake_apimart_testing import FakeAPIMart

# A PNG of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    return path


@pytest.fixture(autouse=True)
def no_real_apimart(apimart: FakeAPIMart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the program at the fake in every test, so that none can reach the real service."""
    apimart.env.setenv(monkeypatch)
    apimart.pace(seconds=0)


def test_photo_is_uploaded_as_it_is(apimart: FakeAPIMart, photo: Path) -> None:
    url = pictures.upload(photo)
    (uploaded,) = apimart.uploads
    assert (uploaded.url, uploaded.filename, uploaded.content_type) == (
        url,
        "photo.png",
        "image/png",
    )
    assert uploaded.read() == PNG


def test_photo_is_what_the_model_is_given(apimart: FakeAPIMart, photo: Path) -> None:
    assert pictures.redraw(photo, "as a woodcut").startswith(b"\x89PNG")
    (task,) = apimart.tasks
    assert (task.prompt, task.references) == ("as a woodcut", [apimart.uploads[0].name])


def test_retry(apimart: FakeAPIMart, photo: Path) -> None:
    rule = apimart.fail("uploads.create", error="rate_limited", times=2)
    assert pictures.upload(photo)
    assert rule.used == 2


def test_retries_end(apimart: FakeAPIMart, photo: Path) -> None:
    apimart.fail("uploads.create", error="upload_failed", times=9)
    with pytest.raises(pictures.PictureError, match="failed to upload image"):
        pictures.upload(photo)
    assert len(apimart.requests.matching(operation="uploads.create")) == pictures.ATTEMPTS


@pytest.mark.parametrize("socket", ["reset_after_reading", "end_after_headers", "cut_in_body"])
def test_broken_connection_is_tried_again(socket: str, apimart: FakeAPIMart, photo: Path) -> None:
    apimart.fail("generations.create", socket=socket)
    assert pictures.redraw(photo, "as a woodcut")


def test_wrong_key_is_not_tried_again(apimart: FakeAPIMart, photo: Path) -> None:
    apimart.fail("uploads.create", error="invalid_key")
    with pytest.raises(pictures.PictureError, match="invalid API key"):
        pictures.upload(photo)
    assert [each.status for each in apimart.requests] == [401]


def test_failed_task_is_an_error(apimart: FakeAPIMart, photo: Path) -> None:
    apimart.tasks_fail("no cats today")
    with pytest.raises(pictures.PictureError, match="no cats today"):
        pictures.redraw(photo, "a cat")


def test_url_is_dead_after_72_hours(apimart: FakeAPIMart, photo: Path) -> None:
    url = pictures.upload(photo)
    apimart.clock.advance(hours=71)
    assert requests.get(url, timeout=30).status_code == 200
    apimart.clock.advance(hours=1)
    assert requests.get(url, timeout=30).status_code == 403


def test_program_sends_nothing_that_apimart_does_not_read(
    apimart: FakeAPIMart, photo: Path
) -> None:
    pictures.redraw(photo, "as a woodcut")
    assert [each.unread_fields for each in apimart.requests if each.unread_fields] == []
