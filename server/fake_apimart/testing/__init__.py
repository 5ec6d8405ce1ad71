"""A fake APIMart for test suites: a separate world for each test, on one shared server.

Belongs here: clients of the control API, on the standard library alone, which is imported lazily so
that importing this package is fast and libraries that mock clocks or HTTP do not affect it. Does
not: anything that imports the server.
"""

from __future__ import annotations

from fake_apimart.testing.client import FakeAPIMart
from fake_apimart.testing.control import ControlError
from fake_apimart.testing.records import Request, Rule, Task, Upload
from fake_apimart.testing.server import Server

__all__ = ["ControlError", "FakeAPIMart", "Request", "Rule", "Server", "Task", "Upload"]
