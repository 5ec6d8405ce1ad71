"""Whether a server is new enough for what this package asks of it."""

from __future__ import annotations

from fake_apimart_testing.control import ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_testing.control import Control

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

OLDEST_SERVER = "0.1.0"
"""The first version that has all that this package asks for."""

_known: set[str] = set()
"""The URLs of servers that are new enough: each is asked once."""


def check_age(control: Control, url: str) -> None:
    """Raise ControlError, in one line, where the server at `url` is too old."""
    if url in _known:
        return
    version = str(control.call("GET", "health").get("version", ""))
    if _numbers(version) < _numbers(OLDEST_SERVER):
        raise ControlError(
            f"fake-apimart at {url} is version {version or 'unknown'}: "
            f"this package needs {OLDEST_SERVER} or newer"
        )
    _known.add(url)


def _numbers(version: str) -> list[int]:
    """Return the numbers that a version begins with: a release candidate has those of its release.

    There are none in what is no version.
    """
    import re

    beginning = re.match(r"\d+(?:\.\d+)*", version)
    return [int(number) for number in beginning[0].split(".")] if beginning else []
