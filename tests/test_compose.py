"""The compose files, as far as they can be read without Docker: `make docker-test` starts them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from fake_apimart.server import STOP_SECONDS
from fake_apimart.settings.names import PREFIX, variable_of
from fake_apimart.settings.settings import Settings

from tests.containers import compose, page
from tests.go_programs import MINIO, VERSITYGW, GoProgram
from tests.pages import one_liners

ROOT = Path(__file__).parents[1]
FILES = sorted(path.name for path in ROOT.glob("*compose*.yml"))
STARTED = [*compose.STORE_FILES]
SCALE = "compose.scale.yml"
BESIDE = [compose.REDIRECT, compose.STORE_PORTS]
BASE = "compose.server.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE_S_OWN = {"host", "port", "storage"}


def services(file: str) -> dict[str, Any]:
    """Return the services of a compose file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text("utf-8"))["services"]
    return found


def server(file: str) -> dict[str, Any]:
    """Return the server of a compose file, with what it has of the file that it extends."""
    own = dict(services(file)["fake-apimart"])
    base = own.pop("extends", None)
    if base is None:
        return own
    inherited = services(base["file"])[base["service"]]
    environment = {**inherited["environment"], **own.get("environment", {})}
    return {**inherited, **own, "environment": environment}


def test_each_file_is_known_here() -> None:
    assert set(FILES) == {*STARTED, *BESIDE, BASE, SCALE}


@pytest.mark.parametrize("file", STARTED)
def test_every_setting_of_the_environment_reaches_the_container(file: str) -> None:
    environment = server(file)["environment"]
    passed = {name for name, value in environment.items() if value is None}
    assert passed == {variable_of(name) for name in Settings.model_fields.keys() - COMPOSE_S_OWN}
    given = {name for name in environment if name.startswith(PREFIX)} - passed
    assert given == {"FAKE_APIMART_STORAGE"}


@pytest.mark.parametrize("file", STARTED)
def test_port_that_is_published_is_a_variable_and_open_to_this_machine_alone(file: str) -> None:
    assert server(file)["ports"] == ["127.0.0.1:${FAKE_APIMART_PORT:-8080}:8080"]
    assert "FAKE_APIMART_PORT=8080" in DOCKERFILE
    assert "FAKE_APIMART_HOST=0.0.0.0" in DOCKERFILE


@pytest.mark.parametrize("file", STARTED)
def test_store_is_asked_directly_and_publishes_nothing(file: str) -> None:
    environment = server(file)["environment"]
    host = urlsplit(environment["AWS_ENDPOINT_URL_S3"]).hostname
    assert host in services(file)
    assert "ports" not in services(file)["s3"]
    for name in ("NO_PROXY", "no_proxy"):
        # What the user has in it stays.
        assert environment[name].split(",") == [host, "localhost", "127.0.0.1", f"${{{name}:-}}"]


@pytest.mark.parametrize("file", STARTED)
def test_server_waits_for_a_store_that_has_a_health_check_and_keeps_its_files(file: str) -> None:
    found = yaml.safe_load((ROOT / file).read_text("utf-8"))
    store = found["services"]["s3"]
    assert server(file)["depends_on"] == {"s3": {"condition": "service_healthy"}}
    assert store["healthcheck"]["test"][0] == "CMD"
    (volume,) = store["volumes"]
    assert volume.removesuffix(":/data") in found["volumes"]


def test_each_store_has_a_volume_of_its_own() -> None:
    volumes = [services(file)["s3"]["volumes"][0] for file in STARTED]
    assert len(set(volumes)) == len(STARTED)


@pytest.mark.parametrize("file", STARTED)
def test_server_has_more_time_to_stop_than_it_needs(file: str) -> None:
    assert int(server(file)["stop_grace_period"].removesuffix("s")) >= 2 * STOP_SECONDS


@pytest.mark.parametrize("file", BESIDE)
def test_file_beside_others_is_about_services_that_each_has(file: str) -> None:
    for started in STARTED:
        assert services(file).keys() <= services(started).keys()
    assert all("image" not in service for service in services(file).values())


def test_three_servers_share_a_state_and_a_store_behind_a_proxy() -> None:
    found = services(SCALE)
    scaled = server(SCALE)
    assert scaled["deploy"]["replicas"] == 3
    assert scaled["environment"]["FAKE_APIMART_STATE"] == "redis://valkey:6379/0"
    assert "ports" not in scaled
    waits = {name: {"condition": "service_healthy"} for name in ("s3", "valkey")}
    assert scaled["depends_on"] == waits
    assert found["proxy"]["ports"] == ["127.0.0.1:${FAKE_APIMART_PORT:-8080}:8080"]
    assert found["s3"]["extends"] == {"file": STARTED[0], "service": "s3"}
    assert all("healthcheck" in found[name] for name in ("proxy", "valkey"))


def test_proxy_has_the_example_and_asks_the_service_by_its_name() -> None:
    (volume,) = services(SCALE)["proxy"]["volumes"]
    path, target, mode = volume.split(":")
    site = (ROOT / path).read_text("utf-8")
    assert (target, mode) == ("/etc/nginx/conf.d/default.conf", "ro")
    assert "server fake-apimart:8080 resolve" in site
    assert "listen 8080;" in site


def test_every_volume_of_the_scaled_file_is_declared() -> None:
    found = yaml.safe_load((ROOT / SCALE).read_text("utf-8"))
    (store,) = services(STARTED[0])["s3"]["volumes"]
    (state,) = found["services"]["valkey"]["volumes"]
    assert {store.partition(":")[0], state.partition(":")[0]} == set(found["volumes"])


def test_redirects_lead_to_the_port_that_is_published_for_them() -> None:
    redirect = services(compose.REDIRECT)
    environment = redirect["fake-apimart"]["environment"]
    assert environment["FAKE_APIMART_DELIVERY"] == "redirect"
    public = re.sub(
        r"^\$\{FAKE_APIMART_S3_PUBLIC_ENDPOINT:-http://(.*)\}$",
        r"\1",
        environment["FAKE_APIMART_S3_PUBLIC_ENDPOINT"],
    )
    assert redirect["s3"]["ports"] == [f"{public}:9000"]


def test_tests_have_the_minio_whose_image_is_started() -> None:
    release = re.search(r"RELEASE\.([\dTZ-]+)@sha256:", services(STARTED[0])["s3"]["image"])
    assert release is not None
    committed = re.search(r"-(\d{14})-", MINIO.version)
    assert committed is not None
    assert re.sub(r"\D", "", release[1]) == committed[1]


def test_tests_have_the_versitygw_whose_image_is_started() -> None:
    image = services(STARTED[1])["s3"]["image"]
    assert image.removesuffix("}").rpartition(":")[2] == VERSITYGW.version


def test_nothing_is_fetched_in_a_version_of_the_day() -> None:
    read = [
        *ROOT.glob("*compose*.yml"),
        *ROOT.glob(".github/workflows/*"),
        *ROOT.glob("t*/**/*.py"),
    ]
    read += [ROOT / name for name in (".ci/run", "Dockerfile", "Makefile")]
    of_the_day = re.compile(r"[\w-]@latest|image: \S+:latest")
    found = {path for path in read if of_the_day.search(path.read_text("utf-8"))}
    assert found == {Path(__file__)}


@pytest.mark.skipif(os.name == "nt", reason="programs have another name there")
def test_program_is_found_by_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.go_programs.CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "on-the-path"))
    monkeypatch.delenv("CI", raising=False)
    program = GoProgram("example.com/some/tool", "v1.2.3")
    with pytest.raises(pytest.skip.Exception, match=r"go install example.com/some/tool@v1\.2\.3"):
        program.path()
    (tmp_path / "on-the-path").mkdir()
    anyone_s = tmp_path / "on-the-path" / "tool"
    anyone_s.touch(mode=0o755)
    assert program.path() == anyone_s
    program.folder.mkdir()
    built = program.folder / "tool"
    built.touch()
    assert program.path() == built
    assert GoProgram("example.com/some/tool", "v1.2.4").path() == anyone_s


def test_image_builds_with_the_engine_of_debian_12() -> None:
    (check,) = re.findall(r"^HEALTHCHECK (.*)", DOCKERFILE, re.MULTILINE)
    flags = set(re.findall(r"--([a-z-]+)=", check))
    # What version 20.10 knows.
    assert flags <= {"interval", "timeout", "start-period", "retries"}
    # What the older builder of the same version does not know.
    assert not re.search(r"^(COPY|RUN|ADD) .*--(mount|link|chmod)\b|<<", DOCKERFILE, re.MULTILINE)


def test_page_on_docker_names_every_file_and_every_variable_of_compose() -> None:
    texts = [(ROOT / file).read_text("utf-8") for file in FILES]
    variables = {name for text in texts for name in re.findall(r"\$\{(\w+)", text)}
    named = {*variables} - {"no_proxy"}
    assert [name for name in (*FILES, *sorted(named)) if f"`{name}" not in page.PAGE] == []


def test_page_on_docker_begins_with_the_command_of_the_readme() -> None:
    assert page.BLOCKS[0] == "docker compose up --wait\n"
    assert page.BLOCKS[0].strip() in one_liners()
