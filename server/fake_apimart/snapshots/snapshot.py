"""A snapshot: what a server answered to a case on a day, in a file that shows when it is edited."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from fake_apimart_testing.version import __version__
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fake_apimart.cases.case import Case
from fake_apimart.client.answer import Answer
from fake_apimart.snapshots.redaction import Redactor
from fake_apimart.verify.results import Received, Result

FORMAT = 1
MAX_BODY_BYTES = 256 * 1024
"""Longer bodies are kept as their first bytes and the SHA-256 of all."""
_SHOWN_BYTES = 4096
_MAX_FILE_BYTES = 64 * 1024 * 1024


class InvalidSnapshot(Exception):
    """A file is no snapshot, or has been edited; the text says which and why."""


class RecordedAnswer(BaseModel):
    """An answer to a step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    path: str
    sent: int
    answered: int
    status: int | None
    """None: the connection ended without an answer."""
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    """The body, where it is text in UTF-8."""
    base64: str | None = None
    sha256: str = ""
    is_open: bool = False
    version: str = "HTTP/1.1"

    @classmethod
    def of(cls, received: Received, redactor: Redactor) -> Self:
        """Keep an answer, without what is personal."""
        sent, answered = received.times
        fields: dict[str, Any] = {
            "step": received.step,
            "path": redactor.text(received.path),
            "sent": sent,
            "answered": answered,
            "status": None,
        }
        if received.answer is not None:
            answer = redactor.answer(received.answer)
            fields |= {
                "status": answer.status,
                "reason": answer.reason,
                "headers": tuple(answer.headers),
                "is_open": answer.is_open,
                "version": answer.version,
                **_body(answer.body),
            }
        return cls(**fields)

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        """Refuse a body that is no base64, or no text: edited files state a right sum, too."""
        self.to_answer()
        return self

    @property
    def is_whole(self) -> bool:
        """Whether all of its body is there."""
        return not self.sha256

    def to_answer(self) -> Answer | None:
        """Return the answer that was recorded."""
        if self.status is None:
            return None
        body = base64.b64decode(self.base64 or "") or (self.text or "").encode()
        return Answer(self.status, self.reason, self.headers, body, self.is_open, self.version)


class Snapshot(BaseModel):
    """The answers of a server to a case, with the case as it was then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    operation: str
    case: Case
    target: str
    dialect: str = Field(pattern="^(page|live)$")
    recorded_on: str = Field(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")
    """The day, in UTC."""
    fake_apimart: str
    """The version that recorded it."""
    names: dict[str, str]
    """The values that had names from the start."""
    answers: tuple[RecordedAnswer, ...]

    @classmethod
    def of(cls, result: Result, *, target: str, dialect: str, day: str, secret: str) -> Self:
        """Keep what a server answered to a case."""
        redactor = Redactor([secret, result.names.get("key", "")])
        return cls(
            operation=result.operation,
            case=result.case,
            target=target,
            dialect=dialect,
            recorded_on=day,
            fake_apimart=__version__,
            names={name: redactor.text(value) for name, value in result.names.items()},
            answers=tuple(RecordedAnswer.of(each, redactor) for each in result.received),
        )

    @property
    def name(self) -> str:
        """The name of its case among all."""
        return f"{self.operation}/{self.case.name}"

    def write(self, folder: Path) -> Path:
        """Write it below a folder, by day and operation, and return the file. Raises OSError."""
        path = folder / self.recorded_on / self.operation / f"{self.case.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        whole = {**content, "sha256": _digest(content)}
        path.write_text(json.dumps(whole, indent=2, ensure_ascii=True) + "\n", "utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises InvalidSnapshot for one that is none, or that has been edited."""
        try:
            content = dict(json.loads(_text(path)))
            stated, digest = content.pop("sha256"), _digest(content)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise InvalidSnapshot(f"{path} is no snapshot: {error!r}") from error
        if stated != digest:
            raise InvalidSnapshot(
                f"{path} has been edited: its SHA-256 is not the one that it states. Record it anew"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise InvalidSnapshot(
                f"{path} is of another version: {place}: {problem['msg']}. Record it anew"
            ) from error


def read_snapshots(folder: Path) -> Sequence[Snapshot]:
    """Return all snapshots below a folder, the oldest first. Raises InvalidSnapshot."""
    if not folder.is_dir():
        raise InvalidSnapshot(f"{folder} is no folder")
    found = [Snapshot.read(path) for path in _files(folder)]
    if not found:
        raise InvalidSnapshot(f"{folder} has no snapshots: fake-apimart record makes them")
    return sorted(found, key=lambda each: each.recorded_on)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.json"))


def _text(path: Path) -> str:
    """Return the text of a file. Raises ValueError for one that would not end, or is no file."""
    if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
        raise ValueError(f"expected a file of {_MAX_FILE_BYTES} bytes at the most")
    return path.read_text("utf-8")


def _body(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        return {
            "base64": base64.b64encode(body[:_SHOWN_BYTES]).decode(),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of what a file says, however it is laid out."""
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    ).hexdigest()
