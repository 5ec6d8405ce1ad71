"""What of the storage is needed to work on many of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fake_apimart_storage.s3.calls import Calls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH_THREADS = 32
"""Threads for calls of many; the connections that these need at the same time."""


class Store(Protocol):
    """The part of S3Storage that is used here."""

    client: S3Client
    batch_calls: Calls

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key of an object as parameters of a call."""

    def note_damage(self, key: str, problem: str) -> None:
        """Log once for each key that what is under it cannot be used."""
