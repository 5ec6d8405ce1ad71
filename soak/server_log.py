"""The log of the server: its lines by level, and the tracebacks in it, which are findings."""

from __future__ import annotations

from collections import Counter, deque

from soak.record.findings import Findings

_TRACEBACK = "Traceback (most recent call last)"
_BEGINNINGS = ("Exception ignored", "Fatal Python error")
_KEPT_LINES = 20
_LEVEL_PART = 2
"""Lines of the log begin with date, time and level."""


class ServerLog:
    """Takes the lines of standard error, one after another."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._traceback: list[str] = []
        self.levels: Counter[str] = Counter()
        self.errors: deque[str] = deque(maxlen=_KEPT_LINES)
        """The last lines that are not of level INFO."""

    def take(self, line: str) -> None:
        """Take a line, without its end."""
        if self._traceback and line.startswith((" ", "\t")):
            self._traceback.append(line.strip())
        elif self._traceback:
            self._traceback.append(line)
            self.end()
        elif _TRACEBACK in line or line.startswith(_BEGINNINGS):
            self._traceback = [line]
        else:
            self._count(line)

    def end(self) -> None:
        """Note the traceback whose lines came last, if there is one: the error first."""
        if self._traceback:
            self._findings.add("traceback", " | ".join(reversed(self._traceback)))
        self._traceback = []

    def _count(self, line: str) -> None:
        parts = line.split(" ", _LEVEL_PART + 1)
        level = parts[_LEVEL_PART] if len(parts) > _LEVEL_PART else ""
        self.levels[level] += 1
        if level != "INFO":
            self.errors.append(line)
