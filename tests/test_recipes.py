"""The recipes of docs/testing that need no container."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import ServerThread

ROOT = Path(__file__).parents[1]


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_whole_test_in_a_shell_passes(server: ServerThread) -> None:
    page = (ROOT / "docs" / "testing" / "curl.md").read_text("utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "FAKE_APIMART_URL": server.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == [
        '"status":429',
        '"status":429',
        '"status":200',
        '"used":2',
        '"alive":false',
    ]
