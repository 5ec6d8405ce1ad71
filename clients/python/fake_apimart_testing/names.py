"""Names that rules take, as types: so that editors complete them.

Any other `str` is taken too, such as a parameter of a test, and the server says which are valid.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Operation: TypeAlias = Literal[
    "uploads.create",
    "files.get",
    "generations.create",
    "tasks.get",
    "tasks.batch",
    "models.list",
    "models.get",
    "models.schema",
    "models.docs",
    "balance.get",
]
"""What clients ask for."""

Error: TypeAlias = Literal[
    "invalid_key",
    "insufficient_balance",
    "forbidden",
    "rate_limited",
    "file_too_large",
    "upload_failed",
    "internal_error",
    "bad_gateway",
    "service_unavailable",
    "channel_busy",
    "model_not_found",
    "access_denied",
]
"""The vendor's errors; each operation has some of them."""

SocketFault: TypeAlias = Literal[
    "close_before_reading",
    "reset_after_reading",
    "never_answer",
    "end_after_headers",
    "cut_in_body",
    "malformed_chunks",
    "one_byte_per_second",
    "dribble",
]
"""What can go wrong with a connection."""
