"""The failure of what servers share."""

from __future__ import annotations


class StateError(Exception):
    """The shared state cannot be reached, or answers nonsense; the message says how."""
