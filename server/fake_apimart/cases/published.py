"""The cases as one JSON document, for programs in any language."""

from __future__ import annotations

from functools import cache
from typing import Any

from fake_apimart_testing.version import __version__
from pydantic import BaseModel

from fake_apimart.cases.reading import case_files, frames
from fake_apimart.cases.source import SOURCES
from fake_apimart.go.json import marshal


@cache
def as_json() -> bytes:
    """Return all cases, in the words of the files that they are in."""
    return marshal(
        {
            "version": __version__,
            "sources": SOURCES,
            "frames": {name: _said(each) for name, each in frames().items()},
            "operations": [_said(each) for each in case_files()],
        }
    )


def _said(part: BaseModel) -> Any:
    return part.model_dump(mode="json", by_alias=True, exclude_unset=True)
