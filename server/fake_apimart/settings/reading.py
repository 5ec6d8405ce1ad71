"""Reading the settings from `FAKE_APIMART_…` variables and command-line flags."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from fake_apimart.common.addresses import local_url, url_at
from fake_apimart.common.redaction import REDACTED, redacted_text
from fake_apimart.settings.names import (
    OTHER_VARIABLES,
    PREFIX,
    URL_VARIABLE,
    flag_of,
    variable_of,
)
from fake_apimart.settings.settings import Settings
from fake_apimart.settings.values import server_url


class InvalidSettings(Exception):
    """Raised for unusable settings; the message is one line that names each.

    It states their values too, but for API keys, tokens and passwords.
    """


def read_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Return this process's settings. Raises InvalidSettings.

    `flags`, by the setting's name, override environment variables, and those the defaults.
    """
    return _read(flags or {}, lambda name: f"{flag_of(name)} ")


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """Return this process's settings with `arguments` of Python's over them, by setting's name.

    Raises InvalidSettings.
    """
    for name in arguments:
        if name not in Settings.model_fields:
            raise InvalidSettings(f"{name}: {_unknown(name, str)}")
    return _read(arguments, lambda name: f"{name}=")


def _read(given: Mapping[str, Any], written: Callable[[str], str]) -> Settings:
    """Return the settings. Errors name what is `given` as it is `written`, before its value."""
    _refuse_unknown_variables()
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = (_describe(problem, given, written) for problem in error.errors())
        raise InvalidSettings("; ".join(problems)) from None


def read_server_url(flag: str | None, settings: Settings) -> str:
    """Return where the server is that a command asks. Raises InvalidSettings.

    That is the flag `--url`, else the variable, else where these settings let a server listen.
    """
    source, url = ("--url ", flag) if flag is not None else (f"{URL_VARIABLE}=", _url_variable())
    if url is None:
        if settings.port == 0:
            raise InvalidSettings(
                f"{variable_of('port')}=0: a free port was picked; name it by --url instead"
            )
        return local_url(url_at(settings.host, settings.port))
    try:
        return server_url(url)
    except ValueError as error:
        raise InvalidSettings(f"{source}{redacted_text(url)}: {error}") from None


def _url_variable() -> str | None:
    return os.environ.get(URL_VARIABLE) or None


def _refuse_unknown_variables() -> None:
    for variable in os.environ:
        # Settings are read whatever the case of their variables.
        plain = variable.upper()
        name = plain.removeprefix(PREFIX).lower()
        if (
            plain.startswith(PREFIX)
            and plain not in OTHER_VARIABLES
            and name not in Settings.model_fields
        ):
            # Its value is not shown: it may be an API key under a name with a slip.
            raise InvalidSettings(f"{variable}: {_unknown(name, variable_of)}")


def _unknown(name: str, written: Callable[[str], str]) -> str:
    """Return what is said of a name that no setting has, with those there are as `written`."""
    known = list(Settings.model_fields)
    close = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean {written(close[0])}?"
        if close
        else f"known are {', '.join(map(written, known))}"
    )
    return f"unknown setting; {hint}"


def _describe(
    problem: Mapping[str, Any], given: Mapping[str, Any], written: Callable[[str], str]
) -> str:
    name = str(problem["loc"][0])
    reason = redacted_text(problem["msg"].removeprefix("Value error, "))
    source = written(name) if name in given else variable_of(name) + "="
    is_secret = not Settings.model_fields[name].repr
    shown = REDACTED if is_secret else redacted_text(str(problem["input"]))
    return f"{source}{shown}: {reason}"
