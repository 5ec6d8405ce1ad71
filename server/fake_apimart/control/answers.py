"""What the control API answers, as types: for the OpenAPI document, and for clients made from it.

Handlers write JSON themselves, in the bytes of all other answers; tests hold them to these types.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Answer(BaseModel):
    """A JSON object with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class ClockAnswer(Answer):
    """The time of a world."""

    now: float = Field(description="Unix seconds.")
    frozen: bool


class UploadAnswer(Answer):
    """An uploaded file."""

    name: str = Field(description="The last segment of its URL.")
    path: str
    filename: str | None
    content_type: str
    bytes: int
    created_at: int = Field(description="Unix seconds by the world's clock.")
    expires_at: int = Field(description="Unix seconds by the world's clock.")
    alive: bool = Field(description="Whether its URL is still good.")


class UploadsAnswer(Answer):
    """The files of a world, in the order in which they came."""

    uploads: list[UploadAnswer]


class TaskAnswer(Answer):
    """A generation task as it stands."""

    id: str
    status: str
    progress: int = Field(ge=0, le=100)
    model: str
    prompt: str
    width: int
    height: int
    images: int
    references: list[str]
    failure: str | None
    cost: float
    created: int = Field(description="Unix seconds.")


class TasksAnswer(Answer):
    """The tasks of a world, oldest first."""

    tasks: list[TaskAnswer]


class DribbleAnswer(Answer):
    """The pace of a slow answer."""

    bytes: int
    seconds: float


class RuleAnswer(Answer):
    """A rule, with what it was written with."""

    id: int
    operation: str
    error: str | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    body: JsonValue = None
    body_base64: str | None = None
    socket: str | None = None
    dribble: DribbleAnswer | None = None
    delay: float | None = None
    where: dict[str, JsonValue] | None = None
    times: int | None
    after: int
    every: int
    used: int = Field(description="How many requests have met it.")


class RulesAnswer(Answer):
    """The rules of a world, in the order in which they fire."""

    faults: list[RuleAnswer]


class GivenAnswer(Answer):
    """An answer as it was made; a fault of the connection may have cut it."""

    headers: dict[str, str] = Field(
        description="By lower-case name, secrets redacted; without `Date` and `Connection`."
    )
    body: Any = Field(
        description="The JSON body, or text; the beginning where it is long, null of a file."
    )
    bytes: int = Field(description="How many the body has.")


class RequestAnswer(Answer):
    """A request, and what it was answered."""

    id: int
    world: str = Field(description="The name of the world in whose journal it is, or `server`.")
    time: float = Field(description="Unix seconds by the world's clock.")
    operation: str | None
    method: str
    path: str = Field(description="Decoded, without the query.")
    query: str = Field(description="As it was sent, secrets redacted; empty where there was none.")
    status: int | None = Field(description="null where nothing was answered.")
    duration: float = Field(description="Seconds.")
    error: str | None = Field(description="The message of a refusal.")
    fault: str | None = Field(description="The rule that answered.")
    task_id: str | None
    file: str | None = Field(description="The last segment of the file's URL.")
    filename: str | None
    content_type: str | None
    size: int | None = Field(description="Of the file, in bytes.")
    sha256: str | None
    headers: dict[str, str] = Field(description="By lower-case name, secrets redacted.")
    part_headers: dict[str, str] = Field(description="Of the form's part that held the file.")
    body: Any = Field(
        description="The JSON body; as text if it is no JSON, long, or too deep for most parsers."
    )
    body_bytes: int
    unread_fields: list[str] = Field(description="What was sent and nothing reads.")
    answer: GivenAnswer | None = Field(description="null where nothing was answered.")


class RequestsAnswer(Answer):
    """Requests, newest last."""

    requests: list[RequestAnswer]


class WaitAnswer(RequestsAnswer):
    """Requests that were waited for."""

    satisfied: bool = Field(description="Whether there were enough before time was up.")


class WorldSettingsAnswer(Answer):
    """The settings that a world can have of its own."""

    task_seconds: float
    task_polls: int
    task_failure: str
    balance: float
    rate_limit: str
    dialect: str
    max_file_bytes: int
    url_ttl_seconds: int


class OwnSettingsAnswer(Answer):
    """Those of them that the world has of its own, and not from the server."""

    task_seconds: float | None = None
    task_polls: int | None = None
    task_failure: str | None = None
    balance: float | None = None
    rate_limit: str | None = None
    dialect: str | None = None
    max_file_bytes: int | None = None
    url_ttl_seconds: int | None = None


class JournalAnswer(Answer):
    """How much a journal holds."""

    entries: int
    bytes: int


class WorldAnswer(Answer):
    """What holds in a world; `world` is null for the whole server."""

    world: str | None
    meaning: str | None = Field(default=None, description="What the key's name says.")
    worlds: int | None = Field(default=None, description="How many there are in the server.")
    settings: WorldSettingsAnswer
    own_settings: OwnSettingsAnswer
    label: str = Field(description="What its user calls it; empty without a label.")
    journal: JournalAnswer


class KnownWorldAnswer(Answer):
    """A world as it stands among all."""

    world: str = Field(description="Its name: the hash of its key.")
    id: str = Field(description="The beginning of the name.")
    label: str = Field(description="What its user calls it; empty without a label.")
    meaning: str = Field(
        description="What its key's name says; empty where the key was not used since the start."
    )
    requests: int = Field(description="How many its journal has.")
    last_used: float | None = Field(
        description=(
            "Real time in Unix seconds of its last request or change; null where it was not used "
            "since it began anew, or the server started."
        )
    )


class KnownWorldsAnswer(Answer):
    """The worlds that are known, the last used first; behind them those that are only stored."""

    worlds: list[KnownWorldAnswer]


class RemovedAnswer(Answer):
    """The world that is gone."""

    removed: str


class ResetAnswer(Answer):
    """The world that begins anew; null for the whole server."""

    reset: str | None


class ContractAnswer(Answer):
    """What is known of the vendor's API, in the words of the files of cases."""

    version: str
    sources: dict[str, str]
    """What each source is, the strongest first."""
    frames: dict[str, JsonValue]
    """What is expected of every answer, by kinds of answers."""
    operations: list[JsonValue]
    """The behaviours of each operation, with their cases."""
