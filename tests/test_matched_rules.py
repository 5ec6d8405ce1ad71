"""Rules for some requests of an operation alone, as clients meet them, in both kinds of state."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.http.socket_faults import AFTER, SOCKET_FAULTS
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.generating import VERSION
from tests.harness import (
    JPEG,
    PDF,
    PNG,
    ServerThread,
    connection,
    form,
    parse_head,
    read_answer,
    upload_request,
    wait_until,
)
from tests.worlds import authorized, create, upload


@pytest.fixture(params=["memory", "redis"])
def world(
    request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path
) -> Iterator[FakeAPIMart]:
    """Yield a world on a server whose state is in memory, or in Redis."""
    settings = {}
    if request.param == "redis":
        settings["state"] = request.getfixturevalue("redis_url")
        settings["storage"] = f"dir:{tmp_path}"
    with FakeAPIMart(start_server(**settings).url) as world:
        yield world


def statuses(world: FakeAPIMart, *names: str) -> list[int]:
    return [upload(world, name=name).status_code for name in names]


def address(world: FakeAPIMart) -> tuple[str, int]:
    host, port = world.base_url.removeprefix("http://").split(":")
    return host, int(port)


def test_rule_for_a_file_s_name_counts_only_such_files(world: FakeAPIMart) -> None:
    where = {"filename": {"glob": "*.heic"}}
    rule = world.fail("uploads.create", "rate_limited", where=where, times=2)
    assert statuses(world, "a.jpg", "a.heic", "b.jpg", "b.heic", "c.heic") == [
        200,
        429,
        200,
        429,
        200,
    ]
    assert rule.used == 2
    assert [each.fault for each in world.requests] == [
        None,
        "rate_limited",
        None,
        "rate_limited",
        None,
    ]


UPLOADS: list[tuple[dict[str, Any], list[tuple[bytes, str]], str]] = [
    ({"filename": "a.jpg"}, [(JPEG, "a.jpg"), (JPEG, "A.jpg"), (JPEG, "/x/a.jpg")], "yny"),
    ({"filename": {"contains": "ü"}}, [(JPEG, "grün.jpg"), (JPEG, "grun.jpg")], "yn"),
    ({"size": len(PNG)}, [(PNG, "a"), (PNG + b"x", "a"), (JPEG, "a")], "ynn"),
    ({"size": {"at_least": 5000}}, [(JPEG, "a"), (JPEG + bytes(5000), "a")], "ny"),
    ({"size": {"at_most": 5000}}, [(JPEG, "a"), (JPEG + bytes(5000), "a")], "yn"),
    ({"content_type": "image/png"}, [(PNG, "a.jpg"), (JPEG, "a.png")], "yn"),
    ({"content_type": {"glob": "application/*"}}, [(PDF, "a.png"), (PNG, "a.pdf")], "yn"),
    (
        {"filename": {"glob": "*.png"}, "content_type": "image/jpeg", "size": {"at_least": 1}},
        [(JPEG, "a.png"), (PNG, "a.png"), (JPEG, "a.jpg")],
        "ynn",
    ),
]


@pytest.mark.parametrize(("where", "files", "met"), UPLOADS)
@pytest.mark.parametrize("error", ["rate_limited", "bad_gateway", "file_too_large"])
def test_rule_for_files_is_met_by_these_alone(
    error: str,
    where: dict[str, Any],
    files: list[tuple[bytes, str]],
    met: str,
    server: ServerThread,
) -> None:
    with FakeAPIMart(server.url) as world:
        rule = world.fail("uploads.create", error, where=where, times=None)
        for content, name in files:
            upload(world, content, name)
        faults = [each.fault for each in world.requests]
        assert faults == [error if each == "y" else None for each in met]
        assert rule.used == met.count("y")


CREATES: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    ({"prompt": {"contains": "dog"}}, [{"prompt": "a dog"}, {"prompt": "a cat"}], "yn"),
    ({"json": {"model": "gpt-image-2"}}, [{}, {"model": "other"}], "yn"),
    ({"json": {"n": {"at_least": 2}}}, [{"n": 1}, {"n": 2}, {}], "nyn"),
    ({"json": {"metadata.tenant": "b"}}, [{"metadata": {"tenant": "b"}}, {}], "yn"),
    ({"json": {"image_urls": {"contains": "http://a/1"}}}, [{"image_urls": ["http://a/1"]}], "y"),
    (
        {"json": {"n": 1}, "header": {"X-Tenant": {"glob": "b*"}}},
        [{"n": 1, "headers": {"x-tenant": "blue"}}, {"n": 1}],
        "yn",
    ),
    # What would be refused is asked before: the real error comes before that, too.
    ({"json": {"n": "2"}}, [{"n": "2"}, {"n": 2}], "yn"),
]


@pytest.mark.parametrize(("where", "requests", "met"), CREATES)
@pytest.mark.parametrize("error", ["rate_limited", "internal_error"])
def test_rule_for_json_is_met_by_such_requests_alone(
    error: str,
    where: dict[str, Any],
    requests: list[dict[str, Any]],
    met: str,
    server: ServerThread,
) -> None:
    with FakeAPIMart(server.url) as world:
        world.fail("generations.create", error, where=where, times=None)
        for fields in requests:
            create(world, **fields)
        faults = [each.fault for each in world.requests]
        assert faults == [error if each == "y" else None for each in met]


def test_batch_and_file_have_conditions_of_their_own(world: FakeAPIMart) -> None:
    where: dict[str, Any] = {"json": {"task_ids": {"contains": "task_x"}}}
    world.fail("tasks.batch", "bad_gateway", where=where)
    url = f"{world.base_url}/v1/tasks/batch"
    asked = [
        httpx.post(url, headers=authorized(world), json={"task_ids": ids}).status_code
        for ids in (["task_y"], ["task_y", "task_x"], ["task_x"])
    ]
    assert asked == [200, 502, 200]
    where = {
        "filename": {"glob": "*.png"},
        "size": {"at_most": len(PNG)},
        "header": {"Range": "bytes=0-0"},
    }
    world.fail("files.get", "access_denied", where=where)
    urls = [
        upload(world, content, name).json()["url"]
        for content, name in ((JPEG, "a"), (PNG, "a.png"))
    ]
    ranges = {"Range": "bytes=0-0"}
    assert [httpx.get(each, headers=ranges).status_code for each in urls] == [206, 403]
    assert httpx.get(urls[1]).status_code == 200


def test_rule_for_files_that_nobody_has_meets_no_request_for_one(start_server: StartServer) -> None:
    server = start_server()
    faults = f"{server.url}/_fake/faults"
    for rule in (
        {"error": "service_unavailable", "where": {"size": {"at_least": 0}}},
        {"status": 418},
    ):
        httpx.post(faults, json={"operation": "files.get", **rule}).raise_for_status()
    unknown = f"{server.url}/f/image/1-a-b.png"
    assert [httpx.get(unknown).status_code for _ in range(2)] == [418, 403]


def test_rules_keep_their_order_whatever_must_be_known_first(world: FakeAPIMart) -> None:
    png = {"filename": {"glob": "*.png"}}
    world.fail("uploads.create", "rate_limited", where=png)
    world.fail("uploads.create", "invalid_key", where={"header": {"Host": {"glob": "*"}}}, after=1)
    world.fail("uploads.create", "upload_failed")
    assert statuses(world, "a.jpg", "b.png", "c.png", "d.png") == [500, 429, 401, 200]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_world_s_own_rule_comes_first_though_the_server_s_is_known_earlier(
    order: tuple[int, int], start_server: StartServer
) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:

        def add_own() -> object:
            return world.fail("uploads.create", status=418, where={"size": len(JPEG)})

        def add_server_s() -> object:
            rule = {"operation": "uploads.create", "status": 501}
            return httpx.post(f"{server.url}/_fake/faults", json=rule).raise_for_status()

        for number in order:
            (add_own, add_server_s)[number]()
        assert [upload(world).status_code for _ in range(3)] == [418, 501, 200]


def test_error_of_the_head_comes_as_soon_as_the_file_s_name_is_there(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "rate_limited", where={"filename": {"glob": "*.png"}})
    body = form(PNG + bytes(4_000_000), "a.png")
    request = upload_request(body, {**authorized(world), "Connection": None})
    with connection(address(world)) as sock:
        sock.sendall(request[:100_000])
        # It is answered while most of the body is still to come, as the real error would be.
        status, headers, _ = parse_head(read_answer(sock))
    assert (status, headers["connection"]) == (429, "close")
    assert world.uploads == []


def test_error_of_a_late_step_waits_for_it(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", "upload_failed", where={"filename": {"glob": "*.png"}})
    assert "unsupported image type" in upload(world, PDF, "a.png").text
    assert rule.used == 0
    assert "failed to upload image" in upload(world, PNG, "a.png").text
    assert world.uploads == []


@pytest.mark.parametrize("content", [PNG, PNG + bytes(10_000)])
def test_type_of_a_file_is_known_however_small_the_limit_is(
    content: bytes, world: FakeAPIMart
) -> None:
    world.size_limit(10)
    where = {"content_type": "image/png", "size": len(content)}
    world.fail("uploads.create", "rate_limited", where=where)
    assert [upload(world, content).status_code for _ in range(2)] == [429, 413]
    assert [each.content_type for each in world.requests] == ["image/png"] * 2
    assert world.uploads == []


def test_error_of_the_size_states_it(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "file_too_large", where={"size": {"at_least": 10}})
    assert upload(world).status_code == 413


BROKEN_FORMS = {
    "no file": form(JPEG, "a.png", name="other"),
    "cut": form(JPEG, "a.png")[:-20],
    "no form": b"",
}


@pytest.mark.parametrize("body", BROKEN_FORMS.values(), ids=BROKEN_FORMS.keys())
def test_broken_form_is_what_it_is(body: bytes, world: FakeAPIMart) -> None:
    where: dict[str, Any] = {"size": {"at_least": 0}}
    rule = world.fail("uploads.create", "upload_failed", where=where, optional=True)
    request = upload_request(body, authorized(world))
    with connection(address(world)) as sock:
        sock.sendall(request)
        assert parse_head(read_answer(sock))[0] == 400
    assert rule.used == 0
    # A rule behind it asks nothing of the form, and its error would have come before.
    world.fail("uploads.create", "bad_gateway")
    with connection(address(world)) as sock:
        sock.sendall(request)
        assert parse_head(read_answer(sock))[0] == 502


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"prompt"', b'{"prompt": "dog"'])
def test_broken_json_is_what_it_is(body: bytes, world: FakeAPIMart) -> None:
    where = {"prompt": "dog"}
    rule = world.fail("generations.create", "rate_limited", where=where, optional=True)
    url = f"{world.base_url}/v1/images/generations"
    assert httpx.post(url, headers=authorized(world), content=body).status_code == 400
    assert rule.used == 0
    world.fail("generations.create", "bad_gateway")
    assert httpx.post(url, headers=authorized(world), content=body).status_code == 502


def test_refused_key_meets_rules_that_ask_of_its_head(start_server: StartServer) -> None:
    server = start_server(api_keys="sk-good")
    faults = f"{server.url}/_fake/faults"
    for rule in (
        {"where": {"prompt": "a cat"}, "status": 501},
        {"where": {"header": {"X-Tenant": "a"}}, "status": 418},
        {"status": 502},
    ):
        httpx.post(faults, json={"operation": "generations.create", **rule}).raise_for_status()
    met = [
        httpx.post(
            f"{server.url}/v1/images/generations",
            headers={"Authorization": "Bearer sk-bad", **headers},
            json={"model": "m", "prompt": "a cat"},
        ).status_code
        for headers in ({"X-Tenant": "a"}, {}, {})
    ]
    assert met == [418, 502, 401]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("bad_gateway", 502),
        ("forbidden", 403),
        # What comes after the balance in reality comes after it here.
        ("rate_limited", 402),
        ("upload_failed", 402),
    ],
)
def test_key_with_nothing_left_meets_the_rules_that_come_before(
    error: str, status: int, world: FakeAPIMart
) -> None:
    world.balance(0)
    world.fail("uploads.create", "rate_limited", where={"filename": "a.jpg"}, optional=True)
    rule = world.fail("uploads.create", error, optional=True)
    assert upload(world).status_code == status
    assert rule.used == (status != 402)


@pytest.mark.parametrize(
    "effect",
    [
        {"status": 418, "body": {"a": 1}},
        {"socket": "reset_after_reading"},
        {"socket": "never_answer"},
        {"socket": "end_after_headers"},
        {"socket": "cut_in_body"},
        {"socket": "malformed_chunks"},
        {"socket": "dribble", "dribble": {"seconds": 10}},
        {"error": "forbidden", "delay": 0.2},
    ],
)
@pytest.mark.parametrize("operation", ["uploads.create", "generations.create"])
def test_every_effect_is_for_some_requests_alone(
    operation: str, effect: dict[str, Any], server: ServerThread
) -> None:
    where = {"filename": "b.jpg"} if operation == "uploads.create" else {"prompt": "b.jpg"}
    with FakeAPIMart(server.url) as world:

        def send(name: str) -> int | None:
            content: dict[str, Any]
            with contextlib.suppress(httpx.TransportError):
                if operation == "uploads.create":
                    path, content = "/v1/uploads/images", {"files": {"file": (name, JPEG)}}
                else:
                    path = "/v1/images/generations"
                    content = {"json": {"model": "m", "prompt": name}}
                url = world.base_url + path
                return httpx.post(
                    url, headers=authorized(world), timeout=0.8, **content
                ).status_code
            return None

        rule = world.fail(operation, where=where, **effect)
        assert send("a.jpg") == 200
        expected = effect.get("status") or (403 if "error" in effect else None)
        assert send("b.jpg") == expected
        assert rule.used == 1
        assert send("b.jpg") == 200


def test_delay_of_some_requests_is_noted_at_once(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", delay=30, where={"filename": "b.jpg"})
    assert upload(world).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{world.base_url}/v1/uploads/images",
            headers=authorized(world),
            files={"file": ("b.jpg", JPEG)},
            timeout=0.5,
        )
    assert rule.used == 1
    assert [each.fault for each in world.requests] == [None, "delay"]


@pytest.mark.parametrize(
    "fault", [name for name, each in SOCKET_FAULTS.items() if each.when == AFTER]
)
def test_fault_of_an_answer_is_counted_and_noted_before_it_is_sent(
    fault: str, world: FakeAPIMart
) -> None:
    rule = world.fail("uploads.create", socket=fault, where={"filename": "b.jpg"})
    assert upload(world).status_code == 200
    with contextlib.suppress(httpx.TransportError):
        httpx.post(
            f"{world.base_url}/v1/uploads/images",
            headers=authorized(world),
            files={"file": ("b.jpg", JPEG)},
            timeout=0.5,
        )
    assert rule.used == 1
    assert [each.fault for each in world.requests] == [None, fault]


def test_socket_fault_before_the_body_may_ask_of_the_head(world: FakeAPIMart) -> None:
    where = {"header": {"X-Tenant": "a"}}
    world.fail("generations.create", socket="close_before_reading", where=where)
    assert create(world).status_code == 200
    with pytest.raises(httpx.TransportError):
        create(world, headers={"x-tenant": "a"})


def test_each_third_matching_request_meets_the_rule(world: FakeAPIMart) -> None:
    png = {"filename": {"glob": "*.png"}}
    world.fail("uploads.create", "upload_failed", where=png, every=3, times=2)
    names = ["a.png", "x.jpg", "b.png", "c.png", "d.png", "e.png", "x.jpg", "f.png"]
    names += ["g.png", "h.png", "i.png"]
    expected = [200, 200, 200, 500, 200, 200, 200, 500, 200, 200, 200]
    assert statuses(world, *names) == expected


def test_turns_are_taken_by_one_request_each(world: FakeAPIMart) -> None:
    where = {"size": {"at_least": 1}}
    rule = world.fail("uploads.create", "upload_failed", where=where, times=3)
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda: seen.append(upload(world).status_code)) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [200] * 9 + [500] * 3
    assert rule.used == 3


def test_body_in_gzip_is_asked_of_as_it_is_read(world: FakeAPIMart) -> None:
    world.fail("generations.create", "rate_limited", where={"prompt": "a dog"})
    content = gzip.compress(json.dumps({"model": "m", "prompt": "a dog"}).encode())
    headers = {**authorized(world), "Content-Encoding": "gzip"}
    url = f"{world.base_url}/v1/images/generations"
    assert httpx.post(url, headers=headers, content=content).status_code == 429


def test_large_json_is_not_looked_into(world: FakeAPIMart) -> None:
    rule = world.fail("generations.create", "rate_limited", where={"prompt": "a cat"})
    world.fail("generations.create", "forbidden")
    large = "x" * 2_000_000
    assert [create(world, other=large).status_code for _ in range(2)] == [403, 200]
    assert rule.used == 0
    assert create(world).status_code == 429


def test_world_that_is_reset_during_an_upload_forgets_its_rules(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "forbidden", where={"size": {"at_least": 1}}, optional=True)
    request = upload_request(form(JPEG + bytes(100_000), "a.jpg"), authorized(world))
    with connection(address(world)) as sock:
        sock.sendall(request[:50_000])
        time.sleep(0.1)
        world.reset()
        sock.sendall(request[50_000:])
        assert parse_head(read_answer(sock))[0] == 200


def test_rule_that_is_added_during_an_upload_is_not_for_it(world: FakeAPIMart) -> None:
    request = upload_request(form(JPEG + bytes(100_000), "a.jpg"), authorized(world))
    with connection(address(world)) as sock:
        sock.sendall(request[:50_000])
        time.sleep(0.1)
        rule = world.fail("uploads.create", "forbidden", where={"filename": "a.jpg"}, optional=True)
        sock.sendall(request[50_000:])
        assert parse_head(read_answer(sock))[0] == 200
    assert rule.used == 0


def test_upload_that_is_given_up_takes_no_turn(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", "upload_failed", where={"filename": "a.jpg"})
    request = upload_request(form(JPEG + bytes(100_000), "a.jpg"), authorized(world))
    with connection(address(world)) as sock:
        sock.sendall(request[:50_000])
        time.sleep(0.1)
        sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: world.requests.matching("uploads.create"), "it is noted")
    assert rule.used == 0
    assert statuses(world, "a.jpg", "a.jpg") == [500, 200]


def test_conditions_are_listed_as_they_were_written_without_secrets(world: FakeAPIMart) -> None:
    header = {"X-Tenant": {"glob": "a*"}, "Authorization": {"contains": "sk-secret"}}
    world.fail("models.list", "forbidden", where={"header": header}, every=2, optional=True)
    listed = httpx.get(f"{world.base_url}/_fake/faults", headers=authorized(world))
    assert "sk-secret" not in listed.text
    (rule,) = listed.json()["faults"]
    assert rule["where"]["header"]["X-Tenant"] == {"glob": "a*"}
    assert rule["every"] == 2


HEADERS: list[tuple[dict[str, str], dict[str, list[str]]]] = [
    ({"Retry-After": "7"}, {"retry-after": ["7"]}),
    (
        {"retry-after": "Fri, 27 Nov 2026 00:00:00 GMT"},
        {"retry-after": ["Fri, 27 Nov 2026 00:00:00 GMT"]},
    ),
    ({"X-Ratelimit-Remaining": "0"}, {"x-ratelimit-remaining": ["0"], "retry-after": ["1"]}),
    ({"Content-Type": "text/plain"}, {"content-type": ["text/plain"], "retry-after": ["1"]}),
    ({"X-Oneapi-Request-Id": "mine"}, {"x-oneapi-request-id": ["mine"]}),
    ({"Date": "Fri, 27 Nov 2026 00:00:00 GMT"}, {"date": ["Fri, 27 Nov 2026 00:00:00 GMT"]}),
    (
        {"Access-Control-Allow-Origin": "null"},
        {"access-control-allow-origin": ["null"], "access-control-allow-credentials": ["true"]},
    ),
    ({}, {"retry-after": ["1"]}),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
@pytest.mark.parametrize("versioned", [False, True])
def test_headers_stand_beside_or_in_place_of_those_of_an_error(
    headers: dict[str, str], expected: dict[str, list[str]], world: FakeAPIMart, *, versioned: bool
) -> None:
    world.fail("generations.create", "rate_limited", headers=headers)
    world.fail("generations.create", "rate_limited", where={"prompt": "a cat"}, headers=headers)
    for _ in range(2):
        sent = {"Origin": "http://elsewhere", **(VERSION if versioned else {})}
        answer = create(world, headers=sent)
        assert answer.status_code == 429
        assert {name: answer.headers.get_list(name) for name in expected} == expected
        assert answer.json()["error"]["message"].startswith("Rate limit exceeded")
    assert create(world).status_code == 200


def test_headers_of_an_own_answer_are_there_once(world: FakeAPIMart) -> None:
    headers = {
        "X-Oneapi-Request-Id": "mine",
        "Date": "today",
        "Access-Control-Allow-Origin": "null",
    }
    world.fail("generations.create", status=503, headers=headers)
    answer = create(world, headers={"Origin": "http://elsewhere"})
    assert {name: answer.headers.get_list(name) for name in headers} == {
        name: [value] for name, value in headers.items()
    }


def test_headers_stand_on_the_error_of_a_store(world: FakeAPIMart) -> None:
    url = upload(world).json()["url"]
    world.fail(
        "files.get", "service_unavailable", headers={"Retry-After": "3", "content-type": "a/b"}
    )
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.headers.get_list("content-type") == ["a/b"]


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"where": []}, TypeError, "where must be a dict or None"),
    ({"where": {"a": b"x"}}, TypeError, "where must be a dict of JSON"),
    ({"where": {"a": float("nan")}}, ValueError, "where is no JSON"),
    ({"where": {"a": "\ud800"}}, ValueError, "where has a surrogate"),
    ({"every": "2"}, TypeError, "every must be an int"),
    ({"dribble": 3}, TypeError, "dribble must be a dict or None"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_argument_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str, server: ServerThread
) -> None:
    with FakeAPIMart(server.url) as world, pytest.raises(error, match=message):
        world.fail("tasks.get", "forbidden", **arguments)


def test_servers_that_share_a_state_count_together(
    start_server: StartServer, redis_url: str, tmp_path: Path
) -> None:
    location = f"dir:{tmp_path}"
    one, other = (start_server(state=redis_url, storage=location) for _ in range(2))
    with FakeAPIMart(one.url) as world:
        there = FakeAPIMart(other.url, world.api_key)
        where = {"filename": {"glob": "*.png"}, "header": {"X": {"glob": "*"}}}
        rule = world.fail(
            "uploads.create", "rate_limited", where={"filename": where["filename"]}, every=2
        )
        met = [upload(each, name="a.png").status_code for each in (world, there, world, there)]
        assert met == [200, 429, 200, 200]
        assert rule.used == 1
