"""`filepath.Base`, as on Linux."""

from __future__ import annotations


def base(path: bytes) -> bytes:
    """Return the last element of a path: `/` if it has only slashes, `.` if it is empty."""
    if not path:
        return b"."
    return path.rstrip(b"/").rpartition(b"/")[2] or b"/"
