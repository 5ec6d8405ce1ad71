"""`POST /v1/images/generations`: both response formats, every error, idempotency."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fake_apimart.gateway import json_body

from tests.conftest import StartServer
from tests.generating import MODEL, NOW, PATH, VERSION, create, poll, task_id_of, upload
from tests.harness import AUTHORIZED, JPEG, ServerThread, StoppedClock

TASK_ID = re.compile(r"task_[0-9A-HJKMNP-TV-Z]{26}")


def test_answer_is_the_live_one_and_the_page_s_id(server: ServerThread) -> None:
    answer = create(server)
    task_id = task_id_of(answer)
    assert TASK_ID.fullmatch(task_id)
    assert answer.text == (
        f'{{"code":200,"data":[{{"status":"submitted","task_id":"{task_id}"}}],"id":"{task_id}"}}'
    )


def test_answer_of_the_live_dialect_has_no_id(start_server: StartServer) -> None:
    answer = create(start_server(dialect="live"))
    assert list(answer.json()) == ["code", "data"]


def test_versioned_answer_is_accepted_with_a_poll_url(server: ServerThread) -> None:
    answer = create(server, VERSION)
    body = answer.json()
    task_id = body["data"]["id"]
    assert answer.status_code == 202
    assert answer.headers["x-apimart-response-version"] == "2026-07-27"
    assert body == {
        "code": 202,
        "data": {
            "id": task_id,
            "task_id": task_id,
            "object": "generation.task",
            "status": "submitted",
            "poll_url": f"{server.url}/v1/tasks/{task_id}",
        },
        "request_id": f"req_{answer.headers['x-oneapi-request-id']}",
    }


@pytest.mark.parametrize("version", ["2026-07-26", "", "1"])
def test_other_version_counts_as_none(version: str, server: ServerThread) -> None:
    answer = create(server, {"X-APIMart-Response-Version": version})
    assert answer.status_code == 200
    assert "x-apimart-response-version" not in answer.headers


def test_task_id_contains_the_time_of_creation(start_server: StartServer) -> None:
    server = start_server(clock=StoppedClock(NOW))
    task_id = task_id_of(create(server))
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    instant = 0
    for character in task_id.removeprefix("task_")[:10]:
        instant = instant * 32 + alphabet.index(character)
    assert instant == round(NOW * 1000)
    assert poll(server, task_id)["created"] == int(NOW)


WEBHOOK = "webhook must be an http or https URL with a host and a valid port"

BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model is required"),
    ({"model": 5}, "model must be a string"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": ""}, "prompt is required"),
    ({"prompt": " \n\t"}, "prompt is required"),
    ({"prompt": ["a"]}, "prompt must be a string"),
    ({"n": "1"}, "n must be an integer from 1 to 15"),
    ({"n": 0}, "n must be an integer from 1 to 15"),
    ({"n": 16}, "n must be an integer from 1 to 15"),
    ({"n": 1.5}, "n must be an integer from 1 to 15"),
    ({"model": "gpt-image-2", "n": 11}, "n must be an integer from 1 to 10"),
    ({"n": 10**30}, "n must be an integer from 1 to 15"),
    ({"n": ""}, "n must be an integer from 1 to 15"),
    ({"n": True}, "n must be an integer from 1 to 15"),
    ({"size": 5}, "size must be a string"),
    ({"size": "5000x5"}, "size 5000x5 must have sides from 1 to 4096"),
    ({"size": "0x5"}, "size 0x5 must have sides from 1 to 4096"),
    ({"resolution": "8k"}, "resolution must be one of 1k, 2k, 4k"),
    ({"output_format": "tiff"}, "output_format must be one of png, jpeg, webp"),
    ({"image_urls": "http://x"}, "image_urls must be an array"),
    ({"image_urls": ["http://x"] * 17}, "image_urls exceeds max 16"),
    ({"model": "gpt-image-2", "image_urls": ["http://x"] * 16}, "image_urls exceeds max 15"),
    ({"image_urls": [5]}, 'image_urls[0] must be a URL, or an object {"url": …}'),
    ({"image_urls": [{"uri": "x"}]}, 'image_urls[0] must be a URL, or an object {"url": …}'),
    ({"image_urls": ["http://x", "y"]}, "image_urls[1] must be an http or https URL"),
    ({"mask_url": 5}, "mask_url must be a string"),
    ({"mask_url": "x"}, "mask_url must be an http or https URL"),
    ({"webhook": "ftp://x"}, WEBHOOK),
    ({"metadata": []}, "metadata must be an object"),
    ({"metadata": ""}, "metadata must be an object"),
    ({"seed": "7"}, "seed must be an integer"),
    ({"seed": 2**63}, "seed must be an integer of 64 bits"),
    ({"resolution": 2}, "resolution must be one of 1k, 2k, 4k"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_FIELDS)
def test_bad_field_is_named(fields: dict[str, Any], message: str, server: ServerThread) -> None:
    answer = create(server, **fields)
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize("size", ["7:9", "x", "16x", "1:100"])
def test_size_not_allowed_lists_those_that_are(size: str, server: ServerThread) -> None:
    message = create(server, size=size).json()["error"]["message"]
    assert message.startswith(f"size {size} is not allowed: use auto, 1:1, 2:3, ")


def test_size_not_allowed_for_gpt_image_2_fails_as_the_build(server: ServerThread) -> None:
    answer = create(server, model="gpt-image-2", size="7:9")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (500, 500, "server_error")
    assert error["message"] == (
        "build_request_failed: invalid size: 7:9, allowed: 1:1 / 16:9 / 9:16 / 4:3 / 3:4 / 3:2 / "
        "2:3 / 5:4 / 4:5 / 2:1 / 1:2 / 3:1 / 1:3 / 21:9 / 9:21"
    )


BAD_BODIES = [
    (b"", "unexpected end of JSON input"),
    (b"{", "unexpected end of JSON input"),
    (b"hello", "invalid character 'h' looking for beginning of value"),
    (b"[]", "the body must be a JSON object"),
    (b"null", "the body must be a JSON object"),
    (b'{"n":NaN}', "invalid character 'N' looking for beginning of value"),
    (b"[" * 100_000, "invalid character '[' exceeded max depth"),
    (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
]


@pytest.mark.parametrize(("body", "message"), BAD_BODIES)
def test_body_that_is_not_json_is_refused(body: bytes, message: str, server: ServerThread) -> None:
    answer = httpx.post(server.url + PATH, headers=AUTHORIZED, content=body)
    assert answer.status_code == 400
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    assert answer.json() == {"error": error}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "a/b"])
def test_body_is_json_whatever_it_is_called(content_type: str, server: ServerThread) -> None:
    body = json.dumps({"model": "m", "prompt": "p", "unknown": [1], "n": None}).encode()
    headers = {**AUTHORIZED, "Content-Type": content_type}
    assert httpx.post(server.url + PATH, headers=headers, content=body).status_code == 200


def test_prompt_with_half_a_surrogate_pair_is_taken(server: ServerThread) -> None:
    body = rb'{"model":"m","prompt":"a\ud83d [fake: seconds=0]"}'
    answer = httpx.post(server.url + PATH, headers=AUTHORIZED, content=body)
    assert poll(server, task_id_of(answer))["status"] == "completed"


def test_key_is_asked_for_in_both_forms(server: ServerThread) -> None:
    classic = httpx.post(server.url + PATH, json={})
    assert classic.status_code == 401
    assert list(classic.json()["error"]) == ["code", "message", "param", "type"]
    versioned = httpx.post(server.url + PATH, headers=VERSION, json={})
    request_id = versioned.headers["x-oneapi-request-id"]
    assert versioned.status_code == 401
    assert versioned.headers["x-apimart-response-version"] == "2026-07-27"
    assert versioned.json() == {
        "request_id": f"req_{request_id}",
        "error": {
            "message": f"invalid API key (request id: {request_id})",
            "type": "apimart_error",
            "param": "",
            "code": "",
        },
    }


def test_versioned_refusal_has_the_code_as_a_string(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour")
    bad = create(server, VERSION, n=16)
    assert bad.json()["error"] == {
        "message": "n must be an integer from 1 to 15",
        "type": "invalid_request_error",
        "param": "",
        "code": "400",
    }
    limited = create(server, VERSION)
    assert limited.status_code == 429
    assert limited.json()["error"]["code"] == "429"
    assert "retry-after" in limited.headers


def test_unlisted_model_is_not_found(start_server: StartServer) -> None:
    server = start_server(models="a,b")
    assert create(server, model="a").status_code == 200
    assert create(server, model=5).json()["error"]["message"] == "model must be a string"
    assert create(server, model=" ").json()["error"]["message"] == "model is required"
    answer = create(server, model="c")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "model_not_found"


def test_data_uri_is_refused_as_on_the_page(server: ServerThread) -> None:
    answer = create(server, image_urls=["data:image/png;base64,AAAA"])
    assert answer.status_code == 400
    assert "no longer accepted" in answer.json()["error"]["message"]


def test_moderated_prompt_is_refused_at_create(server: ServerThread) -> None:
    answer = create(server, prompt="x [fake: moderation]")
    assert answer.status_code == 500
    message = answer.json()["error"]["message"]
    assert message == (
        "build_request_failed: content moderation failed: sensitive content detected"
    )


def test_same_key_and_body_give_the_same_task(server: ServerThread) -> None:
    headers = {"Idempotency-Key": "same"}
    first, second = create(server, headers), create(server, headers)
    assert task_id_of(first) == task_id_of(second)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


def test_replay_takes_the_form_that_is_asked_for_now(server: ServerThread) -> None:
    headers = {"Idempotency-Key": "form"}
    first, second = create(server, headers), create(server, headers | VERSION)
    assert second.status_code == 202
    assert second.json()["data"]["id"] == task_id_of(first)
    assert second.headers["idempotency-replayed"] == "true"


def test_same_key_with_another_body_conflicts(server: ServerThread) -> None:
    headers = {"Idempotency-Key": "other"}
    create(server, headers)
    answer = create(server, headers, prompt="another")
    assert answer.status_code == 409
    assert answer.text == (
        '{"error":{"code":"idempotency_key_reused","message":"Idempotency-Key was already used '
        'with a different request","param":"","type":"invalid_request_error"}}'
    )


def test_idempotency_keys_are_each_api_key_s_own(server: ServerThread) -> None:
    headers = {"Idempotency-Key": "mine"}
    first = create(server, headers)
    second = create(server, headers | {"Authorization": "Bearer another"})
    assert task_id_of(first) != task_id_of(second)


def test_refused_request_leaves_its_idempotency_key_unused(server: ServerThread) -> None:
    headers = {"Idempotency-Key": "refused"}
    assert create(server, headers, n=16).status_code == 400
    assert create(server, headers).status_code == 200


def test_idempotency_key_is_kept_for_a_day(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock)
    headers = {"Idempotency-Key": "day"}
    first = task_id_of(create(server, headers))
    clock.advance(86_399)
    assert task_id_of(create(server, headers)) == first
    clock.advance(1)
    assert task_id_of(create(server, headers)) != first


def test_two_requests_at_once_with_one_key_make_one_task(server: ServerThread) -> None:
    def ask(_: int) -> str:
        return task_id_of(create(server, {"Idempotency-Key": "at-once"}))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1


@pytest.mark.parametrize("key", ["", "a b", "é".encode().decode("latin-1"), "x" * 192])
def test_idempotency_key_is_visible_ascii(key: str, server: ServerThread) -> None:
    headers: Any = {**AUTHORIZED, "Idempotency-Key": key.encode("latin-1")}
    answer = httpx.post(server.url + PATH, headers=headers, json={"model": MODEL, "prompt": "x"})
    assert answer.status_code == 400
    assert "1 to 191 visible ASCII" in answer.json()["error"]["message"]


def test_answer_to_a_create_has_no_url(server: ServerThread) -> None:
    answer = create(server, image_urls=[upload(server, JPEG)])
    assert answer.status_code == 200
    assert "http" not in answer.text


def test_endless_body_is_refused(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "MAX_BODY_BYTES", 1000)
    answer = create(server, prompt="x" * 2000)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "the body is larger than 1000 bytes"
