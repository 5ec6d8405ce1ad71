"""A fake APIMart for test suites: a separate world for each test, on one shared server.

Belongs here: what a test imports, on the standard library alone. All of it is imported when it is
first asked for, since the command and every run of pytest import this package. Does not: anything
that imports the server.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_testing.client import FakeAPIMart
    from fake_apimart_testing.control import ControlError
    from fake_apimart_testing.names import Error, Operation, SocketFault
    from fake_apimart_testing.records import Answer, Request, Rule, Task, Upload
    from fake_apimart_testing.servers.server import Server
    from fake_apimart_testing.version import __version__

_MODULES = {
    "Answer": "records",
    "ControlError": "control",
    "Error": "names",
    "FakeAPIMart": "client",
    "Operation": "names",
    "Request": "records",
    "Rule": "records",
    "Server": "servers.server",
    "SocketFault": "names",
    "Task": "records",
    "Upload": "records",
    "__version__": "version",
}

__all__ = [
    "Answer",
    "ControlError",
    "Error",
    "FakeAPIMart",
    "Operation",
    "Request",
    "Rule",
    "Server",
    "SocketFault",
    "Task",
    "Upload",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
