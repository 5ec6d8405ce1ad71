"""Programs in Go that tests need, each at one version, which continuous integration builds.

`python -m tests.go_programs NAME ARGUMENTS…` runs one of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fake-apimart-tests"
BUILD_SECONDS = 1800


@dataclass(frozen=True)
class GoProgram:
    """A command that `go install PACKAGE@VERSION` builds."""

    package: str
    version: str

    @property
    def name(self) -> str:
        return self.package.rpartition("/")[2]

    @property
    def module(self) -> str:
        """What `go install` takes: the package at its version."""
        return f"{self.package}@{self.version}"

    @property
    def folder(self) -> Path:
        """The folder of this version's build, so that another version is never taken for it."""
        return CACHE / f"{self.name}-{self.version}"

    def path(self) -> Path:
        """Return the program: this version, or outside CI whatever the PATH has.

        Build it where `CI` is `true`, which takes minutes; skip the test where there is none.
        Raises CalledProcessError if it does not build.
        """
        built = self.folder / self.name
        if built.exists():
            return built
        if os.environ.get("CI") == "true":
            self._build()
            return built
        found = shutil.which(self.name)
        if found is None:
            pytest.skip(
                f"there is no {self.name}: CI=true builds it once, or: go install {self.module}"
            )
        return Path(found)

    def _build(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["go", "install", self.module],
            env={**os.environ, "GOBIN": str(self.folder), "CGO_ENABLED": "0"},
            check=True,
            timeout=BUILD_SECONDS,
        )


# The release whose image docker-compose.yml starts; Go knows it by the time of its commit.
MINIO = GoProgram("github.com/minio/minio", "v0.0.0-20250907161309-07c3a429bfed")
# MinIO's client: the image has it, and the health check calls it.
MC = GoProgram("github.com/minio/mc", "v0.0.0-20250313080218-cf909e1063a9")
# The release whose image compose.versitygw.yml starts.
VERSITYGW = GoProgram("github.com/versity/versitygw/cmd/versitygw", "v1.8.0")
# What finds mistakes in workflows.
ACTIONLINT = GoProgram("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12")
# What finds mistakes in Go.
STATICCHECK = GoProgram("honnef.co/go/tools/cmd/staticcheck", "v0.8.2")

BY_NAME = {program.name: program for program in (MINIO, MC, VERSITYGW, ACTIONLINT, STATICCHECK)}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    path = BY_NAME[name].path()
    sys.exit(subprocess.run([path, *arguments], check=False).returncode)
