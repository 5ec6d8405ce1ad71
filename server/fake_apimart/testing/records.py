"""What a server tells of a world: its uploads, tasks and requests, and the rules in force."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fake_apimart.testing.control import Control


class Upload:
    """An uploaded file. `bytes` is its size, `created_at` in Unix seconds by the world's clock."""

    def __init__(self, control: Control, base_url: str, fields: dict[str, Any]) -> None:
        self._control = control
        self.name: str = fields["name"]
        """As in its URL."""
        self.url: str = base_url + fields["path"]
        self.filename: str = fields["filename"]
        self.content_type: str = fields["content_type"]
        self.bytes: int = fields["bytes"]
        self.created_at: int = fields["created_at"]
        self.expires_at: int = fields["expires_at"]
        self.alive: bool = fields["alive"]
        """Whether its URL still answers."""

    def read(self) -> bytes:
        """The very bytes, even where the URL has expired."""
        return self._control.read("GET", f"uploads/{self.name}")

    @property
    def sha256(self) -> str:
        """Of its bytes, in hexadecimal."""
        import hashlib

        return hashlib.sha256(self.read()).hexdigest()

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r} {self.content_type} {self.bytes} bytes>"


class Task:
    """A generation task as it stands; asking counts as no poll."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.id: str = fields["id"]
        self.status: str = fields["status"]
        self.progress: int = fields["progress"]
        self.model: str = fields["model"]
        self.prompt: str = fields["prompt"]
        self.size: tuple[int, int] = (fields["width"], fields["height"])
        """Of its pictures, in pixels."""
        self.images: int = fields["images"]
        self.references: list[str] = fields["references"]
        """Names of the uploads that it refers to, as in their URLs."""
        self.failure: str | None = fields["failure"]
        self.cost: float = fields["cost"]
        self.created: int = fields["created"]

    def __repr__(self) -> str:
        return f"<Task {self.id} {self.status} {self.prompt!r}>"


class Request:
    """What a client sent, and what it was answered."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.id: int = fields["id"]
        self.time: float = fields["time"]
        """Unix seconds by the world's clock."""
        self.operation: str | None = fields["operation"]
        self.method: str = fields["method"]
        self.path: str = fields["path"]
        self.status: int | None = fields["status"]
        """None where nothing was answered."""
        self.error: str | None = fields["error"]
        """The message of a refusal."""
        self.fault: str | None = fields["fault"]
        """The rule that answered."""
        self.duration: float = fields["duration"]
        self.headers: dict[str, str] = fields["headers"]
        """By lower-case name, the key redacted."""
        self.task_id: str | None = fields["task_id"]
        self.file: str | None = fields["file"]
        """The file's name, as in its URL."""
        self.filename: str | None = fields["filename"]
        self.content_type: str | None = fields["content_type"]
        self.size: int | None = fields["size"]
        self.sha256: str | None = fields["sha256"]
        self.part_headers: dict[str, str] = fields["part_headers"]
        """Those of the form's part that held the file."""
        self.json: Any = fields["body"]
        """The JSON body; of one that is long or no JSON, the beginning as text."""
        self.unread_fields: list[str] = fields["unread_fields"]
        """What was sent and nothing reads."""

    def __repr__(self) -> str:
        answer = "no answer" if self.status is None else str(self.status)
        told = f"{self.operation or 'unknown'}: {self.method} {self.path} -> {answer}"
        if self.error:
            told += f" {self.error}"
        if self.fault:
            told += f" (rule: {self.fault})"
        return f"<{told}>"


class Rule:
    """A failure that was asked for."""

    def __init__(self, control: Control, fields: dict[str, Any], *, optional: bool) -> None:
        self._control = control
        self._fields = fields
        self.id: int = fields["id"]
        self.operation: str = fields["operation"]
        self.optional = optional
        """Whether it is well if nothing ever meets it."""

    @property
    def used(self) -> int:
        """How many requests have met it."""
        for fields in self._control.call("GET", "faults")["faults"]:
            if fields["id"] == self.id:
                self._fields = fields
        return int(self._fields["used"])

    def remove(self) -> None:
        """Let it fire no more."""
        # What it counts to is kept for whoever asks later.
        _ = self.used
        self._control.call("DELETE", f"faults?id={self.id}")

    def __repr__(self) -> str:
        told = {name: value for name, value in self._fields.items() if name not in ("id", "used")}
        return f"<Rule {told}>"
