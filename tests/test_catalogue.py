"""Models, schemas and the balance."""

from __future__ import annotations

import httpx
import pytest
from fake_apimart.contract.amounts import credits_for, round_amount

from tests.conftest import StartServer
from tests.generating import NOW, create, poll, task_id_of
from tests.harness import AUTHORIZED, ServerThread, StoppedClock


def test_models_are_listed_in_the_live_form(client: httpx.Client) -> None:
    answer = client.get("/v1/models").json()
    assert list(answer) == ["data", "object", "success"]
    assert (answer["object"], answer["success"]) == ("list", True)
    assert answer["data"][0] == {
        "id": "gemini-3-pro-image-preview",
        "object": "model",
        "created": 1626777600,
        "owned_by": "custom",
        "supported_endpoint_types": ["image-generation"],
        "category": "image",
    }


@pytest.mark.parametrize("model", ["gemini-3-pro-image-preview", "gpt-image-2"])
def test_entry_of_a_model_is_that_of_the_list(model: str, client: httpx.Client) -> None:
    entries = {each["id"]: each for each in client.get("/v1/models").json()["data"]}
    assert client.get(f"/v1/models/{model}").json() == entries[model]


@pytest.mark.parametrize(
    ("path", "model"), [("m", "m"), ("it's%20<b>", "it's <b>"), ("%E7", "\ufffd")]
)
def test_model_that_is_not_listed_is_an_error_with_status_200(
    path: str, model: str, client: httpx.Client
) -> None:
    answer = client.get(f"/v1/models/{path}")
    assert answer.status_code == 200
    assert list(answer.json()["error"]) == ["message", "type", "param", "code"]
    assert answer.json()["error"] == {
        "message": f"The model '{model}' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


def test_model_needs_a_key_and_one_segment(server: ServerThread, client: httpx.Client) -> None:
    assert httpx.get(f"{server.url}/v1/models/gpt-image-2").status_code == 401
    assert client.get("/v1/models/a/b").status_code == 404


def test_model_that_is_not_offered_is_not_there(start_server: StartServer) -> None:
    server = start_server(models="x")
    answer = httpx.get(f"{server.url}/v1/models/gpt-image-2", headers=AUTHORIZED)
    assert answer.json()["error"]["code"] == "model_not_found"


def test_only_offered_models_are_listed(start_server: StartServer) -> None:
    server = start_server(models="x,gpt-image-2")
    data = httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).json()["data"]
    assert [model["id"] for model in data] == ["gpt-image-2", "x"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/gpt-image-2/schema",
        "/v1/model-schema?model=gpt-image-2",
        "/v1/model-schema?model=gpt-image-2&operation=image_generation",
    ],
)
def test_schema_has_the_live_form(path: str, client: httpx.Client) -> None:
    answer = client.get(path).json()
    schema = answer.pop("input_schema")
    assert answer == {
        "object": "model.input_schema",
        "model": "gpt-image-2",
        "operation": "image_generation",
        "endpoint": {"method": "POST", "path": "/v1/images/generations"},
        "idempotency": {
            "header": "Idempotency-Key",
            "replay_header": "Idempotency-Replayed",
            "required": False,
            "retention_seconds": 86400,
            "scope": "api_key+endpoint",
        },
        "response_contract": {
            "header": "X-APIMart-Response-Version",
            "version": "2026-07-27",
        },
        "schema_version": "2026-07-30",
        "source": "task_model_registry",
    }
    assert schema["required"] == ["model", "prompt"]
    assert schema["properties"]["image_urls"]["maxItems"] == 16


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/model-schema", 400, "model is required"),
        ("/v1/model-schema?model=", 400, "model is required"),
        ("/v1/model-schema?model=x", 404, "unknown model: x"),
        ("/v1/models/x/schema", 404, "unknown model: x"),
        ("/v1/models/a/b/schema", 404, "unknown model: a/b"),
        (
            "/v1/model-schema?model=gpt-image-2&operation=video",
            400,
            "operation must be image_generation",
        ),
    ],
)
def test_schema_of_an_unknown_model_is_refused(
    path: str, status: int, message: str, client: httpx.Client
) -> None:
    answer = client.get(path)
    error = {"code": status, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/gpt-image-2/schema", "/v1/model-schema", "/v1/balance"]
)
def test_every_path_requires_a_key(path: str, server: ServerThread) -> None:
    assert httpx.get(server.url + path).status_code == 401


@pytest.mark.parametrize("path", ["/v1/balance", "/balance", "/v1/user/balance", "/user/balance"])
def test_balance_starts_unspent(path: str, server: ServerThread) -> None:
    answer = httpx.get(server.url + path, headers={"Authorization": "Bearer nobody"})
    assert answer.text == (
        '{"success":true,"remain_balance":100,"remain_credits":1000,"used_balance":0,'
        '"used_credits":0,"unlimited_quota":false}'
    )


def balance(server: ServerThread) -> tuple[float, float]:
    answer = httpx.get(f"{server.url}/v1/balance", headers=AUTHORIZED).json()
    assert answer["remain_credits"] == credits_for(answer["remain_balance"])
    return answer["remain_balance"], answer["used_balance"]


def test_task_costs_once_it_completes(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=10, balance=1)
    create(server, n=2)
    create(server, prompt="[fake: fail=no]")
    assert balance(server) == (1, 0)
    clock.advance(10)
    assert balance(server) == (0.9, 0.1)
    assert balance(server) == (0.9, 0.1)


def test_task_paced_in_polls_costs_once_a_poll_ends_it(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_polls=1, balance=1)
    task_id = task_id_of(create(server))
    assert balance(server) == (1, 0)
    poll(server, task_id)
    poll(server, task_id)
    assert balance(server) == (0.95, 0.05)


def test_balance_is_remembered_over_a_restart(tmp_path: object, start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    settings = {"storage": f"dir:{tmp_path}", "clock": clock, "task_seconds": 0, "balance": 1}
    create(start_server(**settings))  # type: ignore[arg-type]
    assert balance(start_server(**settings)) == (0.95, 0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "printed"), [(1.0, "1"), (0.1 + 0.2, "0.3"), (0.020572, "0.020572"), (0, "0")]
)
def test_amount_is_printed_as_go_prints_it(value: float, printed: str) -> None:
    assert str(round_amount(value)) == printed
