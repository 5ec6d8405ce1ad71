"""A request to be sent again, as an entry of the journal tells it, in terms of no language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

BOUNDARY = "form-boundary"
"""What separates the parts of a form that is written out."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A form with a file: `path` is the one to read, below the working directory.

    `filename` is what the form says, or None where clients would change it on the way: then
    `encoded_name` says it in the form of RFC 5987, in a form that is written out.
    """

    path: str
    filename: str | None
    encoded_name: str
    content_type: str | None

    @property
    def head(self) -> list[str]:
        """The lines before the file's bytes, where the form is written out; all are ASCII."""
        disposition = f"form-data; name=\"file\"; filename*=UTF-8''{self.encoded_name}"
        lines = [f"--{BOUNDARY}", f"Content-Disposition: {disposition}"]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        return [*lines, ""]


@dataclass(frozen=True, slots=True)
class Values:
    """A form without a file: the names of its fields."""

    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class JSONBody:
    """An object or an array of JSON."""

    value: Any


@dataclass(frozen=True, slots=True)
class TextBody:
    """A body to be sent as it is, in UTF-8."""

    text: str


@dataclass(frozen=True, slots=True)
class SavedBody:
    """A body that the journal does not have: the file to read it from."""

    path: str


Body = Picture | Values | JSONBody | TextBody | SavedBody


class Content(NamedTuple):
    """The body of a call, if it has one, and what is to be said of it.

    `is_whole` says whether it will be answered as the one that was sent.
    """

    body: Body | None
    notes: Sequence[str] = ()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    `target` is the path and query, in ASCII. `authorization` is what stands before the key: None
    where none is sent. `headers` are the others that are worth sending, with values as text of
    one character for each byte. `notes` are lines of comments. `output` is the file for an answer
    that is no text. `is_whole` says whether it will be answered as the one of the journal.
    """

    method: str
    target: str
    authorization: str | None
    headers: Sequence[tuple[str, str]]
    body: Body | None
    notes: Sequence[str]
    output: str | None
    is_whole: bool

    @property
    def content_type(self) -> str | None:
        """The Content-Type that it is sent with, if it states one."""
        return next((value for name, value in self.headers if name == "Content-Type"), None)
