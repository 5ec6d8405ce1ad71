"""Servers that are configured to be wrong in one thing, such as a limit by one byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OTHER_SERVERS: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] = {
    "one-byte-fewer": ({"max_file_bytes": 20_971_519}, ["uploads.create/largest"]),
    "one-byte-more": ({"max_file_bytes": 20_971_521}, ["uploads.create/one-byte-more"]),
    "files-for-a-second-less": ({"url_ttl_seconds": 259_199}, ["files.get/"]),
    "files-for-a-second-more": ({"url_ttl_seconds": 259_201}, ["files.get/"]),
    "cors-on-files": ({"file_cors": True}, ["files.get/"]),
    "balance-of-99": ({"balance": 99}, ["balance.get/"]),
    "failing-tasks": ({"task_failure": "no"}, ["tasks.get/"]),
    "data-uris": ({"accept_base64": True}, ["generations.create/base64"]),
    "checked-pictures": ({"decode_check": True}, ["uploads.create/", "file_types/"]),
    "another-host": ({"public_url": "http://127.0.0.1:1"}, ["file_urls/"]),
    "refused-models": ({"models": ["gpt-image-2"]}, ["generations.create/any-model"]),
    "limited-rate": ({"rate_limit": "1/hour"}, ["uploads.create/"]),
}
