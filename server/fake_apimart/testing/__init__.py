"""A fake APIMart for test suites: a world of its own for each test, on one shared server.

Only the standard library is used, and most of that when it is first needed: importing this costs
next to nothing, and libraries that fake clocks or HTTP in a test do not reach it.
"""

from __future__ import annotations

from fake_apimart.testing.client import FakeAPIMart
from fake_apimart.testing.control import ControlError
from fake_apimart.testing.records import Request, Rule, Task, Upload
from fake_apimart.testing.server import Server

__all__ = ["ControlError", "FakeAPIMart", "Request", "Rule", "Server", "Task", "Upload"]
