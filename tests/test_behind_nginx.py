"""Three replicas behind the nginx of examples/nginx: what a client sees, and what nginx changes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from fake_apimart.control.requests import MAX_WAIT_SECONDS
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.settings.settings import Settings
from fake_apimart.targets.foreign import find

from tests.harness import (
    AUTHORIZED,
    DATA,
    PNG,
    ServerThread,
    connection,
    parse_head,
    read_answer,
    upload_request,
    wait_until,
)
from tests.nginx import LISTEN, needs_nginx, nginx
from tests.redis_server import RedisServer
from tests.replicas import replicas

ROOT = Path(__file__).parents[1]
SITE = (ROOT / "examples" / "nginx" / "fake-apimart.conf").read_text("utf-8")
PAGE = (ROOT / "docs" / "scaling.md").read_text("utf-8")
CHANGED: dict[str, list[str]] = yaml.safe_load((DATA / "behind_nginx.yaml").read_text("utf-8"))
REPLICAS = 3

pytestmark = needs_nginx


def site_for(urls: list[str]) -> str:
    """Return the example for servers that have addresses, where Docker's name server is not."""
    (line,) = re.findall(r"^ *server fake-apimart:8080 resolve (.*);$", SITE, re.MULTILINE)
    servers = "".join(f"server {httpx.URL(url).netloc.decode()} {line};\n" for url in urls)
    site = re.sub(r"^resolver .*$", "", SITE, flags=re.MULTILINE)
    site = re.sub(r"^ *server fake-apimart:8080.*$", servers, site, flags=re.MULTILINE)
    return site.replace("listen 8080;", LISTEN)


@pytest.fixture(scope="module")
def url(_shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of an nginx in front of three replicas."""
    folders = [tmp_path_factory.mktemp(name) for name in ("files", "nginx")]
    with (
        replicas(REPLICAS, folders[0], _shared_redis.url) as servers,
        nginx(folders[1], site_for(servers.urls)) as there,
    ):
        yield there


def test_cases_hold_but_for_what_nginx_itself_changes(url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["verify", "--target", url, "--json", str(report)]
    subprocess.run(
        [sys.executable, "-m", "fake_apimart", *command],
        capture_output=True,
        timeout=300,
        check=False,
    )
    results = json.loads(report.read_text("utf-8"))["results"]
    by_state: dict[str, set[str]] = {}
    for each in results:
        by_state.setdefault(each["state"], set()).add(f"{each['operation']}/{each['case']}")
    known = {case for cases in CHANGED.values() for case in cases}
    assert by_state["broken"] - known == set()
    assert known <= by_state["broken"] | by_state["held"], "cases that there are"
    assert len(by_state["held"]) > 600


def test_page_says_what_nginx_changes() -> None:
    text = " ".join(PAGE.split())
    assert [reason for reason in CHANGED if reason not in text] == []


def test_configuration_gives_requests_as_much_time_as_the_server() -> None:
    seconds = {name: float(value) for name, value in re.findall(r"(\w+_timeout) (\d+)s;", SITE)}
    settings = {name: Settings.model_fields[name].default for name in Settings.model_fields}
    assert seconds["client_header_timeout"] >= settings["head_seconds"]
    assert seconds["client_body_timeout"] >= settings["body_pause_seconds"]
    assert seconds["send_timeout"] >= settings["download_pause_seconds"]
    assert seconds["proxy_read_timeout"] > MAX_WAIT_SECONDS
    # Else it would send a request on a connection that the server is about to close.
    (upstream,) = re.findall(r"^upstream .*?\n}", SITE, re.DOTALL | re.MULTILINE)
    (kept,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert float(kept) < settings["keep_alive_seconds"]


def test_url_of_a_file_is_that_of_nginx_and_every_replica_serves_it(url: str) -> None:
    files = {"file": ("a.png", PNG)}
    uploaded = httpx.post(f"{url}/v1/uploads/images", headers=AUTHORIZED, files=files).json()
    assert uploaded["url"].startswith(f"{url}/f/image/")
    for _ in range(2 * REPLICAS):
        assert httpx.get(uploaded["url"]).content == PNG


def test_upload_that_is_refused_is_so_before_its_body_has_come(url: str) -> None:
    head = upload_request(b"", {"Content-Length": "50000000", "Authorization": None})
    there = httpx.URL(url)
    with connection((there.host, there.port or 80)) as sock:
        sock.sendall(head + bytes(1000))
        assert parse_head(read_answer(sock))[0] == 401


def test_wait_on_one_replica_is_woken_by_a_request_to_any(url: str) -> None:
    key = {"Authorization": "Bearer sk-waits"}
    for _ in range(REPLICAS):
        httpx.post(f"{url}/_fake/reset", headers=key, json={}).raise_for_status()
        with ThreadPoolExecutor() as threads:
            wait = f"{url}/_fake/requests/wait?operation=models.list&count=1&timeout=20"
            waiting = threads.submit(httpx.get, wait, headers=key, timeout=30)
            wait_until(waiting.running, "it waits")
            httpx.get(f"{url}/v1/models", headers=key).raise_for_status()
            assert waiting.result().status_code == 200


@pytest.mark.parametrize("fault", SOCKET_FAULTS)
def test_fault_of_a_connection_is_one_behind_nginx_too(fault: str, url: str) -> None:
    key = {"Authorization": f"Bearer sk-{fault}"}
    rule = {"operation": "models.list", "socket": fault, "times": 1}
    httpx.post(f"{url}/_fake/faults", headers=key, json=rule).raise_for_status()
    models = f"{url}/v1/models"
    if fault in ("close_before_reading", "reset_after_reading"):
        # What a client would see as a connection that ends.
        assert httpx.get(models, headers=key).status_code == 502
        assert "502" in PAGE
        return
    if fault in ("one_byte_per_second", "dribble"):
        with httpx.stream("GET", models, headers=key) as answer:
            assert len(next(answer.iter_raw())) < 10
        return
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadTimeout)):
        httpx.get(models, headers=key, timeout=2)


def test_verify_finds_out_that_somebody_in_between_adds_headers(
    url: str, server: ServerThread
) -> None:
    assert find(server.url).is_direct
    assert not find(url).is_direct
