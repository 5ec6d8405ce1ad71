"""A list of what a world holds, which each access reads from the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import overload

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

Record = TypeVar("Record")


class Listing(Sequence[Record]):
    """Records in their order. It is equal to a list of the same. Raises ControlError."""

    def _read(self) -> list[Record]:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._read())

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, position: int) -> Record: ...
        @overload
        def __getitem__(self, position: slice) -> list[Record]: ...

    def __getitem__(self, position: int | slice) -> Record | list[Record]:
        return self._read()[position]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._read())

    def __reversed__(self) -> Iterator[Record]:
        return reversed(self._read())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Listing | list):
            return NotImplemented
        return self._read() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._read())
