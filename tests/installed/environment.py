"""The wheels in one environment: its size, what it refuses, and the contract's cases."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path

from tests.installed.wheels import stand_ins
from tests.pages import INSTALLING

UV = (sys.executable, "-m", "uv")
LEAST = 0.8
"""The least share of a limit that must be in use, or the page should promise a lower one."""


def check(folder: Path) -> None:
    """Install the wheels into an environment that has nothing else, not even pip, and check it."""
    folder.mkdir()
    env = folder / "env"
    venv.create(env)
    constraints = stand_ins(folder / "constraints.txt")
    install(env, constraints, "fake-apimart")
    check_size(env)
    check_extra(env)
    check_cases(env)


def install(env: Path, constraints: Path | None, *requirements: str) -> None:
    pins = ("-c", str(constraints)) if constraints else ()
    command = (*UV, "pip", "install", "--quiet", "--python", str(env), *pins)
    subprocess.run([*command, *requirements], check=True)


def check_size(env: Path) -> None:
    """Check that docs/installing.md does not promise less than there is, nor much more."""
    (packages,) = env.glob("lib/python*/site-packages")
    count = len(list(distributions(path=[str(packages)])))
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6
    sys.stdout.write(f"{count} packages, {size:.0f} MB\n")
    promised = re.search(r"at most (\d+) packages with (\d+) MB", INSTALLING.read_text("utf-8"))
    assert promised is not None
    most_packages, most_megabytes = map(int, promised.groups())
    said = f"docs/installing.md says {promised[0]}, but these are {count} with {size:.0f} MB"
    assert most_packages * LEAST <= count <= most_packages, said
    assert most_megabytes * LEAST <= size <= most_megabytes, said


def check_extra(env: Path) -> None:
    """Check that S3 is refused with what to install, since boto3 is an extra."""
    command = (env / "bin" / "fake-apimart", "serve", "--port", "0", "--storage", "s3://bucket")
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, refused
    advice = "no module boto3: install it by pip install 'fake-apimart[s3]'\n"
    assert refused.stderr.endswith(advice), refused.stderr


def check_cases(env: Path) -> None:
    """Run all cases of the contract, which are data in the wheel."""
    subprocess.run([env / "bin" / "fake-apimart", "verify"], check=True)
