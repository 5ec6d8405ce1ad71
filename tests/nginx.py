"""A real nginx in front of servers, where one is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import answers, wait_until
from tests.stores import free_port

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
LISTEN = "listen HERE;"
"""What a site has in place of an address."""

needs_nginx = [
    pytest.mark.subprocess,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]


@contextlib.contextmanager
def nginx(folder: Path, site: str) -> Iterator[str]:
    """Run nginx with the configuration of a site, which listens at LISTEN; yield its URL."""
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    own_port = free_port()
    assert LISTEN in site
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}"
        f"{site.replace(LISTEN, f'listen 127.0.0.1:{own_port};')}\n}}\n"
    )
    assert NGINX is not None
    url = f"http://127.0.0.1:{own_port}"
    with subprocess.Popen([NGINX, "-c", str(config), "-p", str(folder)]) as process:
        try:
            wait_until(lambda: answers(url), "nginx listens")
            yield url
        finally:
            process.terminate()
