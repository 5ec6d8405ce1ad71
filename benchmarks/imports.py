"""What a server imports before its first response.

`python -m benchmarks.imports` prints the heaviest packages, and how long each takes.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import tempfile
from collections import Counter
from urllib.parse import urlsplit

_SERVE = ("-m", "fake_apimart", "serve", "--port", "0", "--until-stdin-ends")
_IMPORT = re.compile(r"import time: +([0-9]+) \| +[0-9]+ \| *(\S+)", re.ASCII)
HEAVIEST = 15


def imported(*flags: str) -> dict[str, float]:
    """Return all that `serve` imports before its first response, and the seconds of each.

    They are longer than without the interpreter's own measuring, which is about the same for each.
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-X", "importtime", *_SERVE, *flags]
    with (
        # A pipe that nobody reads meanwhile would be full before the server listens.
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().split("listening on ")[1].split(" ")[0]
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", "/_fake/health")
        connection.getresponse().read()
        connection.close()
        server.communicate()
        log.seek(0)
        found = _IMPORT.findall(log.read())
    return {name: int(microseconds) / 1e6 for microseconds, name in found}


def table(seconds: dict[str, float]) -> str:
    """Return the heaviest packages of `imported`, with the modules of each, and the sum of all."""
    packages: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for module, each in seconds.items():
        package = module.partition(".")[0]
        packages[package] += each  # type: ignore[assignment]
        modules[package] += 1
    heaviest = packages.most_common(HEAVIEST)
    lines = [f"{each * 1000:7.1f} ms {modules[name]:4} {name}" for name, each in heaviest]
    return "\n".join([*lines, f"{sum(seconds.values()) * 1000:7.1f} ms {len(seconds):4} in all"])


if __name__ == "__main__":
    print(table(imported("--storage", "memory://")))
