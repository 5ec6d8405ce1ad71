"""What is known of operations, and how: the cases of the contract, by the operation they are of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fake_apimart.cases.case import CaseFile


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the server does, as Markdown, how that is known, and how many cases prove it."""

    says: str
    sources: tuple[str, ...]
    cases: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one subject: what is proven, and what is our choice alone."""

    operation: str
    title: str
    route: str
    proven: tuple[Behaviour, ...]
    assumed: tuple[Behaviour, ...]

    def is_about(self, operation: str, routes: Collection[str]) -> bool:
        """Return whether the subject is an operation, or a part of what its routes do."""
        return self.operation == operation or self.route in routes


def known_of(files: Iterable[CaseFile]) -> tuple[Known, ...]:
    """Return what files of cases tell, in their order."""
    return tuple(
        Known(
            file.operation,
            file.title,
            file.route,
            _behaviours(file, is_assumed=False),
            _behaviours(file, is_assumed=True),
        )
        for file in files
    )


def _behaviours(file: CaseFile, *, is_assumed: bool) -> tuple[Behaviour, ...]:
    return tuple(
        Behaviour(each.says, tuple(each.sources), len(each.cases))
        for each in file.behaviours
        if each.is_assumed is is_assumed
    )
