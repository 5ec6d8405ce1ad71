"""Reads the cases: the files of `contract/cases/`, and the recorded requests beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from fake_apimart.cases.case import CaseFile, Expectation
from fake_apimart.cases.recorded import recorded_files

_FOLDER = files("fake_apimart.contract") / "cases"
_FRAMES = "frames.yaml"
_ORDER = (
    *("every_answer", "keys"),
    *("uploads.create", "upload_forms", "file_types", "file_urls", "files.get"),
    *("generations.create", "tasks.get", "tasks.batch", "callbacks"),
    *("models.list", "models.get", "models.schema", "models.docs", "balance.get"),
)
# The pure Python one is ten times slower, but is there everywhere.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Frame(BaseModel):
    """What is expected of every answer of a kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: tuple[str, ...]
    """Where it goes without saying: what a path begins with."""
    expect: tuple[Expectation, ...]


@cache
def case_files() -> Sequence[CaseFile]:
    """Return the cases, by operation, in the order of the contract."""
    more = {each.operation: each.behaviours for each in recorded_files()}
    read = [CaseFile.model_validate(_load(f"{name}.yaml")) for name in _ORDER]
    return [
        each.model_copy(update={"behaviours": each.behaviours + more.get(each.operation, ())})
        for each in read
    ]


@cache
def frames() -> Mapping[str, Frame]:
    """Return what is expected of every answer, by the names of the kinds."""
    return {name: Frame.model_validate(each) for name, each in _load(_FRAMES).items()}


def names_of_files() -> list[str]:
    """Return which files there are, so that none is forgotten in the order."""
    return sorted(each.name for each in _FOLDER.iterdir() if each.name.endswith(".yaml"))


def _load(name: str) -> Any:
    # A loader of plain values alone: it makes no objects.
    return yaml.load((_FOLDER / name).read_text("utf-8"), _Loader)  # noqa: S506
