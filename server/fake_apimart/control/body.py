"""What request bodies of the control API have in common: unknown fields are refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Body(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        if isinstance(value, dict):
            unknown = [str(name) for name in value if name not in cls.model_fields]
            if unknown:
                valid = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {_shown(unknown[0])}; valid are {valid}")
        return value


def example(**fields: Any) -> ConfigDict:
    """Return a configuration with an example for the page of the control API."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def require_one_of(value: str, valid: tuple[str, ...], what: str) -> str:
    """Return `value`; raise ValueError, which lists the `valid` ones, if it is not among them."""
    if value not in valid:
        raise ValueError(f"unknown {what} {_shown(value)}; valid are {', '.join(valid)}")
    return value


def _shown(text: str) -> str:
    """Return `text` as it can be stated in an error: Pydantic refuses messages with surrogates."""
    return text.encode("utf-8", "replace").decode()
