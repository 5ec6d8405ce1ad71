"""Entries of the journal as they are kept in Redis: as the control API shows them, no secrets."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fake_apimart.contract import file_url


class PublishedEntry(NamedTuple):
    """What those who wait are told of an entry."""

    id: int
    operation: str | None
    status: int | None


class StoredEntry:
    """An entry as Redis has it."""

    __slots__ = ("_content", "file_key", "id", "operation", "status")

    def __init__(self, entry_id: int, text: bytes) -> None:
        self._content: dict[str, Any] = json.loads(text)
        self.id = entry_id
        self.operation: str | None = self._content["operation"]
        self.status: int | None = self._content["status"]
        file = self._content["file"]
        self.file_key: str | None = file and f"{file_url.KEY_PREFIX}{file}"

    @property
    def sha256(self) -> str | None:
        """The digest of the uploaded file, where it is known."""
        digest: str | None = self._content["sha256"]
        return digest

    @sha256.setter
    def sha256(self, digest: str | None) -> None:
        self._content["sha256"] = digest

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the control API's form."""
        return {**self._content, "id": self.id}
