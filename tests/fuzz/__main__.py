"""Fuzz the targets one after another: `python -m tests.fuzz [--seconds N] [TARGET …]`.

Each runs in a process of its own, from its corpus on. What fails is written to `fuzz-found/`, and
the status is 1. With `--keep`, inputs that reach something new are added to the corpus.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
FOUND = Path("fuzz-found")
_CHATTER = ("INFO:", "WARNING:")
MOST_BYTES = 4096
"""The longest input that is made up."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; all")
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together")
    parser.add_argument("--keep", action="store_true", help="add what is new to the corpus")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"unknown target {unknown[0]}; known are {', '.join(TARGETS)}")
    seconds = max(1, arguments.seconds // len(names))
    failed = [name for name in names if not _fuzz(name, seconds, keeps=arguments.keep)]
    print(f"failed: {', '.join(failed)}; see {FOUND}/" if failed else "nothing found")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int, *, keeps: bool) -> bool:
    """Fuzz a target for some time; return whether nothing was found."""
    corpus = CORPUS / name
    FOUND.mkdir(exist_ok=True)
    new = corpus if keeps else FOUND / f"{name}-corpus"
    new.mkdir(parents=True, exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-artifact_prefix={FOUND / name}-",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-verbosity=0",
        "-print_final_stats=1",
    )
    command = [sys.executable, "-m", "tests.fuzz.process", name, *options, str(new), str(corpus)]
    ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    runs = [line.split()[-1] for line in ended.stderr.splitlines() if "executed_units" in line]
    print(f"{name}: {runs[0] if runs else 'no'} inputs, status {ended.returncode}", flush=True)
    if ended.returncode or not runs:
        said = [line for line in ended.stderr.splitlines() if not line.startswith(_CHATTER)]
        print("\n".join(said), file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
