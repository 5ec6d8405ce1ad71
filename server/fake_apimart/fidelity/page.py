"""The fidelity page in Markdown, made from the cases; `fake-apimart fidelity` prints it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_apimart.cases.case import Behaviour, CaseFile
from fake_apimart.cases.reading import case_files
from fake_apimart.cases.source import SOURCES
from fake_apimart.fidelity.differences import DIFFERENCES, NOT_EMULATED, OTHER_OPERATIONS

_INTRODUCTION = """\
What this server says, and how each of it is known. Every row is proven by cases, which are data in
the package: `fake-apimart verify` runs them against servers of its own, or against the server that
`--target` names, the real one too ([verify.md](verify.md)). This page is made from the cases. Where
sources disagree, the stronger one wins. In order of strength, they are:
"""
_OTHERS = """\
These operations of the vendor's are not emulated yet. A path of their own answers as any unknown
one does; the catalogue lists no videos, and a schema for videos is refused with 400.\
"""


def markdown() -> str:
    """Return the fidelity page in Markdown."""
    sources = [(name, what) for name, what in SOURCES.items()]
    parts = ["# Fidelity", _INTRODUCTION + "\n" + _table(("source", "what it is"), sources)]
    for file in case_files():
        parts += _operation(file)
    others = [(f"`{route}`", what) for route, what in OTHER_OPERATIONS.items()]
    parts += [
        "## Not emulated",
        _OTHERS,
        _table(("operation", "what it is"), others),
        "Nor are these emulated:",
        _bullets(NOT_EMULATED),
        "## Known differences",
        _bullets(DIFFERENCES),
    ]
    return "\n\n".join(parts) + "\n"


def _operation(file: CaseFile) -> Iterator[str]:
    yield f"## {file.title}" + (f" (`{file.route}`)" if file.route else "")
    proven = [each for each in file.behaviours if not each.is_assumed]
    assumed = [each for each in file.behaviours if each.is_assumed]
    if proven:
        rows = [(each.says, ", ".join(each.sources), _count(each)) for each in proven]
        yield _table(("behaviour", "proven by", "cases"), rows)
    if assumed:
        yield _table(("assumed", "cases"), [(each.says, _count(each)) for each in assumed])


def _count(behaviour: Behaviour) -> str:
    return str(len(behaviour.cases))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(each)} |" for each in (head, *rows)]
    lines.insert(1, "|---" * len(head) + "|")
    return "\n".join(lines)


def _bullets(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {item}" for item in items)
