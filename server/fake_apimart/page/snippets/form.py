"""The form of an upload, as far as the journal has it: all but the bytes of the picture."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fake_apimart.go.mime import MediaTypeError, parse_media_type
from fake_apimart.net_http.form import NO_SUCH_FILE
from fake_apimart.page.snippets.call import Content, Picture, Values
from fake_apimart.page.snippets.notation import javascript_text

MAX_PATH_CHARACTERS = 60
"""How long the name of a file to read may be: file systems have limits, in bytes."""

_DEFAULT_PATH = "image.png"
_FORM_PROBLEM = "missing or invalid file field: "
_QUERY_PROBLEMS = ("invalid semicolon separator in query", "invalid URL escape")
_EMPTY = "multipart: NextPart: EOF"
_CHANGED_BY_CLIENTS = re.compile(r'["\\]')
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_FIRST_OF_PATH = re.compile(r"\w")

_FILE_NOTE = "The journal does not have the picture's bytes: they are read from a file of its name."
_UNREAD_NOTE = (
    f"The server answered before it read the form: put your file in place of {_DEFAULT_PATH}."
)
_BROKEN_NOTE = "The form was malformed, which is not repeated here."
_BODY_NOTE = "The journal does not have the body."
_VALUES_NOTE = "The form had no file that could be read; of its fields the names alone are known."


def form_of(entry: Mapping[str, Any]) -> Content:
    """Return the body of an upload, from its entry in the control API's form."""
    problem = _problem_of(entry)
    fields = [each for each in entry["unread_fields"] if not each.startswith("?")]
    if entry["part_headers"] or entry["filename"]:
        return _with_picture(entry, fields, is_broken=problem != "")
    if not _has_boundary(entry["headers"].get("content-type", "")):
        return Content(None, [_BODY_NOTE])
    if problem == NO_SUCH_FILE:
        return Content(Values([_printing(each) for each in fields or ["file"]]), [_VALUES_NOTE])
    if problem:
        notes = () if problem == _EMPTY else (_BROKEN_NOTE, _BODY_NOTE)
        return Content(None, notes, is_whole=problem == _EMPTY)
    return Content(Picture(_DEFAULT_PATH, _DEFAULT_PATH, "", None), [_UNREAD_NOTE])


def _problem_of(entry: Mapping[str, Any]) -> str:
    """Return what was wrong with the form, as Go says it; empty where nothing was."""
    error = entry["error"] or ""
    if entry["status"] != 400 or not error.startswith(_FORM_PROBLEM):
        return ""
    problem: str = error.removeprefix(_FORM_PROBLEM)
    # The query is sent again as it was, and refused for the same reason.
    return "" if problem.startswith(_QUERY_PROBLEMS) else problem


def _has_boundary(content_type: str) -> bool:
    media_type, parameters = _parsed(content_type)
    return media_type == b"multipart/form-data" and parameters.get(b"boundary", b"") != b""


def _parsed(value: str) -> tuple[bytes, Mapping[bytes, bytes]]:
    try:
        return parse_media_type(value.encode("latin-1", "replace"))
    except MediaTypeError:
        return b"", {}


def _with_picture(entry: Mapping[str, Any], fields: Sequence[str], *, is_broken: bool) -> Content:
    notes = [_FILE_NOTE]
    if fields:
        names = ", ".join(map(javascript_text, fields))
        notes.append(f"Other fields, whose values the journal does not have: {names}")
    if is_broken:
        notes.append(_BROKEN_NOTE)
    return Content(_picture_of(entry), notes, is_whole=not is_broken)


def _picture_of(entry: Mapping[str, Any]) -> Picture:
    _, parameters = _parsed(entry["part_headers"].get("Content-Disposition", ""))
    shown = (entry["filename"] or _DEFAULT_PATH).encode("utf-8", "replace")
    name = parameters.get(b"filename") or shown
    stated = entry["part_headers"].get("Content-Type")
    content_type = stated if stated and _MEDIA_TYPE.fullmatch(stated) else None
    text = name.decode("utf-8", "replace")
    is_kept = text.isprintable() and text.encode() == name and not _CHANGED_BY_CLIENTS.search(text)
    path = path_of(text, entry["content_type"])
    return Picture(path, text if is_kept else None, quote(name, safe=""), content_type)


def path_of(name: str, content_type: str | None = None) -> str:
    """Return the path of a file in the working directory for one whose name a client chose.

    It is no option of a command, prints, and has no folder in it. A name that is too long is cut
    before its suffix; one that is none gets the suffix of `content_type`.
    """
    base = re.split(r"[/\\]", name)[-1].strip()
    base = _printing(base).replace("\ufffd", "_")
    if not base.strip("."):
        base = "image" + (mimetypes.guess_extension(content_type or "") or ".png")
    if len(base) > MAX_PATH_CHARACTERS:
        stem, dot, suffix = base.rpartition(".")
        suffix = dot + suffix if stem and len(suffix) < MAX_PATH_CHARACTERS // 2 else ""
        base = base[: MAX_PATH_CHARACTERS - len(suffix)] + suffix
    return base if _FIRST_OF_PATH.match(base) else f"./{base}"


def _printing(text: str) -> str:
    return "".join(each if each.isprintable() else "_" for each in text)
