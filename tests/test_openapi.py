"""The OpenAPI document: true, complete, and made of the bodies that are really written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fake_apimart.app import create_app
from fake_apimart.cases.source import SOURCES
from fake_apimart.contract.operations import BY_NAME, JOURNALED, KEYED, OPERATIONS
from fake_apimart.control.documentation import TAGS as CONTROL_TAGS
from fake_apimart.generation.documentation import FIELDS
from fake_apimart.generation.input_schema import input_schema
from fake_apimart.generation.models import MODELS
from fake_apimart.service.documentation import DOCUMENTATION, TAGS
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.faults import errors_of
from fake_apimart_testing import FakeAPIMart
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import StartServer
from tests.generating import VERSION
from tests.harness import JPEG, ServerThread, exchange, parse_head
from tests.test_gateway import not_found
from tests.worlds import authorized, created, upload_url

DOCUMENT = create_app(Settings(storage="memory://")).openapi()
CALLS: dict[str, dict[str, Any]] = {
    call["operationId"]: {**call, "method": method, "path": path}
    for path, methods in DOCUMENT["paths"].items()
    for method, call in methods.items()
}
IDS = {
    *("uploads_create", "generations_create", "tasks_get", "tasks_get_page", "tasks_batch"),
    *("files_get", "files_get_head", "files_get_image_name", "files_get_head_image_name"),
    *("models_list", "models_get", "models_schema", "models_schema_v1_model_schema", "models_docs"),
    *("health", "ready"),
    *("balance_get", "balance_get_balance", "balance_get_v1_user_balance"),
    "balance_get_user_balance",
    *("control_get_world", "control_change_world", "control_remove_world"),
    *("control_reset", "control_reset_journal", "control_reset_faults"),
    *("control_get_clock", "control_change_clock", "control_metrics"),
    "control_contract",
    "control_list_worlds",
    *("control_list_faults", "control_add_fault", "control_remove_faults"),
    *("control_list_requests", "control_wait_for_requests"),
    *("control_list_uploads", "control_read_upload", "control_list_tasks"),
    *("control_add_upload", "control_expire_upload", "control_complete_task", "control_fail_task"),
}
OURS = [name for name in CALLS if name.startswith("control_")]
VENDORS = [name for name in CALLS if name not in OURS]
ROUTES = [
    (operation, method, path)
    for operation in OPERATIONS
    for path in operation.paths
    for method in operation.methods
]
PAGES = ["/docs", "/openapi.json", "/_fake/docs", "/_fake/openapi.json"]


def check(schema: dict[str, Any], value: object) -> None:
    """Hold a value to a schema of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(whole).validate(value)


def examples(call: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Yield status, title, schema and body of each JSON example of an operation's answers."""
    for status, response in call["responses"].items():
        content = response.get("content", {}).get("application/json", {})
        for title, example in content.get("examples", {}).items():
            yield status, title, content["schema"], example["value"]


def schemas_in(described: object) -> Iterator[dict[str, Any]]:
    """Yield each object of a part of the document, and what its references lead to."""
    if isinstance(described, list):
        for each in described:
            yield from schemas_in(each)
    if isinstance(described, dict):
        yield described
        name = described.get("$ref")
        if isinstance(name, str):
            yield from schemas_in(DOCUMENT["components"]["schemas"][name.rpartition("/")[2]])
        for name, each in described.items():
            if name != "examples":
                yield from schemas_in(each)


def test_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_operation_ids_are_stable_and_unique() -> None:
    assert len(CALLS) == sum(map(len, DOCUMENT["paths"].values()))
    assert set(CALLS) == IDS


def test_every_route_is_in_the_document() -> None:
    described = {(call["method"], call["path"]) for call in CALLS.values()}
    for _, method, path in ROUTES:
        assert (
            method.lower(),
            path.replace(":anything}", "}"),
        ) in described


@pytest.mark.parametrize("name", CALLS)
def test_operation_says_in_a_sentence_what_it_does(name: str) -> None:
    summary = CALLS[name]["summary"]
    assert summary[0].isupper()
    assert summary[-1] == "."


@pytest.mark.parametrize("name", [name for name in VENDORS if name not in ("health", "ready")])
def test_operation_names_its_sources(name: str) -> None:
    description = CALLS[name]["description"]
    assert any(f"({source}" in description for source in SOURCES)


def test_every_operation_is_in_a_group_that_is_described() -> None:
    groups = {group["name"]: group["tags"] for group in DOCUMENT["x-tagGroups"]}
    assert set(itertools.chain(*groups.values())) == {tag["name"] for tag in DOCUMENT["tags"]}
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    for name, call in CALLS.items():
        group = "Control API" if name in OURS else "APIMart"
        assert set(call["tags"]) <= set(groups[group])
    assert set(TAGS) == set(groups["APIMart"])
    assert set(CONTROL_TAGS) == set(groups["Control API"])


@pytest.mark.parametrize(("operation", "method", "path"), ROUTES)
def test_parameters_are_those_that_are_read(operation: Any, method: str, path: str) -> None:
    options = DOCUMENTATION[operation.handler].route_options(operation, method, path)
    found = options["openapi_extra"]["parameters"]
    in_path = {each["name"] for each in found if each["in"] == "path"}
    in_query = {each["name"] for each in found if each["in"] == "query"}
    assert in_path == {
        part.partition(":")[0].strip("{}") for part in path.split("/") if "{" in part
    }
    assert in_query == set(operation.queries) - in_path
    assert all(each["description"] for each in found)


def test_key_is_asked_for_where_one_is_needed() -> None:
    for name in VENDORS:
        needed = any(name.startswith(each.replace(".", "_")) for each in KEYED)
        ways: list[dict[str, list[str]]] = [{"key": []}] if needed else []
        if CALLS[name]["path"].startswith("/v1/models/"):
            ways.append({"key_in_query": []})
        assert CALLS[name]["security"] == ways, name
    for name in OURS:
        assert CALLS[name]["security"] == [{"key": []}, {"admin": []}, {}]
    assert DOCUMENT["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


@pytest.mark.parametrize("name", VENDORS)
def test_every_answer_of_the_api_has_a_request_id(name: str) -> None:
    for response in CALLS[name]["responses"].values():
        header = response.get("headers", {}).get("X-Oneapi-Request-Id")
        assert bool(header and header["required"]) is not name.startswith("files_")


@pytest.mark.parametrize("name", CALLS)
def test_every_example_is_as_its_schema_says(name: str) -> None:
    call = CALLS[name]
    for _, _, schema, example in examples(call):
        check(schema, example)
    for content in call.get("requestBody", {}).get("content", {}).values():
        for example in content.get("examples", {}).values():
            check(content["schema"], example["value"])
    for schema in schemas_in([call.get("parameters", []), call.get("requestBody", {})]):
        for example in schema.get("examples", []):
            if not isinstance(schema["examples"], dict):
                check(schema, example)


def test_answer_to_head_has_no_body() -> None:
    assert not any("content" in each for each in CALLS["files_get_head"]["responses"].values())
    assert CALLS["files_get"]["responses"].keys() == CALLS["files_get_head"]["responses"].keys()


def test_file_of_an_upload_can_be_chosen_on_the_page() -> None:
    content = CALLS["uploads_create"]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    schema = DOCUMENT["components"]["schemas"]["UploadForm"]
    assert schema["properties"]["file"]["format"] == "binary"
    assert schema["required"] == ["file"]


def test_every_field_of_a_generation_request_is_explained() -> None:
    for model in MODELS:
        schema = input_schema(model)
        described = DOCUMENT["components"]["schemas"][f"Request-{model.id}"]
        assert described["required"] == schema["required"]
        for name, field in schema["properties"].items():
            shown = described["properties"][name]
            assert shown["description"] == FIELDS[name]
            assert {key: shown[key] for key in field if key != "items"}.items() <= field.items()
    assert list(FIELDS) == list(input_schema(MODELS[0])["properties"])


def test_every_refusal_of_a_create_is_shown_in_both_forms() -> None:
    shown = {(status, title) for status, title, _, _ in examples(CALLS["generations_create"])}
    classic = {each for each in shown if not each[1].endswith("(X-APIMart-Response-Version)")}
    refusals = {(status, title) for status, title in classic if int(status) >= 400}
    assert len(refusals) > 10
    for status, title in refusals:
        assert (status, f"{title} (X-APIMart-Response-Version)") in shown


def send(world: FakeAPIMart, operation: str) -> httpx.Response:
    """Ask for an operation as a client would who does nothing wrong."""
    path = BY_NAME[operation].paths[0]
    values = {"{task_id}": "x", "{model:anything}": MODELS[0].id, "{name:anything}": "x"}
    for pattern, value in values.items():
        path = path.replace(pattern, value)
    kwargs: dict[str, Any] = {}
    if operation == "files.get":
        path = upload_url(world).removeprefix(world.base_url)
    elif operation == "uploads.create":
        kwargs = {"files": {"file": ("a.jpg", JPEG)}}
    elif operation == "tasks.get":
        path = f"/v1/tasks/{created(world)}"
    elif operation == "tasks.batch":
        kwargs = {"json": {"task_ids": []}}
    elif operation == "generations.create":
        kwargs = {"json": {"model": "gpt-image-2", "prompt": "a cat"}}
    return httpx.request(
        BY_NAME[operation].methods[0], world.base_url + path, headers=authorized(world), **kwargs
    )


@pytest.mark.parametrize(
    ("operation", "error"), [(name, error) for name in JOURNALED for error in errors_of(name)]
)
def test_every_error_that_a_rule_can_name_is_in_the_document(
    operation: str, error: str, world: FakeAPIMart
) -> None:
    name = operation.replace(".", "_")
    world.fail(operation, error=error)
    answer = send(world, operation)
    response = CALLS[name]["responses"][str(answer.status_code)]
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type == "application/json":
        check(response["content"][media_type]["schema"], answer.json())
        shown = [value["error"] for _, _, _, value in examples(CALLS[name]) if "error" in value]
        known = [{**each, "message": ""} for each in shown]
        assert {**answer.json()["error"], "message": ""} in known
    else:
        shown = [each["value"] for each in response["content"][media_type]["examples"].values()]
        assert answer.text.partition("<RequestId>")[0] in [
            each.partition("<RequestId>")[0] for each in shown
        ]


@pytest.mark.parametrize("operation", JOURNALED)
def test_what_is_answered_when_all_is_well_is_in_the_document(
    operation: str, world: FakeAPIMart
) -> None:
    answer = send(world, operation)
    response = CALLS[operation.replace(".", "_")]["responses"][str(answer.status_code)]
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type == "application/json":
        check(response["content"][media_type]["schema"], answer.json())
    for header, described in response["headers"].items():
        assert header in answer.headers or not described["required"]


@pytest.mark.parametrize("status", [202, 400])
def test_versioned_answer_is_as_the_document_says(status: int, world: FakeAPIMart) -> None:
    prompt = {"prompt": "a cat"} if status == 202 else {}
    answer = httpx.post(
        f"{world.base_url}/v1/images/generations",
        headers={**authorized(world), **VERSION},
        json={"model": "gpt-image-2", **prompt},
    )
    assert answer.status_code == status
    response = CALLS["generations_create"]["responses"][str(status)]
    check(response["content"]["application/json"]["schema"], answer.json())
    assert set(answer.headers) >= {"x-oneapi-request-id", "x-apimart-response-version"}
    assert "X-APIMart-Response-Version" in response["headers"]


def test_example_of_health_has_the_keys_of_the_answer(server: ServerThread) -> None:
    ((_, _, _, example),) = examples(CALLS["health"])
    assert httpx.get(f"{server.url}/_fake/health").json().keys() == example.keys()


@pytest.mark.parametrize("name", OURS)
def test_control_api_answers_nothing_that_is_only_an_object(name: str) -> None:
    for schema in schemas_in(CALLS[name]["responses"]):
        if schema.get("type") == "object":
            fields = schema.get("properties") or schema.get("additionalProperties")
            assert isinstance(fields, dict), schema


@pytest.mark.parametrize("name", OURS)
def test_control_call_names_what_it_refuses(name: str) -> None:
    call = CALLS[name]
    changes = call["method"] != "get"
    assert {"401", "403", "500", "503"} < call["responses"].keys()
    assert ("415" in call["responses"]) is changes
    assert ("requestBody" in call) is changes
    assert "422" not in call["responses"]


def test_openapi_has_the_names_that_are_valid() -> None:
    rule = DOCUMENT["components"]["schemas"]["RuleBody"]["properties"]
    assert rule["operation"]["enum"] == list(JOURNALED)
    assert "ValidationError" not in json.dumps(DOCUMENT)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_document_and_page_are_served(method: str, path: str, server: ServerThread) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    status, headers, body = parse_head(exchange(server.address, request.encode()))
    assert status == 200
    is_page = path.endswith("docs")
    assert headers["content-type"].startswith("text/html" if is_page else "application/json")
    if method == "HEAD":
        assert body == b""
    elif not is_page:
        assert json.loads(body) == {**DOCUMENT, "servers": [{"url": "/"}]}


@pytest.mark.parametrize("path", PAGES[:2])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_as_the_vendor_does(
    method: str, path: str, server: ServerThread
) -> None:
    answer = httpx.request(method, server.url + path)
    assert (answer.status_code, answer.content) == (404, not_found(method, path))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_without_the_control_api_there_is_no_page(
    method: str, path: str, start_server: StartServer
) -> None:
    answer = httpx.request(method, start_server(control=False).url + path)
    assert answer.status_code == 404
    assert answer.content == (b"" if method == "HEAD" else not_found(method, path))


def test_live_dialect_does_not_describe_the_route_of_the_page() -> None:
    document = create_app(Settings(storage="memory://", dialect="live")).openapi()
    assert set(DOCUMENT["paths"]) - set(document["paths"]) == {"/v1/images/generations/{task_id}"}


def test_one_application_after_another_describes_the_same() -> None:
    first, second = (create_app(Settings(storage="memory://")).openapi() for _ in range(2))
    assert first == second
