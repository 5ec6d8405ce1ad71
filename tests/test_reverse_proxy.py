"""Behind a real nginx, as it comes and as docs/servers.md configures it."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerThread
from tests.nginx import LISTEN, needs_nginx, nginx

PAGE = Path(__file__).parents[1] / "docs" / "servers.md"
STOCK = "location / { proxy_pass http://127.0.0.1:8080; }"
REFUSING = STOCK + " location /_fake/ { return 403; }"
PUBLIC = "http://fake.example"

pytestmark = needs_nginx


def in_front_of(server: ServerThread, locations: str, folder: Path) -> AbstractContextManager[str]:
    """Run nginx with some locations in front of a server; it has the URL."""
    here = locations.replace(":8080", f":{server.address[1]}")
    return nginx(folder, f"server {{ {LISTEN}\n{here}\n}}")


def documented_locations() -> str:
    """Return the example of the page on servers."""
    (example,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(example)


@pytest.mark.parametrize(
    "settings",
    [
        {"public_url": PUBLIC},
        {"public_hosts": "fake.example"},
        {"trusted_proxies": "127.0.0.1"},
    ],
    ids=str,
)
def test_whole_server_needs_the_token_behind_a_stock_nginx(
    settings: dict[str, Any], start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(admin_token="token", **settings)
    with in_front_of(server, STOCK, tmp_path) as url, httpx.Client(base_url=url) as client:
        assert client.post("/_fake/reset", json={}).status_code == 403
        assert client.get("/_fake/requests").status_code == 403
        told = {"X-Fake-Admin-Token": "token"}
        assert client.post("/_fake/reset", json={}, headers=told).status_code == 200
        assert client.get("/_fake/world", headers=AUTHORIZED).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/_fake/world", "//_fake/world", "/%5ffake/world", "/_fake%2fworld", "/x/%2e%2e/_fake/world"],
)
def test_no_spelling_passes_a_proxy_that_refuses_the_control_api(
    path: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    with in_front_of(server, REFUSING, tmp_path) as url:
        assert httpx.get(url + path).status_code == 403


def test_documented_example_serves_below_its_prefix(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(trusted_proxies="127.0.0.1")
    spoofed = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "https",
    }
    headers = {**AUTHORIZED, **spoofed, "Host": "fake.example"}
    with (
        in_front_of(server, documented_locations(), tmp_path) as url,
        httpx.Client(base_url=f"{url}/fake", headers=headers) as client,
    ):
        file = client.post("/v1/uploads/images", files={"file": ("a.png", PNG)}).json()["url"]
        assert file.startswith(f"{PUBLIC}/fake/f/image/")
        assert httpx.get(url + urlsplit(file).path).content == PNG
        moved = client.get("/v1/models/").headers["location"]
        assert urlsplit(moved).path == "/fake/v1/models"
        (style,) = re.findall(r'href="(/[^"]*)"', client.get("/docs").text)
        assert httpx.get(url + style).headers["content-type"].startswith("text/css")
        assert client.post("/_fake/reset", json={}, headers=AUTHORIZED).status_code == 200
        assert httpx.post(f"{url}/fake/_fake/reset", json={}).status_code == 403
