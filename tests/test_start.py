"""What a start loads, and what it does without: as little as the first answer needs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.imports import imported, table

pytestmark = pytest.mark.subprocess

LIBRARIES = {
    *("PIL", "magic", "pylibmagic", "ulid"),
    *("boto3", "botocore", "certifi", "h11", "httpx", "redis", "urllib3", "yaml"),
    *("markdown_it", "pygments", "rich", "typer.rich_utils"),
    *("opentelemetry.exporter", "opentelemetry.sdk", "uvicorn.protocols"),
}
ROOMS = {
    *(
        "cases",
        "client",
        "fidelity",
        "probe",
        "readiness",
        "reports",
        "snapshots",
        "targets",
        "verify",
    ),
    *("pictures.drawing", "state.redis", "telemetry.tracing", "testing", "workers"),
}
"""Of ours, what other commands and other settings need."""
MISSING = "no module boto3: install it by pip install 'fake-apimart[s3]'\n"


def test_nothing_is_imported_that_the_first_answer_does_not_need() -> None:
    heavy = LIBRARIES | {f"fake_apimart.{room}" for room in ROOMS}
    assert all(map(importlib.util.find_spec, heavy)), "these are their names"
    seconds = imported("--storage", "memory://")
    assert [
        name for name in heavy if any(f"{each}.".startswith(f"{name}.") for each in seconds)
    ] == []
    assert "fake_apimart" in table(seconds)


@pytest.fixture
def without_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes be without boto3."""
    missing = "raise ModuleNotFoundError('No module named boto3', name='boto3')\n"
    (tmp_path / "boto3.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.usefixtures("without_boto3")
@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--port", "0", "--storage", "s3://bucket"),
        ("verify", "--storage", "s3://bucket"),
    ],
)
def test_s3_without_its_extra_is_refused_in_a_line_that_says_what_to_install(
    arguments: tuple[str, ...],
) -> None:
    refused = command(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"fake-apimart: --storage s3://bucket: {MISSING}"


@pytest.mark.usefixtures("without_boto3")
@pytest.mark.parametrize("name", ["serve", "reset", "ready"])
def test_s3_of_a_variable_without_the_extra_is_refused_likewise(name: str) -> None:
    refused = command(name, FAKE_APIMART_STORAGE="s3://bucket")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"fake-apimart: FAKE_APIMART_STORAGE=s3://bucket: {MISSING}"


@pytest.mark.usefixtures("without_boto3")
def test_application_on_s3_without_the_extra_is_refused_likewise() -> None:
    program = "import fake_apimart; fake_apimart.create_app()"
    refused = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FAKE_APIMART_STORAGE": "s3://bucket"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr.endswith(f"InvalidSettings: FAKE_APIMART_STORAGE=s3://bucket: {MISSING}")


@pytest.mark.usefixtures("without_boto3")
def test_other_storages_do_without_boto3(tmp_path: Path) -> None:
    for storage in ("memory://", f"dir:{tmp_path}/data"):
        assert "fake_apimart.server" in imported("--storage", storage)
