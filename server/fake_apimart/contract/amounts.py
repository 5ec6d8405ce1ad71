"""Amounts of money and credits, as the vendor's server prints them."""

from __future__ import annotations

CREDITS_PER_UNIT = 10
_DECIMALS = 9


def amount(value: float) -> float | int:
    """Without the noise of binary fractions; whole amounts without a point, as Go prints them."""
    rounded = round(value, _DECIMALS)
    return int(rounded) if float(rounded).is_integer() else rounded


def credits_for(value: float) -> float | int:
    """The same amount in credits."""
    return amount(value * CREDITS_PER_UNIT)
