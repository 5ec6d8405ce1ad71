"""The command that starts a server: one that is named, one of this environment, or one on PATH."""

from __future__ import annotations

import os
import sys

from fake_apimart_testing.control import ControlError

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

COMMAND_VARIABLE = "FAKE_APIMART_COMMAND"
# -P: modules in the current directory of the tests must not shadow ours.
OF_THIS_ENVIRONMENT = (sys.executable, "-P", "-m", "fake_apimart")
_NAME = "fake-apimart"
_NOWHERE = (
    "there is no fake-apimart here: install it (pip install fake-apimart), set FAKE_APIMART_URL to "
    f"the address of one that runs, or {COMMAND_VARIABLE} to a command such as 'uvx fake-apimart'"
)


def found_command() -> tuple[str, ...]:
    """Return the command without its arguments. Raises ControlError where there is none."""
    named = os.environ.get(COMMAND_VARIABLE, "").strip()
    if named:
        return _split(named)
    if _is_installed():
        return OF_THIS_ENVIRONMENT
    import shutil

    on_path = shutil.which(_NAME)
    if on_path is None:
        raise ControlError(_NOWHERE)
    return (on_path,)


def _is_installed() -> bool:
    # Not by a look for the module: a folder of a test suite may have its name.
    import importlib.metadata

    try:
        importlib.metadata.distribution(_NAME)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _split(named: str) -> tuple[str, ...]:
    import shlex

    if os.name == "nt":
        # Windows takes the line as a whole: a backslash is no escape there.
        return tuple(each.strip('"') for each in shlex.split(named, posix=False))
    try:
        words = tuple(shlex.split(named))
    except ValueError as error:
        raise ControlError(f"{COMMAND_VARIABLE}={named}: {error}") from None
    if not words[0]:
        raise ControlError(f"{COMMAND_VARIABLE}={named}: it names no program")
    return words
