"""Where our knowledge of a behaviour comes from."""

from __future__ import annotations

import re
from typing import NamedTuple

ASSUMED = "assumed"
"""The source of what is our choice."""
SOURCES = {
    "page": "the vendor's upload page, which this project treats as binding",
    "live": "real exchanges with the service, published by third parties",
    "docs": "other pages of the vendor's documentation",
    "go": (
        "measured on Go's own net/http, which the vendor's error texts show to be in use; "
        "the texts are those of Go 1.25"
    ),
    "base": "measured on the open-source gateway that the vendor's is a fork of",
    ASSUMED: "our choice, because nothing has been published",
}
"""From the strongest to the weakest: where two disagree, the stronger one wins."""

_MONTH = "20[0-9]{2}-[01][0-9](?:-[0-3][0-9])?"
_FORM = re.compile(rf"([a-z]+)(?: ({_MONTH}(?:/{_MONTH})?))?")


class Source(NamedTuple):
    """A source, with the day or the months that it is of, such as `2026-06/2026-09`.

    `date` is empty for what does not change by the day.
    """

    tag: str
    date: str = ""

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read such as `live 2026-09-19`. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if found is None or found[1] not in SOURCES:
            raise ValueError(f"{text!r} is no source: one of {', '.join(SOURCES)}, with a date")
        if found[1] == "live" and not found[2]:
            raise ValueError("live is said with its date, such as `live 2026-09`")
        return cls(found[1], found[2] or "")

    def __str__(self) -> str:
        return f"{self.tag} {self.date}" if self.date else self.tag


def by_strength(tags: set[str]) -> list[str]:
    """Return the tags, the strongest first."""
    return [tag for tag in SOURCES if tag in tags]
