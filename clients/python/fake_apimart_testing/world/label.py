"""What a world is called, in the server's log and in reports: the name of a test, if possible."""

from __future__ import annotations

from fake_apimart_testing.arguments import check_text

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

MAX_CHARACTERS = 200
"""The longest label that the server takes."""
_HEAD_CHARACTERS = 80
"""How much of the beginning of a longer name is kept; the rest is of its end."""
_CUT = "…"


def check_label(name: str, value: object) -> None:
    """Raise TypeError unless `value` is a str, ValueError where the server would refuse it."""
    check_text(name, value)
    assert isinstance(value, str)
    if not value.isprintable():
        raise ValueError(f"{name} has characters that do not print: {value!a:.100}")
    if len(value) > MAX_CHARACTERS:
        raise ValueError(f"{name} has more than {MAX_CHARACTERS} characters")


def label_of(name: str, room: int = MAX_CHARACTERS) -> str:
    """Return a name of any kind as a label: what does not print as `?`, the middle cut out."""
    label = "".join(each if each.isprintable() else "?" for each in name)
    if len(label) <= room:
        return label
    tail = room - _HEAD_CHARACTERS - len(_CUT)
    return label[:_HEAD_CHARACTERS] + _CUT + label[-tail:]


def numbered(label: str, number: int) -> str:
    """Return the label of a further world of the same test; without a label there is none."""
    suffix = f" ({number})"
    return label_of(label, MAX_CHARACTERS - len(suffix)) + suffix if label else ""
