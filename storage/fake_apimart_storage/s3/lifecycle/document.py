"""The document that the rules of a bucket are, and where each rule stands in its text.

A parser alone tells what a rule says, but not how it was written. So the text is also scanned for
the elements below its root, and what the two find must agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from fake_apimart_storage.s3.lifecycle.rule import local_name

ROOT = "LifecycleConfiguration"
RULE = "Rule"
EMPTY = f'<{ROOT} xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></{ROOT}>'.encode()
"""The document of a bucket without rules."""

_ENCODING = re.compile(r"""\ufeff?<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_READ_ENCODINGS = ("utf-8", "us-ascii")
_CHANGING = ("<!DOCTYPE", "<!ENTITY")
_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    r"""|<(?P<end>/)?(?P<name>[^\s<>/!?"'=]+)(?:[^<>"']|"[^"<]*"|'[^'<]*')*?(?P<close>/?>)""",
    re.DOTALL,
)
_MAX_DEPTH = 100
"""How deep elements lie at most; what is deeper ends the parser's own recursion."""
_MAX_SHOWN = 100


class UnusableDocument(ValueError):
    """A document that cannot be changed without a risk to what else is in it; says why."""


class _Span(NamedTuple):
    """Where an element stands in the text, and the name by which it is written."""

    start: int
    stop: int
    name: str


class _Outline(NamedTuple):
    """The name of the root as it is written, the elements in it, and where its end begins."""

    root: str
    children: list[_Span]
    end: int
    is_empty: bool
    """Whether the root is one tag, which is its end too."""


class StoredRule(NamedTuple):
    """A rule as it is written, and as it is read."""

    text: str
    element: Element


class Document:
    """The rules of a bucket. Raises UnusableDocument."""

    def __init__(self, data: bytes) -> None:
        self._text = _decoded(data)
        root = _parsed(data)
        if local_name(root) != ROOT:
            raise UnusableDocument(f"it is no {ROOT}, but {local_name(root)[:_MAX_SHOWN]}")
        self._outline = _outline_of(self._text)
        spans = self._outline.children
        if [_local(span.name) for span in spans] != [*map(local_name, root)]:
            raise UnusableDocument("it is written in a way that is not understood")
        self._spans = [span for span in spans if _local(span.name) == RULE]
        texts = [self._text[span.start : span.stop] for span in self._spans]
        elements = [each for each in root if local_name(each) == RULE]
        self.rules = [StoredRule(*each) for each in zip(texts, elements, strict=True)]
        self.others = [ET.tostring(each) for each in root if local_name(each) != RULE]
        """What stands beside the rules, in one form."""

    @property
    def namespace(self) -> str:
        """What stands before the names of the root's namespace: empty, or `x:`."""
        before, colon, _ = self._outline.root.rpartition(":")
        return before + colon

    def changed(self, replaced: Mapping[int, str], added: Sequence[str]) -> bytes:
        """Return the document with other texts in place of rules, by their numbers, and new ones.

        An empty text removes a rule. All else stays as it is, to the byte.
        """
        pieces, position = [], 0
        for number, text in sorted(replaced.items()):
            span = self._spans[number]
            pieces += [self._text[position : span.start], text]
            position = span.stop
        root, _, end, is_empty = self._outline
        pieces.append(self._text[position:end])
        if is_empty:
            pieces += [">", *added, f"</{root}>", self._text[end + len("/>") :]]
        else:
            pieces += [*added, self._text[end:]]
        return "".join(pieces).encode()


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UnusableDocument("it is not in UTF-8") from None
    encoding = _ENCODING.match(text)
    if encoding and encoding[1].lower() not in _READ_ENCODINGS:
        raise UnusableDocument(f"it says to be in {encoding[1][:_MAX_SHOWN]}")
    if any(word in text for word in _CHANGING):
        raise UnusableDocument("it has a document type, by which a text may mean another")
    return text


def _parsed(data: bytes) -> Element:
    try:
        # Nothing expands in it, since it has no document type.
        return ET.fromstring(data)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UnusableDocument(f"it is no XML: {error}") from None


def _outline_of(text: str) -> _Outline:
    """Return where the elements of a well-formed text stand."""
    children: list[_Span] = []
    depth, root, start = 0, "", 0
    for tag in _tags(text):
        is_end, is_empty = tag["end"] is not None, tag["close"] == "/>"
        if is_end:
            depth -= 1
        if depth == 0:
            if is_end or is_empty:
                end = tag.start() if is_end else tag.start("close")
                return _Outline(root or tag["name"], children, end, is_empty)
            root = tag["name"]
        elif depth == 1:
            start = start if is_end else tag.start()
            if is_end or is_empty:
                children.append(_Span(start, tag.end(), tag["name"]))
        if not is_end and not is_empty:
            depth += 1
        if depth > _MAX_DEPTH:
            raise UnusableDocument(f"its elements are more than {_MAX_DEPTH} deep")
    raise UnusableDocument("its root has no end")


def _tags(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _TOKEN.finditer(text) if match["name"] is not None)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
