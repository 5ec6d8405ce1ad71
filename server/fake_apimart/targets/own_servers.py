"""Servers that are started for the cases, one for each configuration that cases need."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from fake_apimart_storage import location_below
from fake_apimart_testing.control import Control, ControlError
from fake_apimart_testing.servers.child import ChildServer
from fake_apimart_testing.servers.command import OF_THIS_ENVIRONMENT

from fake_apimart.cases.case import Case
from fake_apimart.client.connection import Place
from fake_apimart.settings.names import PREFIX, variable_of
from fake_apimart.targets.target import Target

MEMORY = "memory://"
_READ_SECONDS = 20.0
# What in the environment could change an answer.
_OF_OURS = PREFIX.upper()


class OwnServers:
    """Fakes of this machine; each begins with its first case, and all end with the `with` block.

    `storage` is a location as in FAKE_APIMART_STORAGE; each server has a place of its own below it.
    """

    def __init__(self, storage: str = MEMORY, dialect: str = "page") -> None:
        self._storage = storage
        self._dialect = dialect
        self._servers: dict[Any, ChildServer] = {}
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()
        self._run = secrets.token_hex(4)
        # A server that trusts proxies, or has a public URL, is not reset without it.
        self._admin_token = secrets.token_hex(16)

    def target_for(self, case: Case) -> Target:
        """Return a server with the configuration that a case needs. Raises ControlError."""
        variables = variables_of({"dialect": case.dialect or self._dialect, **case.settings})
        # A case that stops its server has one to itself.
        own = case.name if any(step.terminate for step in case.steps) else ""
        configuration = (own, *sorted(variables.items()))
        with self._lock:
            lock = self._locks.setdefault(configuration, threading.Lock())
        with lock:
            server = self._servers.get(configuration)
            if server is None:
                server = self._start(variables)
                self._servers[configuration] = server
        return Target(
            place=Place.of(server.url),
            key=fresh_key,
            has_control=True,
            is_exact=True,
            seconds=_READ_SECONDS,
            terminate=server.begin_to_stop,
        )

    def _start(self, variables: Mapping[str, str]) -> ChildServer:
        with self._lock:
            number = len(self._servers)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_OF_OURS)
        }
        return ChildServer(
            OF_THIS_ENVIRONMENT,
            flags=("--storage", self._place(number), *_flags(variables)),
            environment={
                **environment,
                variable_of("admin_token"): self._admin_token,
                **variables,
            },
        ).start()

    def _place(self, number: int) -> str:
        if self._storage == MEMORY:
            return MEMORY
        return location_below(self._storage, f"verify-{self._run}-{number}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers.values():
            if self._storage != MEMORY:
                # Nothing stays behind; one that has been stopped has nothing to say.
                with contextlib.suppress(ControlError):
                    Control(server.url, None, self._admin_token).call("POST", "reset")
            server.stop()


def fresh_key() -> str:
    """Return a key of a world that nobody else uses; a fake takes it whatever keys it lists."""
    return f"sk-fake-verify--{secrets.token_hex(8)}"


def variables_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of the environment that configure a server so."""
    return {variable_of(name): _value(value) for name, value in settings.items()}


def _flags(variables: Mapping[str, str]) -> Sequence[str]:
    # The variable alone would lose against the flag that is always given.
    return ("--no-control",) if variables.get(variable_of("control")) == "off" else ()


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, list) else str(value)
