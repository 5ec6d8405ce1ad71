"""The settings that a world can override; the server's own apply to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, create_model

from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.outcome import Outcome

Overrides = Mapping[str, Any]
"""Values by setting name that replace those of the parent."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """A subset of Settings, with the same names and meanings. Times are seconds."""

    task_seconds: float
    task_polls: int
    task_failure: str
    balance: float
    rate_limit: str
    dialect: str
    max_file_bytes: int
    url_ttl_seconds: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the server's own."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def with_overrides(self, overrides: Overrides) -> WorldSettings:
        """Return these settings with `overrides` applied."""
        return replace(self, **overrides) if overrides else self

    @property
    def outcome(self) -> Outcome:
        """The outcome of tasks, unless a request asks for another."""
        return Outcome(self.task_seconds, self.task_polls, self.task_failure or None)


def _type_of(name: str) -> Any:
    field = Settings.model_fields[name]
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


_FIELDS: dict[str, Any] = {
    field.name: (_type_of(field.name), None) for field in fields(WorldSettings)
}
_OverridesModel: type[BaseModel] = create_model(
    "_OverridesModel", __config__=ConfigDict(extra="forbid", strict=True), **_FIELDS
)


def check_overrides(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return overrides as they are kept. Raises ValueError where one is no setting of a world."""
    return _OverridesModel.model_validate(overrides).model_dump(exclude_unset=True)
