"""Amounts of money and of credits, formatted as the vendor's server does."""

from __future__ import annotations

CREDITS_PER_UNIT = 10
"""How many credits one unit of the currency buys."""
MINIMUM_BALANCE = 0.05
"""What a key must have left to be let in, in the currency (live)."""
_DECIMALS = 9


def round_amount(value: float) -> float | int:
    """Round a value so that its JSON is the one Go writes.

    Rounding errors of binary fractions are removed, and a whole amount has no decimal point.
    """
    rounded = round(value, _DECIMALS)
    return int(rounded) if float(rounded).is_integer() else rounded


def credits_for(value: float) -> float | int:
    """Return an amount of currency in credits, rounded like it."""
    return round_amount(value * CREDITS_PER_UNIT)
