"""The module for Go as users get it: from a folder that stands for the proxy of modules."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools.project import ROOT, VERSION, semantic

FOLDER = ROOT / "clients" / "go"
NAME = "github.com/fake-apimart/fake-apimart/clients/go"
_VERSION = f"v{semantic(VERSION)}"
_MINUTES = 10


def publish(folder: Path) -> str:
    """Write the module into a folder, as a proxy has it; return that as GOPROXY names it."""
    versions = folder / NAME / "@v"
    versions.mkdir(parents=True)
    (versions / "list").write_text(f"{_VERSION}\n")
    info = {"Version": _VERSION, "Time": "2026-11-27T00:00:00Z"}
    (versions / f"{_VERSION}.info").write_text(json.dumps(info))
    (versions / f"{_VERSION}.mod").write_bytes((FOLDER / "go.mod").read_bytes())
    with zipfile.ZipFile(versions / f"{_VERSION}.zip", "w") as archive:
        for path in sorted(FOLDER.rglob("*")):
            if path.is_file():
                archive.write(path, f"{NAME}@{_VERSION}/{path.relative_to(FOLDER).as_posix()}")
    return folder.as_uri()


def go_environment(folder: Path, *proxies: str, **variables: str) -> Mapping[str, str]:
    """Return an environment in which Go finds this module in a folder, and others by `proxies`."""
    return {
        **os.environ,
        "GOPROXY": ",".join([publish(folder / "proxy"), *proxies]),
        # Nobody has signed what is not published yet.
        "GONOSUMDB": NAME,
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(folder / "modules"),
        **variables,
    }


def run(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run the lines of a page in a folder, and return what they print; fail where one fails."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MINUTES * 60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
