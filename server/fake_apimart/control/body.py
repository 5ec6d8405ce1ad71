"""What the bodies of control calls have in common: nothing is taken that nobody reads."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Body(BaseModel):
    """A JSON object whose fields are all known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, given: Any) -> Any:
        if isinstance(given, dict):
            unknown = [str(name) for name in given if name not in cls.model_fields]
            if unknown:
                valid = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {unknown[0]}; valid are {valid}")
        return given


def example(**fields: Any) -> ConfigDict:
    """What the page of the control API proposes to send."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def one_of(value: str, valid: tuple[str, ...], what: str) -> str:
    """`value` if it is among the `valid`; else a ValueError that lists them."""
    if value not in valid:
        raise ValueError(f"unknown {what} {value}; valid are {', '.join(valid)}")
    return value
