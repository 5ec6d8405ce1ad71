"""Images that stand in for the stores': their binaries, built here, and what health checks call."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.containers.engine import BASE, docker
from tests.go_programs import MC, MINIO, VERSITYGW, GoProgram

MINIO_DOCKERFILE = f"""
FROM {BASE}
COPY minio mc /usr/bin/
ENV MC_CONFIG_DIR=/tmp/.mc
ENTRYPOINT ["minio"]
"""

VERSITYGW_DOCKERFILE = f"""
FROM {BASE}
RUN apt-get update && apt-get install --yes --no-install-recommends busybox \\
 && ln -s "$(command -v busybox)" /usr/local/bin/wget
COPY versitygw /usr/bin/
ENTRYPOINT ["versitygw"]
"""
"""The image that it stands in for is Alpine's, whose tools are busybox."""

StandIns = dict[str, str]
"""Names of images, by the variables of the compose files that choose them."""


def build(folder: Path) -> StandIns:
    """Build the images, in folders below `folder`."""
    return {
        "S3_IMAGE": _build(folder, MINIO_DOCKERFILE, MINIO, MC),
        "VERSITYGW_IMAGE": _build(folder, VERSITYGW_DOCKERFILE, VERSITYGW),
    }


def _build(folder: Path, dockerfile: str, *programs: GoProgram) -> str:
    name = f"fake-apimart-test-{programs[0].name}"
    context = folder / name
    context.mkdir()
    for program in programs:
        shutil.copy(program.path(), context / program.name)
    (context / "Dockerfile").write_text(dockerfile)
    docker("build", "--quiet", "--network=host", "--tag", name, str(context))
    return name
