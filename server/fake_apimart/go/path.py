"""`filepath.Base`, as on Linux."""

from __future__ import annotations


def base(path: bytes) -> bytes:
    """The last element of a path: `/` where there are only slashes, `.` where there is nothing."""
    if not path:
        return b"."
    return path.rstrip(b"/").rpartition(b"/")[2] or b"/"
