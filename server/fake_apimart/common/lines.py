"""Text for one line of a log: what would end, hide or reorder a line is escaped."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return `text` with each character that does not print as itself written as an escape.

    These are control characters (with line ends and the start of a terminal's escape sequences),
    line and paragraph separators, marks that change the direction of text, lone surrogates, and
    all blanks but the ordinary one.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
