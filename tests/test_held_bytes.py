"""The estimate of an object's size, by which memory is bounded."""

from __future__ import annotations

import sys
import tracemalloc
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.tasks.task import Task

MEGABYTE = 1_000_000


class Slotted:
    __slots__ = ("__secret", "text")

    def __init__(self, text: str, secret: str = "") -> None:
        self.text = text
        self.__secret = secret


class Derived(Slotted):
    __slots__ = ("more",)

    def __init__(self, more: str) -> None:
        super().__init__("")
        self.more = more


class Loose:
    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(frozen=True, slots=True)
class Record:
    texts: list[str] = field(default_factory=list)


class Size(Enum):
    LARGE = "x" * MEGABYTE


def _text() -> str:
    return "a" * MEGABYTE


@pytest.mark.parametrize(
    "hold",
    [
        _text,
        lambda: b"a" * MEGABYTE,
        lambda: bytearray(MEGABYTE),
        lambda: memoryview(bytes(MEGABYTE)),
        lambda: [_text()],
        lambda: (_text(),),
        lambda: {_text()},
        lambda: frozenset({_text()}),
        lambda: deque([_text()]),
        lambda: {"a": _text()},
        lambda: {_text(): 1},
        lambda: OrderedDict(a=_text()),
        lambda: {"a": [({"b": _text()},)]},
        lambda: Slotted(_text()),
        lambda: Slotted("", secret=_text()),
        lambda: Derived(_text()),
        lambda: Loose(_text()),
        lambda: Record([_text()]),
    ],
)
def test_everything_that_an_object_holds_counts(hold: Callable[[], Any]) -> None:
    assert MEGABYTE <= held_bytes(hold()) <= MEGABYTE + 2_000


def test_what_is_held_twice_counts_once() -> None:
    text = _text()
    assert held_bytes([text, text]) < 1.1 * MEGABYTE


def test_a_circle_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert held_bytes(circle) == sys.getsizeof(circle)


def test_depth_costs_no_recursion() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert held_bytes(nested) >= 100_000 * sys.getsizeof([])


@pytest.mark.parametrize("shared", [Loose, _text, sys, Size.LARGE, None, True])
def test_what_belongs_to_the_program_counts_nothing(shared: object) -> None:
    assert held_bytes(shared) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: [f"name {number}" for number in range(20_000)],
        lambda: {f"name {number}": f"value {number}" for number in range(20_000)},
        lambda: [(f"{number}".encode(), b"x" * (number % 50)) for number in range(20_000)],
        lambda: [Slotted(f"text {number}") for number in range(20_000)],
    ],
)
def test_the_estimate_is_near_what_the_interpreter_takes(make: Callable[[], Any]) -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes(made) == pytest.approx(after - before, rel=0.35)


def test_a_task_counts_with_its_texts() -> None:
    fields: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__, 0)
    small = Task(**fields | {"prompt": "p", "image_keys": (), "reference_keys": ()})
    large = Task(**fields | {"prompt": _text(), "image_keys": (), "reference_keys": ()})
    assert held_bytes(large) - held_bytes(small) == pytest.approx(MEGABYTE, rel=0.01)
