"""The examples for those who run a server: what they name is there, and answers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fake_apimart.control.access import ADMIN_TOKEN_HEADER
from fake_apimart.server import STOP_SECONDS
from fake_apimart.settings.names import PREFIX
from fake_apimart.settings.settings import Settings

from tests.conftest import StartServer

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
UNIT = EXAMPLES / "systemd" / "fake-apimart.service"
MANIFESTS = {
    each["kind"]: each
    for each in yaml.safe_load_all(
        (EXAMPLES / "kubernetes" / "fake-apimart.yml").read_text("utf-8")
    )
}
REPLICAS = {
    each["kind"]: each
    for each in yaml.safe_load_all((EXAMPLES / "kubernetes" / "replicas.yml").read_text("utf-8"))
}
SCRAPES = yaml.safe_load((EXAMPLES / "prometheus" / "prometheus.yml").read_text("utf-8"))
POD: dict[str, Any] = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
IMAGE_USER = re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)


def settings_of(variables: dict[str, str]) -> Settings:
    names = {name.removeprefix(PREFIX).lower(): value for name, value in variables.items()}
    settings = Settings.model_validate(names)
    assert set(names) == settings.model_fields_set
    return settings


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """Return what the service section of the unit says, each value of a repeated line."""
    text = UNIT.read_text("utf-8").split("[Service]")[1].split("[Install]")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def test_unit_has_settings_that_there_are(unit: dict[str, list[str]]) -> None:
    variables = dict(each.split("=", 1) for each in unit["Environment"])
    settings = settings_of(variables)
    assert settings.storage == f"dir:/var/lib/{unit['StateDirectory'][0]}"


def test_unit_waits_longer_than_the_server_takes_to_stop(unit: dict[str, list[str]]) -> None:
    assert int(unit["TimeoutStopSec"][0]) >= max(10, STOP_SECONDS + 1)
    assert unit["Restart"] == ["on-failure"]
    assert "WatchdogSec" not in unit


def test_unit_is_hardened(unit: dict[str, list[str]]) -> None:
    assert unit["DynamicUser"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["NoNewPrivileges"] == ["yes"]


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this system has no systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    # The command need not be installed where this runs.
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"/opt/\S+/fake-apimart ", "/bin/true ", UNIT.read_text("utf-8")))
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    about_it = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, about_it) == (0, [])


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_for_a_path_that_answers(probe: str, start_server: StartServer) -> None:
    server = start_server(control=False)
    asked = CONTAINER[probe]["httpGet"]
    assert asked["port"] in [port["name"] for port in CONTAINER["ports"]]
    answer = httpx.get(f"{server.url}{asked['path']}", headers={"Host": "10.0.0.1:8080"})
    assert answer.status_code == 200


def test_container_has_settings_that_there_are() -> None:
    settings = settings_of({each["name"]: each.get("value", "t") for each in CONTAINER["env"]})
    assert settings.storage == f"dir:{CONTAINER['volumeMounts'][0]['mountPath']}"
    # Kubernetes would set a variable with our prefix that is no setting.
    assert POD["enableServiceLinks"] is False
    assert POD["terminationGracePeriodSeconds"] >= max(10, STOP_SECONDS + 1)


def test_container_has_no_rights_that_it_does_not_need() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert IMAGE_USER is not None
    assert POD["securityContext"]["runAsUser"] == int(IMAGE_USER[1])
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = {each["name"] for each in POD["volumes"]}
    assert {each["name"] for each in CONTAINER["volumeMounts"]} == volumes


def test_replicas_have_a_state_and_a_storage_that_they_share() -> None:
    configured = REPLICAS["ConfigMap"]["data"]
    settings = settings_of({k: v for k, v in configured.items() if k.startswith(PREFIX)})
    assert settings.storage.startswith("s3://")
    assert settings.state == "redis://valkey:6379/0"
    assert REPLICAS["Deployment"]["spec"]["replicas"] == 3


def test_replicas_are_run_as_the_one_server_is() -> None:
    pod = REPLICAS["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for name in ("securityContext", "startupProbe", "livenessProbe", "ports", "resources", "image"):
        assert container[name] == CONTAINER[name]
    assert container["readinessProbe"]["httpGet"] == CONTAINER["readinessProbe"]["httpGet"]
    assert pod["securityContext"].items() < POD["securityContext"].items()
    assert pod["enableServiceLinks"] is False
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > waits + STOP_SECONDS + 1
    (reference,) = container["envFrom"]
    assert reference["configMapRef"]["name"] == REPLICAS["ConfigMap"]["metadata"]["name"]


def test_replicas_belong_to_their_service() -> None:
    labels = REPLICAS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert REPLICAS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert REPLICAS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert REPLICAS["Service"] == MANIFESTS["Service"]


def test_manifests_belong_together() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    (port,) = MANIFESTS["Service"]["spec"]["ports"]
    assert port["targetPort"] == CONTAINER["ports"][0]["name"]
    claim = POD["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"] == claim


def test_prometheus_asks_for_what_answers(start_server: StartServer) -> None:
    server = start_server()
    for scrape in SCRAPES["scrape_configs"]:
        assert httpx.get(f"{server.url}{scrape['metrics_path']}").status_code == 200
    assert list(SCRAPES["scrape_configs"][1]["http_headers"]) == [ADMIN_TOKEN_HEADER]
