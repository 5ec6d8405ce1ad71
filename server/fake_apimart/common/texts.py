"""Texts of clients, cut to what is kept or shown of them, and escaped for one line of a log."""

from __future__ import annotations

SHOWN_CHARACTERS = 200
"""How much of a client's text an error message shows."""
KEPT_BYTES = 8 * 1024
"""How much is kept of each text that a client may make as long as it likes, in UTF-8."""


def shortened(text: str) -> str:
    """Return `text` as an error message shows it: with an ellipsis where it goes on."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def kept(text: str) -> str:
    """Return the beginning of `text` that is kept: whole characters, KEPT_BYTES at most."""
    start = text[:KEPT_BYTES].encode("utf-8", "replace")
    return start[:KEPT_BYTES].decode("utf-8", "ignore")


def one_line(text: str) -> str:
    """Return `text` with each character that does not print as itself written as an escape.

    These are control characters (with line ends and the start of a terminal's escape sequences),
    line and paragraph separators, marks that change the direction of text, lone surrogates, and
    all blanks but the ordinary one.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
