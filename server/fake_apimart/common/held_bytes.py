"""How much memory an object holds, with all that hangs on it: the measure of every bound in bytes.

It is an estimate, and one that never depends on how a client spreads its bytes: many short texts
count with the overhead that each of them has.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_LEAVES = frozenset({str, bytes, bytearray, int, float, complex, range})
"""Types whose objects hold no others."""
_FREE = frozenset({type(None), bool})
"""Types of which there is one object each, whoever holds it."""
_SHARED = (type, Enum, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
"""What belongs to the program and would be there without the object."""
_SLOTS: dict[type, tuple[str, ...]] = {}
_SEQUENCES = (list, tuple, set, frozenset, deque)


def held_bytes(value: object) -> int:
    """Return the estimated size in bytes of `value` and of all that it holds.

    Containers and instances, with slots or without, are followed to any depth, without recursion;
    what they hold more than once counts once. Classes, functions, modules and members of enums
    are shared, and count nothing.
    """
    total = 0
    seen: set[int] = set()
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind in _FREE or id(each) in seen:
            continue
        seen.add(id(each))
        if kind in _LEAVES:
            total += sys.getsizeof(each)
        elif not isinstance(each, _SHARED):
            total += sys.getsizeof(each)
            waiting += _held_by(each)
    return total


def held_bytes_of_leaves(values: Iterable[object]) -> int:
    """Return the same for objects that hold no others: texts, bytes, numbers, None."""
    return sum(map(sys.getsizeof, values))


def _held_by(value: object) -> Sequence[object]:
    """Return the objects that `value` holds itself."""
    if type(value) is tuple or type(value) is list:
        return value
    held: list[object] = []
    if isinstance(value, Mapping):
        held += value.keys()
        held += value.values()
    elif isinstance(value, _SEQUENCES):
        held += value
    held += [getattr(value, name, None) for name in _slots_of(type(value))]
    fields: dict[str, Any] | None = getattr(value, "__dict__", None)
    if fields is not None:
        # The names are the class's, and the dict itself is a part of the object.
        held += fields.values()
    if isinstance(value, memoryview):
        held.append(value.obj)
    return held


def _slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots of a class and of those that it is made from."""
    if (known := _SLOTS.get(kind)) is not None:
        return known
    names: list[str] = []
    for each in kind.__mro__:
        slots: str | Iterable[str] = each.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            is_private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{each.__name__.lstrip('_')}{name}" if is_private else name)
    _SLOTS[kind] = tuple(name for name in names if name not in ("__dict__", "__weakref__"))
    return _SLOTS[kind]
