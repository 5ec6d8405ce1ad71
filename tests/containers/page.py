"""Every command of docs/docker.md, as its reader would run them, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.containers.engine import PROJECT, ROOT, docker
from tests.containers.stores import StandIns
from tests.pages import blocks
from tests.stores import free_port

PAGE = (ROOT / "docs" / "docker.md").read_text("utf-8")
BLOCKS = blocks(ROOT / "docs" / "docker.md", "sh")
FILES = (
    *("Dockerfile", ".dockerignore", "pyproject.toml", "hatch_build.py"),
    *("constraints.txt", "README.md", "LICENSE"),
)
FOLDERS = ("clients/python", "server", "storage")

ALONE = f"{PROJECT}-alone"
"""What containers and volumes are called here, so that none of a user's is touched."""


def check(stand_ins: StandIns, folder: Path) -> None:
    """Run the commands in a copy of the project, on free ports. Raises CalledProcessError."""
    copy = folder / "project"
    copy_of_project(copy)
    names = ("FAKE_APIMART_PORT", "S3_PORT", "S3_CONSOLE_PORT")
    env = {
        **os.environ,
        **stand_ins,
        **{name: str(free_port()) for name in names},
        "COMPOSE_PROJECT_NAME": PROJECT,
    }
    script = "\n".join(adapted(block, free_port()) for block in BLOCKS)
    try:
        subprocess.run(["bash", "-euxo", "pipefail", "-c", script], cwd=copy, env=env, check=True)
    finally:
        for file in ("docker-compose.yml", "compose.versitygw.yml"):
            docker("compose", "--file", file, "--project-name", PROJECT, "down", "--volumes")
        left = docker("ps", "--all", "--quiet", "--filter", f"name={ALONE}").split()
        if left:
            docker("rm", "--force", "--volumes", *left)
        docker("volume", "rm", "--force", f"{ALONE}-data")


def copy_of_project(copy: Path) -> None:
    """Copy what the compose files and the Dockerfile read."""
    copy.mkdir()
    for path in (*ROOT.glob("*compose*.yml"), *(ROOT / name for name in FILES)):
        shutil.copy(path, copy)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))


def adapted(block: str, port: int) -> str:
    """Return the commands for a free port and names of our own, on an engine without a bridge."""
    block = block.replace("127.0.0.1:8080:8080", f"127.0.0.1:{port}:8080")
    block = block.replace("docker build ", "docker build --quiet --network=host ")
    return re.sub(r"(?<![\w-])apimart(?=[\s-])", ALONE, block)
