"""Relations between values that have names."""

from __future__ import annotations

from typing import Any

import pytest
from fake_apimart.cases.relations import holds

NAMES: dict[str, Any] = {
    "created": 1789727286,
    "completed": 1789727297,
    "took": 11,
    "cost": 0.020572,
    "credits": 0.20572,
    "digits": "8210272713000",
    "name": "photo.png",
    "modified": "Sat, 19 Sep 2026 10:20:56 GMT",
    "text": "1.5",
    "nothing": None,
    "none": 0,
}


@pytest.mark.parametrize(
    "relation",
    [
        "completed - created == took",
        "created <= completed <= created + took",
        "created < completed",
        "created != completed",
        "cost * 10 == credits",
        "100 - cost == 99.979428",
        "0.1 + 0.2 == 0.3",
        "(9999999999999 - digits) // 1000 == 1789727286",
        "digits % 1000 == 0",
        "modified == 1789813256",
        "modified + 1 == 1789813257",
        "name == 'photo.png'",
        "name != text",
        "1 <= took <= 11 < created",
    ],
)
def test_relations_that_hold(relation: str) -> None:
    assert holds(relation, NAMES)


@pytest.mark.parametrize(
    "relation",
    [
        "completed - created == took + 1",
        "completed < created",
        "completed < completed",
        "created <= completed <= created",
        "cost * 10 == cost",
        "cost * 3 == credits",
        "took == '11'",
        "name == text",
        "took != 11",
    ],
)
def test_relations_that_do_not_hold(relation: str) -> None:
    assert not holds(relation, NAMES)


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        ("missing == 1", "missing has no value"),
        ("1 == missing", "missing has no value"),
        ("created", "is no comparison"),
        ("created +", "is no comparison"),
        ("", "is no comparison"),
        ("created == 1 and took == 11", "is no comparison"),
        ("created > completed", "compares otherwise"),
        ("name in text", "compares otherwise"),
        ("created / 2 == 1", "is neither a name"),
        ("-created == 1", "is neither a name"),
        ("name.upper() == 1", "is neither a name"),
        ("__import__('os') == 1", "is neither a name"),
        ("[] == 1", "is neither a name"),
        ("None == 1", "is neither a name"),
    ],
)
def test_what_is_no_relation(relation: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        holds(relation, NAMES)


@pytest.mark.parametrize(
    ("relation", "error"),
    [
        ("name < 1", TypeError),
        ("nothing <= 1", TypeError),
        ("nothing + 1 == 1", TypeError),
        ("created % none == 0", ZeroDivisionError),
    ],
)
def test_values_that_cannot_be_compared(relation: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        holds(relation, NAMES)
