"""Tests of the application, by Flask's own client."""

from __future__ import annotations

import base64
import io

import pytest
from avatars import create_app
from fake_apimart_testing import FakeAPIMart
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

# A PNG of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def client(apimart: FakeAPIMart, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of the application, which is made once its environment says where to go."""
    apimart.env.setenv(monkeypatch)
    return create_app().test_client()


def send(client: FlaskClient, content: bytes) -> TestResponse:
    return client.post("/avatar", data={"photo": (io.BytesIO(content), "me.png")})


def test_photo_goes_to_apimart(apimart: FakeAPIMart, client: FlaskClient) -> None:
    answer = send(client, PNG)
    assert answer.status_code == 201
    assert answer.json is not None
    (uploaded,) = apimart.uploads
    assert (uploaded.url, uploaded.filename) == (answer.json["url"], "me.png")


def test_user_is_told_what_apimart_refuses(client: FlaskClient) -> None:
    answer = send(client, b"a letter to APIMart")
    assert answer.status_code == 422
    assert answer.json is not None
    assert "text/plain" in answer.json["refused"]


def test_user_is_asked_to_try_again_where_apimart_is_busy(
    apimart: FakeAPIMart, client: FlaskClient
) -> None:
    apimart.fail("uploads.create", error="rate_limited")
    assert [send(client, PNG).status_code for _ in range(2)] == [503, 201]
