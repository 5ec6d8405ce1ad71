"""`GET /_fake/metrics`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fake_apimart import create_app
from fake_apimart.settings.settings import Settings
from fake_apimart.telemetry.metrics import Metrics
from fake_apimart.telemetry.metrics_table import TABLE, Kind
from fake_apimart_storage import KeyTest, ObjectInfo, StorageError, any_key
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerProcess, ServerThread, exchange

PREFIX = "fake_apimart_"
METRICS = Metrics()
ACCEPTED = [
    *(
        "application/openmetrics-text",
        "text/plain",
        "*/*",
        "version=1.0.0",
        "version=x",
        "version=",
    ),
    *("escaping=x", "escaping=allow-utf-8", "escaping=", ";", ",", "q=", " ", "=", "\xff", "1.0"),
]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def metrics_of(url: str, headers: Mapping[str, str] = {}) -> dict[str, float]:
    """Return the samples of a server by their names with labels, our prefix left out."""
    answer = httpx.get(f"{url}/_fake/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    samples: dict[str, float] = {}
    families = text_string_to_metric_families(answer.text)
    for family in families:
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name.removeprefix(PREFIX)}{{{labels}}}"] = sample.value
    return samples


def requests_in(samples: Mapping[str, float]) -> dict[str, float]:
    prefix = "requests_total{operation="
    return {
        name.removeprefix(prefix).rstrip("}").replace(",status=", " "): value
        for name, value in samples.items()
        if name.startswith(prefix)
    }


def test_requests_are_counted_by_operation_and_status(start_server: StartServer) -> None:
    server = start_server()
    for _ in range(3):
        httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED)
    httpx.get(f"{server.url}/v1/models")
    httpx.get(f"{server.url}/v1/nothing", headers=AUTHORIZED)
    httpx.get(f"{server.url}/f/image/x")
    httpx.get(f"{server.url}/_fake/health")
    exchange(server.address, b"x\r\n\r\n")
    exchange(server.address, b"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n")
    assert requests_in(metrics_of(server.url)) == {
        "models.list 200": 3,
        "models.list 401": 1,
        "none 404": 1,
        "files.get 403": 1,
        "health 200": 1,
        "none 400": 1,
        "none 417": 1,
    }
    assert requests_in(metrics_of(server.url))["control 200"] == 1


def test_bytes_and_durations_are_added_up(start_server: StartServer) -> None:
    server = start_server()
    sent = received = 0
    for _ in range(2):
        answer = httpx.post(
            f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": ("a.png", PNG)}
        )
        sent += int(answer.request.headers["Content-Length"])
        received += len(answer.content)
    samples = metrics_of(server.url)
    assert samples["request_bytes_total{operation=uploads.create}"] == sent
    assert samples["response_bytes_total{operation=uploads.create}"] == received
    assert samples["request_duration_seconds_count{operation=uploads.create}"] == 2
    assert 0 < samples["request_duration_seconds_sum{operation=uploads.create}"] < 60
    assert samples["request_duration_seconds_bucket{le=+Inf,operation=uploads.create}"] == 2
    assert samples["worlds{}"] == 1
    assert samples["open_connections{}"] >= 1


def test_what_was_cut_is_counted(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        key = {"Authorization": f"Bearer {world.api_key}"}
        for fault in ("close_before_reading", "cut_in_body"):
            world.fail("balance.get", socket=fault)
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{server.url}/v1/balance", headers=key)
    with socket.create_connection(server.address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHo")
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
    samples = metrics_of(server.url)
    assert samples["cut_requests_total{operation=balance.get}"] == 2
    found = requests_in(samples)
    assert (found["balance.get none"], found["balance.get 200"]) == (1, 1)


class _BrokenWriter(MemoryWriter):
    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        raise StorageError("No space left on device")


class BrokenStorage(MemoryStorage):
    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return _BrokenWriter(self, info)

    async def delete_expired(self, now: float, is_own: KeyTest = any_key) -> int:
        raise StorageError("no")


def test_failures_of_the_storage_are_counted(start_server: StartServer) -> None:
    server = start_server(on=BrokenStorage())
    for _ in range(2):
        httpx.post(
            f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": ("a.png", PNG)}
        )
    samples = metrics_of(server.url)
    assert samples["storage_failures_total{call=commit}"] == 2
    assert samples["storage_failures_total{call=delete_expired}"] == 1
    assert requests_in(samples)["uploads.create 500"] == 2


def test_drawing_is_timed(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    with FakeAPIMart(server.url) as world:
        key = {"Authorization": f"Bearer {world.api_key}"}
        url = f"{server.url}/v1/images/generations"
        body = {"model": "gpt-image-2", "prompt": "a cat"}
        task = httpx.post(url, headers=key, json=body).json()["data"][0]["task_id"]
        httpx.get(f"{server.url}/v1/tasks/{task}", headers=key)
    samples = metrics_of(server.url)
    assert samples["image_jobs{job=draw}"] == 0
    assert samples["image_job_duration_seconds_count{job=draw}"] == 1


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0",
            "application/openmetrics-text; version=1.0.0",
        ),
    ],
)
def test_form_is_that_of_the_accept_header(
    accept: str, media_type: str, server: ServerThread
) -> None:
    answer = httpx.get(f"{server.url}/_fake/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(media_type)
    if "openmetrics" in media_type:
        assert list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
        assert answer.text.endswith("# EOF\n")


@given(st.lists(st.sampled_from(ACCEPTED), max_size=8).map("".join))
def test_whatever_is_accepted_there_is_a_form(accepted: str) -> None:
    content, media_type = METRICS.exposition(accepted)
    assert content.startswith(b"# HELP")
    assert media_type.isprintable()
    assert media_type.startswith(("text/plain", "application/openmetrics-text"))


def test_each_metric_of_the_table_is_there(start_server: StartServer) -> None:
    server = start_server()
    text = httpx.get(f"{server.url}/_fake/metrics").text
    for metric in TABLE:
        suffix = "_total" if metric.kind is Kind.COUNTER else ""
        assert f"# TYPE {PREFIX}{metric.name}{suffix} {metric.kind.value}\n" in text
        assert f"# HELP {PREFIX}{metric.name}{suffix} {metric.meaning}\n" in text
    assert "process_open_fds" in text


def test_metrics_are_not_for_everybody(start_server: StartServer) -> None:
    server = start_server(admin_token="t0ken")
    url = f"{server.url}/_fake/metrics"
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert httpx.get(url, headers=forwarded).status_code == 403
    assert httpx.get(url, headers={**forwarded, **AUTHORIZED}).status_code == 403
    assert httpx.get(url, headers={**forwarded, "X-Fake-Admin-Token": "t0ken"}).status_code == 200


def test_metrics_can_be_switched_off(start_server: StartServer) -> None:
    server = start_server(metrics=False)
    answer = httpx.get(f"{server.url}/_fake/metrics")
    assert answer.status_code == 404
    assert "FAKE_APIMART_METRICS is off" in answer.json()["error"]["message"]


def test_metrics_vanish_with_the_control_api(start_server: StartServer) -> None:
    server = start_server(control=False)
    assert httpx.get(f"{server.url}/_fake/metrics").status_code == 404


def test_two_applications_in_one_process_count_apart() -> None:
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(
                TestClient(
                    create_app(Settings(storage="memory://")),
                    "http://127.0.0.1",
                    client=("127.0.0.1", 1),
                )
            )
            for _ in range(2)
        )
        first.get("/v1/models", headers=AUTHORIZED)
        counted = 'requests_total{operation="models.list",status="200"} 1.0'
        assert counted in first.get("/_fake/metrics").text
        assert counted not in second.get("/_fake/metrics").text


def test_no_label_is_a_key_or_a_world(start_server: StartServer) -> None:
    server = start_server()
    for number in range(50):
        httpx.get(f"{server.url}/v1/tasks/{number}", headers={"Authorization": f"Bearer k{number}"})
        exchange(
            server.address, b"M%d /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % number
        )
    assert set(requests_in(metrics_of(server.url))) == {"tasks.get 400", "none 404"}


@pytest.mark.subprocess
def test_processes_that_share_a_folder_add_up(tmp_path: Path) -> None:
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    flags = ("--storage", f"dir:{tmp_path}/data")
    with ServerProcess(*flags, env=env) as first, ServerProcess(*flags, env=env) as second:
        for server in (first, first, second):
            httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED)
        # The first scrape of the second process is what brings its counters up to date.
        metrics_of(second.url)
        samples = metrics_of(first.url)
        assert requests_in(samples)["models.list 200"] == 3
        assert samples["request_duration_seconds_count{operation=models.list}"] == 3
        assert second.end()[0] == 0
        assert requests_in(metrics_of(first.url))["models.list 200"] == 3
