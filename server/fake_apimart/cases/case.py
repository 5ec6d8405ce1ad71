"""The model of the files in `contract/cases/`: what they may say, and what each word means.

Texts may hold `{name}`, which stands for a value of that name: one that is there from the start
(`cases.names`), or that an earlier answer has given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from fake_apimart.cases.source import ASSUMED, Source, by_strength


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def states(self, name: str) -> bool:
        """Return whether the file says anything about `name`, null too."""
        return name in self.model_fields_set


def _content(value: object) -> object:
    if isinstance(value, str):
        return {"text": value}
    return {"pieces": value} if isinstance(value, list) else value


class Content(_Part):
    """Bytes by a recipe, so that no large body stands in a file."""

    pieces: tuple[AnyContent, ...] = ()
    """What it begins with, one behind the other."""
    text: str = ""
    sample: str = ""
    """A file of `recorded/mime/`."""
    base64: str = ""
    times: int = Field(default=1, ge=0)
    """How often it is repeated."""
    size: int = Field(default=0, ge=0)
    """Bytes, to which it is filled up with zeros."""
    gzip: bool = False


AnyContent = Annotated[Content, BeforeValidator(_content)]
"""A recipe, or a text, or a list of both."""


class FormPart(_Part):
    """A part of a form."""

    name: str
    filename: str | None = None
    type: str | None = None
    """Its Content-Type."""
    headers: Mapping[str, str] = {}
    content: AnyContent = Content()


class Request(_Part):
    """A request: in parts, or as raw bytes, or as recorded."""

    method: str = "GET"
    path: str = "/"
    """With the query; a whole URL stands for its path."""
    key: str | None = "{key}"
    """What stands behind `Bearer `; null sends no Authorization."""
    headers: Mapping[str, str] = {}
    json_: Any = Field(default=None, alias="json")
    body: AnyContent | None = None
    form: tuple[FormPart, ...] | None = None
    chunked: bool = False
    announce: int | None = None
    """A Content-Length that is not the body's."""
    raw: tuple[AnyContent, ...] = ()
    """Lines, sent with CRLF between them."""
    recorded: str = ""
    """A file of `recorded/`, sent byte for byte, but for the key."""
    recorded_key: str = ""
    """The key in that file, in whose place ours is sent."""
    half_close: bool = False
    """Whether our side of the connection is shut once the request is sent."""
    pause_before_end: float = 0
    """Seconds to wait before the last byte is sent."""
    read_after: float = 0
    """Seconds for which nothing of the answer is read."""


class Expectation(_Part):
    """What an answer must be, and how that is known. What is not stated may be anything."""

    source: Annotated[Source, BeforeValidator(Source.parse), PlainSerializer(str)]
    version: Literal["HTTP/1.0", "HTTP/1.1"] | None = None
    """What the status line begins with."""
    status: int | None = None
    reason: str | None = None
    """Of a callback, its path and query."""
    headers: Mapping[str, str | None] = {}
    """Null: it must not be there."""
    only_headers: tuple[str, ...] | None = None
    """No header is there but these and those that any expectation of the step names."""
    json_: Any = Field(default=None, alias="json")
    """The whole body; `cases.matching` says what stands for what."""
    text: str | None = None
    """The whole body, to the byte but for placeholders."""
    body: AnyContent | None = None
    slice: tuple[int, int] | None = None
    """Of `body`, the first byte and the last one."""
    relations: tuple[str, ...] = ()
    """Comparisons of values that have names, such as `completed - created == 11`."""
    connection: Literal["open", "closed"] | None = None
    silent: bool = False
    """Whether the connection ends without an answer."""
    cut: bool = False
    """Whether the connection ends within the answer; nothing else is then looked at."""


class Step(_Part):
    """A request and what is expected of its answer, or something else that happens."""

    request: Request | None = None
    control: Request | None = None
    """A call of the control API, which the real service does not have."""
    callback: bool = False
    """Wait for the next callback at `{receiver}`; what is expected is expected of it.

    Where it is expected to be `silent`, none must come within a short time.
    """
    times: int = Field(default=1, ge=1)
    """How often it is done; what is expected is expected each time."""
    at_once: bool = False
    """Whether these are requests at the same time."""
    pause: float = 0
    """Seconds to wait."""
    terminate: bool = False
    """Tell the server to stop once the request is sent."""
    until: Any = None
    """Ask again until the body is so (`cases.matching`); what is expected is of the last answer."""
    expect: tuple[Expectation, ...] = ()
    frame: str | None = None
    """Which expectations of every answer apply, if not those that go with its path."""


class Case(_Part):
    """Steps, one after the other, in a world of their own."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Also that of a file."""
    dialect: Literal["page", "live"] | None = None
    """None for both."""
    settings: Mapping[str, Any] = {}
    """What the server must be configured with, by the names of its settings."""
    why: str = ""
    """What a reader could not know."""
    steps: tuple[Step, ...]

    @model_validator(mode="before")
    @classmethod
    def _single_step(cls, value: Any) -> Any:
        """Read a case of one step, whose parts stand in the case itself."""
        if isinstance(value, dict) and "steps" not in value:
            step = {name: value[name] for name in Step.model_fields if name in value}
            rest = {name: each for name, each in value.items() if name not in step}
            return {**rest, "steps": [step]}
        return value

    @property
    def sources(self) -> set[str]:
        """The tags of all that is expected in it."""
        return {each.source.tag for step in self.steps for each in step.expect}


class Behaviour(_Part):
    """A row of docs/fidelity.md, with the cases that prove it."""

    says: str
    cases: tuple[Case, ...] = Field(min_length=1)

    @property
    def sources(self) -> list[str]:
        """The tags that its cases rest on, the strongest first."""
        return by_strength({tag for case in self.cases for tag in case.sources})

    @property
    def is_assumed(self) -> bool:
        """Whether nothing is known of it: it is our choice alone."""
        return self.sources == [ASSUMED]


class CaseFile(_Part):
    """What we know of an operation."""

    operation: str
    title: str
    route: str = ""
    behaviours: tuple[Behaviour, ...]

    @model_validator(mode="after")
    def _no_two_of_a_name(self) -> Self:
        names = [case.name for behaviour in self.behaviours for case in behaviour.cases]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cases have the name {', '.join(sorted(twice))}")
        return self
