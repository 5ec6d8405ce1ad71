"""One of our rules: what it says, as XML, and what an element of a document says."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

MIN_DAYS = 4
"""Shortest lifetime that a rule is given, in days."""
ABORT_DAYS = "1"
"""After how many days an upload in parts that was never completed is given up."""
ID_PREFIX = "fake-apimart:"
ROOT_ID_PREFIX = f"{ID_PREFIX}./"
"""What our IDs begin with where our objects lie at the root of the bucket."""
MAX_ID_LENGTH = 255
"""S3's limit."""
_SECONDS_PER_DAY = 86_400
_DIGEST_BYTES = 16

_ID = "ID"
_STATUS = "Status"
_ENABLED = "Enabled"
_PREFIXES = ("Filter/Prefix", "Prefix")
"""Where a prefix stands: today, and in rules of older kinds."""
_DAYS = "Expiration/Days"
_ABORT = "AbortIncompleteMultipartUpload/DaysAfterInitiation"
_FIELDS = {_ID, _STATUS, *_PREFIXES, _DAYS, _ABORT}


class Rule(NamedTuple):
    """The rule that objects below `prefix` are deleted after so many days."""

    id: str
    prefix: str
    days: int

    @classmethod
    def of(cls, location: str, prefix: str, lifetime: int) -> Rule:
        """Return the rule for objects that live `lifetime` seconds.

        `location` is what all our keys begin with, `prefix` what these have behind it. Stores
        count days from midnight UTC, so the rule adds one day.
        """
        days = max(MIN_DAYS, math.ceil(lifetime / _SECONDS_PER_DAY) + 1)
        name = f"{ID_PREFIX}{location}{prefix}" if location else f"{ROOT_ID_PREFIX}{prefix}"
        return cls(_shortened(name), location + prefix, days)

    @property
    def ids(self) -> tuple[str, str]:
        """The IDs by which the rule is known: its own, and that of earlier versions."""
        return self.id, earlier_id(self.prefix)

    def to_xml(self, namespace: str) -> str:
        """Return the element; `namespace` stands before each name: empty, or `x:`."""

        def element(name: str, content: str) -> str:
            return f"<{namespace}{name}>{content}</{namespace}{name}>"

        abort = element("DaysAfterInitiation", ABORT_DAYS)
        return element(
            "Rule",
            element(_ID, escape(self.id))
            + element("Filter", element("Prefix", escape(self.prefix)))
            + element(_STATUS, _ENABLED)
            + element("Expiration", element("Days", str(self.days)))
            + element("AbortIncompleteMultipartUpload", abort),
        )

    def is_stated_by(self, fields: Mapping[str, str]) -> bool:
        """Return whether a stored rule says the same, but for the part that some stores drop."""
        stated = {_ID: self.id, _STATUS: _ENABLED, _DAYS: str(self.days)}
        return (
            stated.items() <= fields.items()
            and prefix_of(fields) == self.prefix
            and fields.get(_ABORT, ABORT_DAYS) == ABORT_DAYS
        )


def earlier_id(prefix: str) -> str:
    """Return the ID that earlier versions gave the rule for objects below `prefix`."""
    return (ID_PREFIX + prefix)[:MAX_ID_LENGTH]


def _shortened(name: str) -> str:
    """Return a name, or as much of it as S3 takes with a hash that no other name has."""
    if len(name) <= MAX_ID_LENGTH:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[: MAX_ID_LENGTH - len(digest) - 1]}~{digest}"


def id_of(element: Element) -> str:
    """Return the ID of a rule, empty without one."""
    return next(((each.text or "").strip() for each in element if local_name(each) == _ID), "")


def fields_of(element: Element) -> dict[str, str] | None:
    """Return what a rule says by the paths of its fields, or None if it has others than ours have.

    Fields without any text are passed over: stores add them.
    """
    found = list(_texts(element, ""))
    fields = dict(found)
    if len(fields) < len(found) or not fields.keys() <= _FIELDS:
        return None
    return fields


def prefix_of(fields: Mapping[str, str]) -> str:
    """Return the prefix of the objects that a rule is for; empty for all objects."""
    return next((fields[path] for path in _PREFIXES if path in fields), "")


def _texts(element: Element, path: str) -> Iterator[tuple[str, str]]:
    for child in element:
        below = f"{path}/{local_name(child)}" if path else local_name(child)
        text = (child.text or "").strip()
        if text:
            yield below, text
        yield from _texts(child, below)


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
