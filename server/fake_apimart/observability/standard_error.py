"""Lines on standard error, from Python's logging or straight from who has one."""

from __future__ import annotations

import functools
import logging
import sys
from typing import IO, Any

from fake_apimart.observability.log import OneLine
from fake_apimart.observability.log_form import FORMS
from fake_apimart.observability.log_writer import LogWriter


class _Dropped:
    """Says how many lines were dropped, in the form that `begin` has chosen."""

    formatter = FORMS["text"].formatter

    def describe(self, count: int) -> str:
        text = f"{count} line(s) of the log were dropped: nobody read them in time"
        members = {"name": __name__, "levelname": "WARNING", "msg": text}
        return self.formatter.format(logging.makeLogRecord(members)) + "\n"


_DROPPED = _Dropped()


@functools.lru_cache(maxsize=1)
def _writer_of(stream: IO[str] | None) -> LogWriter:
    return LogWriter(stream, _DROPPED.describe)


def writer() -> LogWriter:
    """Return the writer that all lines of this process go through.

    Test runners put another stream in the place of standard error.
    """
    return _writer_of(sys.stderr)


def write_line(line: str) -> None:
    """Write a line, which has its line end, to standard error. It is not waited for."""
    writer().write(line)


class Handler(logging.Handler):
    """Writes the records of Python's logging by `write_line`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record) + "\n")
        except Exception:  # noqa: BLE001
            # As each handler of Python's does: logging must not raise.
            self.handleError(record)


_LEVELS = {
    **dict.fromkeys(("fake_apimart", "fake_apimart_storage"), "INFO"),
    **dict.fromkeys(("uvicorn.error", "asyncio", "concurrent.futures"), "WARNING"),
    **dict.fromkeys(("botocore", "boto3", "s3transfer", "urllib3", "httpx", "httpcore"), "WARNING"),
    # It warns with a traceback of what the call that needs credentials fails with.
    "botocore.credentials": "ERROR",
    # What it says of each try to reach a collector, `tracing` says once a minute.
    "opentelemetry": "CRITICAL",
}
"""From which level on records of each logger are shown."""


def _formatter(form: str) -> logging.Formatter:
    return FORMS[form].formatter


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": _formatter, "form": "text"}},
    "filters": {"one_line": {"()": OneLine}},
    # Standard output carries the line that says where the server listens, and nothing else.
    "handlers": {"stderr": {"()": Handler, "formatter": "line", "filters": ["one_line"]}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in _LEVELS.items()
    },
}
"""What uvicorn configures Python's logging with, for lines of text."""


def configuration(form: str) -> dict[str, Any]:
    """Return LOGGING for lines in a form of FORMS."""
    return {**LOGGING, "formatters": {"line": {"()": _formatter, "form": form}}}


def begin(form: str) -> None:
    """Prepare Python's logging for a process that does nothing but serve, in a form of FORMS.

    The fields of records that no line shows are switched off; they are costly to collect. These are
    the switches that the logging documentation names for this. What other libraries warn of takes
    the same way as our own lines.
    """
    for unused in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        setattr(logging, unused, None)
    _DROPPED.formatter = FORMS[form].formatter
    others = Handler(logging.WARNING)
    others.setFormatter(_DROPPED.formatter)
    others.addFilter(OneLine())
    logging.lastResort = others
