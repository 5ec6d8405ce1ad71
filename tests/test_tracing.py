"""Traces, as a collector receives them."""

from __future__ import annotations

import http.server
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from fake_apimart.common.clock import SystemClock
from fake_apimart.telemetry.tracing_environment import tracing_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness import AUTHORIZED, PNG, ServerProcess, exchange
from tests.test_redaction import MARK, requests_with_secrets

MEMORY = ("--storage", "memory://", "--task-seconds", "0")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}

pytestmark = pytest.mark.subprocess

Span = dict[str, Any]


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes OTLP by HTTP, and callbacks on all other paths."""

    protocol_version = "HTTP/1.1"
    raw: list[bytes]
    callbacks: list[dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.raw.append(body)
        else:
            self.callbacks.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Collected:
    def __init__(self, port: int, handler: type[Collector]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._handler = handler

    @property
    def raw(self) -> bytes:
        return b"".join(self._handler.raw)

    @property
    def callbacks(self) -> list[dict[str, str]]:
        return self._handler.callbacks

    def spans(self) -> list[Span]:
        return [
            {
                "name": span.name,
                "trace": span.trace_id.hex(),
                "parent": span.parent_span_id.hex(),
                "id": span.span_id.hex(),
                "error": span.status.code == 2,
                "resource": _attributes(group.resource.attributes),
                **_attributes(span.attributes),
            }
            for body in self._handler.raw
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


def _attributes(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes
    }


@pytest.fixture
def collected() -> Iterator[Collected]:
    handler = type("Handler", (Collector,), {"raw": [], "callbacks": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield Collected(listening.server_address[1], handler)
        listening.shutdown()


def tracing_to(url: str, **more: str) -> Mapping[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **more}


def test_request_is_a_span_in_the_trace_of_its_client(collected: Collected) -> None:
    with ServerProcess(*MEMORY, env=tracing_to(collected.url, OTEL_SERVICE_NAME="mine")) as server:
        answer = httpx.post(
            f"{server.url}/v1/uploads/images?token=s3cret",
            headers={**AUTHORIZED, **TRACEPARENT},
            files={"file": ("a.png", PNG)},
        )
        httpx.get(f"{server.url}/v1/models")
        assert server.end()[0] == 0
    spans = {span["name"]: span for span in collected.spans()}
    upload = spans["uploads.create"]
    assert (upload["trace"], upload["parent"], upload["error"]) == (TRACE, PARENT, False)
    assert upload["http.request.method"] == "POST"
    assert upload["http.response.status_code"] == 200
    assert upload["url.path"] == "/v1/uploads/images"
    assert upload["fake_apimart.request_id"] == answer.headers["X-Oneapi-Request-Id"]
    assert upload["resource"]["service.name"] == "mine"
    stored = spans["storage.commit"]
    assert (stored["trace"], stored["parent"]) == (TRACE, upload["id"])
    refused = spans["models.list"]
    assert refused["fake_apimart.reason"] == "invalid API key"
    assert refused["parent"] == ""
    assert refused["resource"]["service.name"] == "mine"


def test_callback_goes_on_with_the_trace_of_its_task(collected: Collected) -> None:
    with ServerProcess(*MEMORY, env=tracing_to(collected.url)) as server:
        httpx.post(
            f"{server.url}/v1/images/generations",
            headers={**AUTHORIZED, **TRACEPARENT},
            json={"model": "gpt-image-2", "prompt": "p", "webhook": f"{collected.url}/x?k=s3cret"},
        )
        deadline = time.monotonic() + 10
        while not collected.callbacks and time.monotonic() < deadline:
            time.sleep(0.05)
        server.end()
    (callback,) = collected.callbacks
    spans = {span["name"]: span for span in collected.spans()}
    assert callback["traceparent"] == f"00-{TRACE}-{spans['callback']['id']}-01"
    assert spans["callback"]["parent"] == spans["generations.create"]["id"]
    assert spans["generations.create"]["resource"]["service.name"] == "fake-apimart"


def test_no_span_has_a_secret(collected: Collected) -> None:
    sent = requests_with_secrets("Bearer sk-a-key-of-some-length")
    with ServerProcess(*MEMORY, env=tracing_to(collected.url)) as server:
        for each in sent:
            exchange(server.address, each)
        time.sleep(0.5)
        server.end()
    assert len(collected.spans()) > len(sent)
    assert MARK.encode() not in collected.raw
    assert b"sk-a-key-of-some-length" not in collected.raw


@pytest.mark.parametrize("behaviour", ["refuses", "hangs"])
def test_dead_collector_delays_neither_requests_nor_the_stop(behaviour: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if behaviour == "refuses":
            listener.close()
        env = tracing_to(url, OTEL_BSP_SCHEDULE_DELAY="100")
        with ServerProcess(*MEMORY, env=env) as server:
            for _ in range(3):
                began = time.monotonic()
                httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED)
                assert time.monotonic() - began < 2
                time.sleep(0.3)
            began = time.monotonic()
            status, log = server.end()
            assert time.monotonic() - began < 8
    assert status == 0
    assert "Traceback" not in log
    assert log.count("spans could not be exported") <= 1


START = """
import asyncio, sys
from fake_apimart.app import create_app
from fake_apimart.settings.settings import Settings

async def main():
    app = create_app(Settings(storage="memory://", metrics=False))
    async with app.router.lifespan_context(app):
        pass

asyncio.run(main())
# FastAPI imports OpenTelemetry's interface by itself where it is installed.
ours = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client")
print([name for name in sys.modules if name.startswith(ours)])
"""
UNWANTED = {
    "nothing is set": {},
    "disabled": {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"},
    "no traces": {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"},
}


@pytest.mark.parametrize("variables", UNWANTED.values(), ids=UNWANTED)
def test_nothing_is_imported_where_nothing_is_wanted(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


REFUSED = {
    "grpc": ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf is known"),
    "console": ({"OTEL_TRACES_EXPORTER": "console"}, "only otlp and none are known"),
    "a wrong number": ({"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, "no traces: ValueError"),
}


@pytest.mark.parametrize(("variables", "line"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_had_is_a_line_and_no_error(
    variables: Mapping[str, str],
    line: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **variables}
    assert tracing_of(environment, SystemClock()) is None
    assert line in caplog.text


def test_missing_extra_is_a_line_and_no_error(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.delitem(sys.modules, "fake_apimart.telemetry.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert tracing_of(tracing_to("http://127.0.0.1:1"), SystemClock()) is None
    assert "pip install 'fake-apimart[otel]'" in caplog.text
