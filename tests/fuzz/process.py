"""One target under Atheris, in this process: `python -m tests.fuzz.process TARGET OPTION …`.

The options and folders behind the target are libFuzzer's.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["fake_apimart", "fake_apimart_storage"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
