"""Records of a world: its uploads, tasks, requests and rules."""

from __future__ import annotations

from fake_apimart_testing.arguments import check_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fake_apimart_testing.control import Control

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True


class Upload:
    """An uploaded file; `bytes` is its size, times are Unix seconds by the world's clock."""

    def __init__(self, control: Control, base_url: str, fields: dict[str, Any]) -> None:
        self._control = control
        self.name: str = fields["name"]
        """The last segment of its URL."""
        self.url: str = base_url + fields["path"]
        self.filename: str = fields["filename"]
        self.content_type: str = fields["content_type"]
        self.bytes: int = fields["bytes"]
        self.created_at: int = fields["created_at"]
        self.expires_at: int = fields["expires_at"]
        self.alive: bool = fields["alive"]
        """Whether the URL had not expired when the file was listed."""

    def expire(self) -> None:
        """Let the URL be dead from now on, and leave the clock alone.

        Raises ControlError where it has expired already.
        """
        expired = self._control.call("POST", f"uploads/{self.name}/expire")
        self.expires_at, self.alive = expired["expires_at"], expired["alive"]

    def read(self) -> bytes:
        """Return the bytes as uploaded, even if the URL has expired. Raises ControlError."""
        return self._control.read("GET", f"uploads/{self.name}")

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of its bytes."""
        import hashlib

        return hashlib.sha256(self.read()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Upload) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r} {self.content_type} {self.bytes} bytes>"


class Task:
    """A generation task in the state it had when listed, which does not count as a poll."""

    def __init__(self, control: Control, fields: dict[str, Any]) -> None:
        self._control = control
        self._read(fields)

    def _read(self, fields: dict[str, Any]) -> None:
        self.id: str = fields["id"]
        self.status: str = fields["status"]
        self.progress: int = fields["progress"]
        self.model: str = fields["model"]
        self.prompt: str = fields["prompt"]
        self.size: tuple[int, int] = (fields["width"], fields["height"])
        """Width and height of its pictures, in pixels."""
        self.images: int = fields["images"]
        self.references: list[str] = fields["references"]
        """The names of the uploads that it refers to, the last segments of their URLs."""
        self.failure: str | None = fields["failure"]
        self.cost: float = fields["cost"]
        self.created: int = fields["created"]

    def complete(self) -> None:
        """Let it complete now, whatever was planned, with its pictures, its cost and its callback.

        Raises ControlError where it has ended already.
        """
        self._read(self._control.call("POST", f"tasks/{self.id}/complete"))

    def fail(self, message: str = "task failed on purpose") -> None:
        """Let it fail now, with its callback; it costs nothing.

        Raises TypeError and ValueError, which name the argument, and ControlError where it has
        ended already.
        """
        check_text("message", message)
        self._read(self._control.call("POST", f"tasks/{self.id}/fail", {"message": message}))

    def __repr__(self) -> str:
        return f"<Task {self.id} {self.status} {self.prompt!r}>"


class Answer:
    """An answer as the server made it; a fault of the connection may have cut it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.headers: dict[str, str] = fields["headers"]
        """By lower-case name, with secrets redacted; without `Date` and `Connection`."""
        self.json: Any = fields["body"]
        """The JSON body, or a text; the beginning where it is long, None of a file."""
        self.bytes: int = fields["bytes"]
        """The size of the body."""

    def __repr__(self) -> str:
        content_type = self.headers.get("content-type", "no type")
        return f"<Answer {content_type} {self.bytes} bytes>"


class Request:
    """A client's request and the answer to it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.id: int = fields["id"]
        self.time: float = fields["time"]
        """Unix seconds by the world's clock."""
        self.operation: str | None = fields["operation"]
        self.method: str = fields["method"]
        self.path: str = fields["path"]
        """Decoded, without the query."""
        self.query: str = fields.get("query", "")
        """As it was sent, with secrets redacted; empty where there was none."""
        self.status: int | None = fields["status"]
        """None if no answer was sent."""
        self.error: str | None = fields["error"]
        """The message of the error that was answered."""
        self.fault: str | None = fields["fault"]
        """The name of the rule that answered."""
        self.duration: float = fields["duration"]
        """In seconds."""
        self.headers: dict[str, str] = fields["headers"]
        """By lower-case name, with secrets such as the API key redacted."""
        self.task_id: str | None = fields["task_id"]
        self.file: str | None = fields["file"]
        """The last segment of the file's URL."""
        self.filename: str | None = fields["filename"]
        self.content_type: str | None = fields["content_type"]
        self.size: int | None = fields["size"]
        """The file's size in bytes."""
        self.sha256: str | None = fields["sha256"]
        self.part_headers: dict[str, str] = fields["part_headers"]
        """The headers of the form part that contained the file."""
        self.json: Any = fields["body"]
        """The JSON body; text if it is no JSON, long, or too deep for most parsers.

        Stars stand for passwords in its URLs.
        """
        self.unread_fields: list[str] = fields["unread_fields"]
        """The names of fields that were sent and ignored."""
        # Servers of before know neither of these.
        answer = fields.get("answer")
        self.answer: Answer | None = answer and Answer(answer)
        """What was answered; None if no answer was sent."""
        self.world: str | None = fields.get("world")
        """The name of the world in whose journal it is: the hash of its key, or `server`."""

    def described(self) -> str:
        """Return what it was and what was answered, in a line."""
        answer = "no answer" if self.status is None else str(self.status)
        text = f"{self.operation or 'unknown'}: {self.method} {self.path} -> {answer}"
        if self.error:
            text += f" {self.error}"
        if self.fault:
            text += f" (rule: {self.fault})"
        return text

    def __repr__(self) -> str:
        return f"<{self.described()}>"


_DEFAULTS = {"times": 1, "after": 0, "every": 1}
"""What `fail` asks for if the test does not say otherwise."""


class Rule:
    """A rule that makes requests fail."""

    def __init__(self, control: Control, fields: dict[str, Any], *, optional: bool) -> None:
        self._control = control
        self._fields = fields
        self.id: int = fields["id"]
        self.operation: str = fields["operation"]
        self.optional = optional
        """Whether a test may pass although no request has met the rule."""
        self._was_removed = False

    @property
    def is_missed(self) -> bool:
        """Whether a test fails that ends now: no request has met the rule, and one has to.

        Raises ControlError.
        """
        return not self.optional and not self._was_removed and not self.used

    @property
    def used(self) -> int:
        """How many requests have met the rule. Raises ControlError."""
        for fields in self._control.call("GET", "faults")["faults"]:
            if fields["id"] == self.id:
                self._fields = fields
        return int(self._fields["used"])

    def remove(self) -> None:
        """Remove the rule from the server; it need not be met any more. Raises ControlError."""
        # Read the count while the server still has it: `used` returns it after the removal.
        _ = self.used
        self._control.call("DELETE", f"faults?id={self.id}")
        self._was_removed = True

    def __repr__(self) -> str:
        fields = self._fields.items()
        shown = [f"{name}={value!r}" for name, value in fields if not _is_hidden(name, value)]
        return f"<Rule {' '.join([self.operation, *shown])}>"


def _is_hidden(name: str, value: object) -> bool:
    """Return whether a field of a rule says nothing of what was asked for."""
    return name in ("id", "used", "operation") or value == _DEFAULTS.get(name, ...)
