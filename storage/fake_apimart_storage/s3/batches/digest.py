"""The checksum by which older stores hold the bodies of calls that need one."""

from __future__ import annotations

import base64
import hashlib


def content_md5(body: bytes) -> str:
    """Return the value of the header Content-MD5 for a body."""
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
