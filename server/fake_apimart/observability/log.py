"""The log: each record is one line without secrets, whoever wrote what is in it.

Our loggers make their records so themselves, under whatever server; `fake-apimart serve` does the
same with those of libraries.
"""

from __future__ import annotations

import logging
import traceback

from fake_apimart.common.redaction import redacted_text, redacted_urls
from fake_apimart.common.texts import one_line

_INDENT = "    "


class OneLine(logging.Filter):
    """Lets every record through, its text redacted and on one line.

    Lines of a traceback are indented, so that none can be taken for a record.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the text of `record`, and return True."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        record.msg, record.args = one_line(redacted_text(text)), None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = _traceback_of(record.exc_info[1])
        return True


def _traceback_of(error: BaseException) -> str:
    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    return "\n".join(_INDENT + one_line(_redacted_line(line)) for line in lines)


def _redacted_line(line: str) -> str:
    # Lines of source text hold names of secrets, and no secrets.
    return redacted_urls(line) if line.startswith(" ") else redacted_text(line)


_ONE_LINE = OneLine()


def logger_of(module: str) -> logging.Logger:
    """Return the logger of a module of ours, by its `__name__`."""
    logger = logging.getLogger(module)
    logger.addFilter(_ONE_LINE)
    return logger
