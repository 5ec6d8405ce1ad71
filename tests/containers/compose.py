"""The compose files, each started with its own commands and health checks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from tests.containers.engine import IMAGE, PROJECT, Published, docker, workflow
from tests.containers.stores import StandIns
from tests.generating import upload
from tests.harness import JPEG, PNG
from tests.stores import free_port

STORE_FILES = ("docker-compose.yml", "compose.versitygw.yml")
REDIRECT = "compose.redirect.yml"
STORE_PORTS = "compose.store-ports.yml"

# A port of each container's own, at which nobody listens.
NO_PROXY_THERE = "http://127.0.0.1:9"

FROM_WITHIN = """
import json, sys
from urllib.request import Request, urlopen
content = sys.stdin.buffer.read()
head = b'--b\\r\\nContent-Disposition: form-data; name="file"; filename="a.png"\\r\\n\\r\\n'
headers = {"Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=b"}
body = head + content + b"\\r\\n--b--\\r\\n"
request = Request("http://fake-apimart:8080/v1/uploads/images", body, headers)
url = json.load(urlopen(request))["url"]
assert url.startswith("http://fake-apimart:8080/f/image/"), url
answer = urlopen(url)
assert answer.read() == content
print(answer.url.partition("//")[2].partition("/")[0])
"""
"""Uploads a picture and reads it back, with what the image has; prints the host that sent it."""


@dataclass(frozen=True)
class Project:
    """A project of compose: its files, and the environment of its commands."""

    files: tuple[str, ...]
    env: Mapping[str, str]

    def __call__(self, *arguments: str, **settings: str) -> str:
        """Run a command of compose, with some settings in its environment."""
        files = [word for file in self.files for word in ("--file", file)]
        command = ("compose", "--project-name", PROJECT, *files, *arguments)
        return docker(*command, env={**self.env, **settings})

    def up(self, **settings: str) -> None:
        self("up", "--wait", "--no-build", **settings)

    def beside(self, file: str) -> Project:
        """Return the project with one more file."""
        return replace(self, files=(*self.files, file))


def check(file: str, stand_ins: StandIns, folder: Path) -> None:
    """Check one of the compose files that have a store, alone and with what stands beside it."""
    ports = {name: str(free_port()) for name in ("FAKE_APIMART_PORT", "S3_PORT", "S3_CONSOLE_PORT")}
    env = {**stand_ins, **ports, "DOCKER_CONFIG": str(config_with_proxy(folder / file))}
    project = Project((file,), env)
    server = Published(int(ports["FAKE_APIMART_PORT"]))
    try:
        project.up()
        check_files(project, server)
        check_reset(project, server)
        check_settings(project, server)
        check_redirects(project, server)
        check_store_ports(project)
    except BaseException:
        sys.stderr.write(project("logs"))
        raise
    finally:
        project("down", "--volumes")


def config_with_proxy(folder: Path) -> Path:
    """Return a configuration of Docker's client that gives all containers a proxy that is none."""
    own = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    folder.mkdir()
    settings = {}
    for each in own.iterdir() if own.is_dir() else ():
        if each.name == "config.json":
            settings = json.loads(each.read_text("utf-8"))
        else:
            (folder / each.name).symlink_to(each)
    proxies = {"httpProxy": NO_PROXY_THERE, "httpsProxy": NO_PROXY_THERE}
    text = json.dumps({**settings, "proxies": {"default": proxies}})
    (folder / "config.json").write_text(text, "utf-8")
    return folder


def check_files(project: Project, server: Published) -> None:
    """Check that uploads and URLs work for this machine and other containers, and stay."""
    urls = workflow(server)
    assert from_within() == "fake-apimart:8080"
    names = project("exec", "-T", "s3", "find", "/data", "-path", "*/image/*")
    assert all(url.rpartition("/")[2] in names for url in urls)
    before = [httpx.get(url).content for url in urls]
    project("restart")
    project.up()
    assert [httpx.get(url).content for url in urls] == before


def from_within() -> str:
    """Upload and read from another container; return the host that the bytes came from."""
    network = ("--network", f"{PROJECT}_default", "--entrypoint", "python", "--interactive")
    return docker("run", "--rm", *network, IMAGE, "-c", FROM_WITHIN, stdin=PNG)


def check_reset(project: Project, server: Published) -> None:
    """Check that the command in the container resets the whole server, as its operator."""
    url = upload(server, JPEG)
    project("exec", "-T", "fake-apimart", "fake-apimart", "reset")
    assert httpx.get(url).status_code == httpx.codes.FORBIDDEN


def check_settings(project: Project, server: Published) -> None:
    """Check that settings of this machine reach the container, and no port of the store is open."""
    project.up(FAKE_APIMART_DIALECT="live", FAKE_APIMART_API_KEYS="a-key,another")
    answer = httpx.get(f"{server.url}/v1/models", headers={"Authorization": "Bearer third"})
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    known = httpx.get(
        f"{server.url}/v1/images/generations/x", headers={"Authorization": "Bearer a-key"}
    )
    assert known.status_code == httpx.codes.NOT_FOUND
    assert published_ports(project) == []


def published_ports(project: Project) -> list[str]:
    """Return the ports of the store that are published on this machine."""
    container = project("ps", "--quiet", "s3")
    ports = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", container))
    return sorted(each["HostPort"] for open_ in ports.values() for each in open_ or ())


def check_redirects(project: Project, server: Published) -> None:
    """Check that redirects lead this machine to the store, or other containers where so set."""
    redirecting = project.beside(REDIRECT)
    redirecting.up()
    url = upload(server, JPEG)
    first = httpx.get(url)
    assert first.status_code == httpx.codes.FOUND
    assert first.headers["Location"].startswith(f"http://127.0.0.1:{project.env['S3_PORT']}/")
    assert httpx.get(url, follow_redirects=True).content == JPEG
    redirecting.up(FAKE_APIMART_S3_PUBLIC_ENDPOINT="http://s3:9000")
    assert from_within() == "s3:9000"


def check_store_ports(project: Project) -> None:
    """Check that the store's ports are there for those who ask for them."""
    asked = project.beside(STORE_PORTS)
    asked.up()
    ports = [project.env[name] for name in ("S3_PORT", "S3_CONSOLE_PORT")]
    assert published_ports(asked) == sorted(ports)
    assert httpx.get(f"http://127.0.0.1:{ports[0]}/").status_code == httpx.codes.FORBIDDEN
