"""Models, schemas and the balance."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import pytest
from fake_apimart.contract.amounts import credits_for, round_amount
from fake_apimart.generation.models import RESOLUTIONS, find_model

from tests.conftest import StartServer
from tests.generating import NOW, create, poll, task_id_of
from tests.harness import AUTHORIZED, ServerThread, StoppedClock

ENTRY = {
    "id": "gemini-3-pro-image-preview",
    "object": "model",
    "created": 1626777600,
    "owned_by": "custom",
    "supported_endpoint_types": ["openai"],
    "category": "image",
    "capability_tags": ["Text to Image"],
}


def test_models_are_listed_in_the_live_form(client: httpx.Client) -> None:
    answer = client.get("/v1/models").json()
    assert list(answer) == ["data", "object", "success"]
    assert (answer["object"], answer["success"]) == ("list", True)
    assert answer["data"] == [ENTRY, {**ENTRY, "id": "gpt-image-2"}]
    assert [list(each) for each in answer["data"]] == [list(ENTRY)] * 2


@pytest.mark.parametrize(
    ("model", "types"),
    [
        ("gpt-image-2", ["openai"]),
        ("gemini-3-pro-image-preview", ["openai"]),
        ("some-other-model", ["openai"]),
        ("gpt-image-2-official", ["image-generation", "openai"]),
        ("gpt-image-2.5-flare", ["image-generation", "openai"]),
        ("gpt-image-2.5", ["image-generation", "openai"]),
    ],
)
def test_model_says_by_its_name_which_endpoints_it_has(
    model: str, types: list[str], start_server: StartServer
) -> None:
    server = start_server(models=model)
    (entry,) = httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).json()["data"]
    assert entry == {**ENTRY, "id": model, "supported_endpoint_types": types}


@pytest.mark.parametrize("query", ["expand=parameters", "expand=category,parameters&category="])
def test_expanded_entry_says_what_a_request_may_hold(query: str, client: httpx.Client) -> None:
    for entry in client.get(f"/v1/models?{query}").json()["data"]:
        parameters = entry.pop("parameters")
        assert entry == {**ENTRY, "id": entry["id"]}
        schema = client.get(f"/v1/models/{entry['id']}/schema").json()
        assert parameters == {
            "operation": "image_generation",
            "method": "POST",
            "endpoint": "/v1/images/generations",
            "schema_version": "2026-07-30",
            "source": "task_model_registry",
            "input_schema": schema["input_schema"],
        }


@pytest.mark.parametrize(
    "query", ["", "?expand=category", "?expand=", "?expand", "?Expand=parameters"]
)
def test_entries_are_not_expanded_otherwise(query: str, client: httpx.Client) -> None:
    assert client.get(f"/v1/models{query}").json()["data"][0] == ENTRY


@pytest.mark.parametrize(
    ("query", "count"),
    [("category=image", 2), ("category=", 2), ("category=video", 0), ("category=IMAGE", 0)],
)
def test_list_can_be_of_one_category(query: str, count: int, client: httpx.Client) -> None:
    assert len(client.get(f"/v1/models?{query}").json()["data"]) == count


@pytest.mark.parametrize("model", ["gemini-3-pro-image-preview", "gpt-image-2"])
def test_entry_of_a_model_is_that_of_the_list(model: str, client: httpx.Client) -> None:
    entries = {each["id"]: each for each in client.get("/v1/models").json()["data"]}
    assert client.get(f"/v1/models/{model}").json() == entries[model]


@pytest.mark.parametrize(
    ("path", "model"), [("m", "m"), ("it's%20<b>", "it's <b>"), ("%E7%E7", "\ufffd\ufffd")]
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
    # Bytes that are not UTF-8 are escaped, as Go's `encoding/json` does.
    assert "\ufffd" not in answer.text


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
            "scope": "api_key_endpoint",
        },
        "response_contract": {
            "header": "X-APIMart-Response-Version",
            "version": "2026-07-27",
        },
        "schema_version": "2026-07-30",
        "source": "task_model_registry",
    }
    assert schema["properties"]["model"] == {"type": "string", "const": "gpt-image-2"}


PUBLISHED = {
    "n": {"type": "integer", "default": 1, "minimum": 1},
    "size": {"type": "string"},
    "quality": {"type": "string"},
    "image_urls": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "webhook": {"type": "string", "format": "uri"},
}


@pytest.mark.parametrize("model", ["gpt-image-2", "any-other-model"])
def test_input_schema_is_as_wide_as_the_live_one(model: str, client: httpx.Client) -> None:
    schema = client.get(f"/v1/models/{model}/schema").json()["input_schema"]
    jsonschema_rs.Draft202012Validator(schema)
    more = schema.pop("x-fake")
    properties = schema.pop("properties")
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["model"],
        "anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}],
        "additionalProperties": True,
    }
    assert "resolution" not in properties
    assert {name: properties[name] for name in PUBLISHED} == PUBLISHED
    offered = find_model(model, ())
    assert more["n"] == {"maximum": offered.max_images}
    assert more["image_urls"]["maxItems"] == offered.max_references
    assert more["resolution"]["enum"] == list(RESOLUTIONS)
    assert ("anyOf" in more["size"]) is bool(offered.ratios)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-image-2", "prompt": "a cat"},
        {"model": "gpt-image-2", "messages": [{"role": "user"}], "n": 100},
        {"model": "gpt-image-2", "prompt": "", "size": "7:5", "resolution": "9k", "any": {}},
        {"model": "gpt-image-2", "prompt": "", "image_urls": ["https://a.example/b.png"]},
    ],
)
def test_input_schema_takes_what_clients_send(body: dict[str, Any], client: httpx.Client) -> None:
    schema = client.get("/v1/models/gpt-image-2/schema").json()["input_schema"]
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    "model", ["x", "a/b", "gpt-image-2.5-flare", "照", "it's <b>", "%", "?", "a+b", ".", "x" * 2000]
)
def test_every_model_that_a_create_takes_has_a_schema(model: str, server: ServerThread) -> None:
    url = f"{server.url}/v1/model-schema"
    for query in ({"model": model}, {"model": model, "operation": "image_generation"}):
        answer = httpx.get(url, headers=AUTHORIZED, params=query)
        assert answer.status_code == 200
        assert answer.json()["model"] == model
        assert answer.json()["input_schema"]["properties"]["model"]["const"] == model
    assert create(server, model=model).status_code == 200


def test_schema_stands_below_the_model_too(client: httpx.Client) -> None:
    for path in ("/v1/models/a%2Fb/schema", "/v1/models/a/b/schema", "/v1//models/a//b/schema"):
        assert client.get(path).json()["model"] == "a/b"
    assert client.get("/v1/models/a%0Ab/schema").json()["model"] == "a\nb"


@pytest.mark.parametrize(("model", "status"), [("x", 200), ("y", 404), ("gpt-image-2", 404)])
def test_only_offered_models_have_a_schema(
    model: str, status: int, start_server: StartServer
) -> None:
    server = start_server(models="x,gpt-image-1")
    for path in (f"/v1/models/{model}/schema", f"/v1/model-schema?model={model}"):
        assert httpx.get(server.url + path, headers=AUTHORIZED).status_code == status
    assert (create(server, model=model).status_code == 200) is (status == 200)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/model-schema", 400, "model is required"),
        ("/v1/model-schema?model=", 400, "model is required"),
        ("/v1/model-schema?model=%20", 400, "model is required"),
        ("/v1/models/%20/schema", 400, "model is required"),
        ("/v1/model-docs", 400, "model is required"),
        ("/v1/model-docs?model=", 400, "model is required"),
        ("/v1/model-docs?model=%20", 400, "model is required"),
        ("/v1/model-docs?models=gpt-image-2", 400, "model is required"),
        (
            "/v1/model-schema?model=gpt-image-2&operation=video",
            400,
            "operation must be image_generation",
        ),
    ],
)
def test_schema_and_page_without_a_model_or_of_another_operation_are_refused(
    path: str, status: int, message: str, client: httpx.Client
) -> None:
    answer = client.get(path)
    error = {"code": status, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_unknown_model_is_named_in_the_refusal(start_server: StartServer) -> None:
    server = start_server(models="x")
    answer = httpx.get(f"{server.url}/v1/models/a/b/schema", headers=AUTHORIZED)
    error = {"code": 404, "message": "unknown model: a/b", "type": "invalid_request_error"}
    assert answer.json() == {"error": error}


def docs_of(client: httpx.Client, model: str) -> dict[str, Any]:
    """Return a model's page, held to what the vendor's own client asks of it."""
    answer = client.get("/v1/model-docs", params={"model": model})
    assert answer.status_code == 200
    docs: dict[str, Any] = answer.json()
    assert list(docs) == [
        *("object", "model", "doc_url", "markdown_url", "markdown"),
        *("fetched_at", "cache_ttl_seconds", "stale"),
    ]
    assert (docs["object"], docs["model"]) == ("model.documentation", model)
    assert urlsplit(docs["doc_url"]).scheme == urlsplit(docs["markdown_url"]).scheme == "https"
    assert docs["markdown"].strip()
    assert isinstance(docs["fetched_at"], int)
    assert abs(docs["fetched_at"] - time.time()) < 60
    assert (docs["cache_ttl_seconds"], docs["stale"]) == (604_800, False)
    return docs


def test_page_of_a_model_tells_its_fields(client: httpx.Client) -> None:
    docs = docs_of(client, "gpt-image-2")
    assert docs["markdown"].startswith("# gpt-image-2\n")
    for name in ("prompt", "size", "image_urls", "resolution", "webhook"):
        assert f"| `{name}` |" in docs["markdown"]


@pytest.mark.parametrize("model", ["another-model", "a/b?c", "照", "<b>"])
def test_page_of_a_model_that_is_not_listed_says_so(model: str, client: httpx.Client) -> None:
    docs = docs_of(client, model)
    assert "does not list this model" in docs["markdown"]
    assert model in docs["markdown"]


def test_page_is_of_the_models_that_are_offered(start_server: StartServer) -> None:
    server = start_server(models="x")
    with httpx.Client(base_url=server.url, headers=AUTHORIZED) as session:
        assert "does not list" in docs_of(session, "gpt-image-2")["markdown"]
        assert "does not list" not in docs_of(session, "x")["markdown"]


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/models", "/v1/models/gpt-image-2/schema", "/v1/model-schema", "/v1/model-docs"),
        "/v1/balance",
    ],
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
