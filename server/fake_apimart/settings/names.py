"""The names of settings, as variables of the environment and as flags of the command."""

from __future__ import annotations

PREFIX = "FAKE_APIMART_"
URL_VARIABLE = PREFIX + "URL"
"""Names a server that is there already, for test suites and for commands that ask one."""
OTHER_VARIABLES = (URL_VARIABLE, PREFIX + "COMMAND")
"""Variables with the prefix that configure users' test suites, not a server."""


def variable_of(name: str) -> str:
    """Return the environment variable of a setting: `FAKE_APIMART_PORT` for `port`."""
    return PREFIX + name.upper()


def flag_of(name: str) -> str:
    """Return the command-line flag of a setting: `--max-file-bytes` for `max_file_bytes`."""
    return "--" + name.replace("_", "-")
