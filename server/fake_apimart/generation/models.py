"""The models: one table, from which requests are checked and schemas are made.

Ids are the page's and the documentation's, gpt-image-2's ratios, prices and 16 references too
(docs); the rest is assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fake_apimart.contract import errors

RESOLUTIONS = ("1k", "2k", "4k")
GEMINI_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
GPT_RATIOS = (*GEMINI_RATIOS, "2:1", "1:2", "3:1", "1:3", "9:21")


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Without ratios, any ratio between 1:8 and 8:1 is good."""

    id: str
    ratios: tuple[str, ...]
    resolutions: tuple[str, ...]
    most_images: int
    most_references: int
    prices: Mapping[str, float]
    """What one image costs, by resolution."""
    estimated_time: int = 100
    """Seconds, as tasks state it."""


_GPT_PRICES = {"1k": 0.006, "2k": 0.012, "4k": 0.018}
_GEMINI_PRICES = {"1k": 0.05, "2k": 0.05, "4k": 0.1}

MODELS = (
    Model("gemini-3-pro-image-preview", GEMINI_RATIOS, RESOLUTIONS, 4, 16, _GEMINI_PRICES),
    Model("gpt-image-2", GPT_RATIOS, RESOLUTIONS, 4, 16, _GPT_PRICES),
)
_BY_ID = {model.id: model for model in MODELS}


def model_called(name: str, offered: Collection[str]) -> Model:
    """The model of a request. Any name is taken, unless `offered` lists some.

    Raises `model_not_found`.
    """
    if offered and name not in offered:
        raise errors.model_not_found(name)
    return _BY_ID.get(name) or Model(name, (), RESOLUTIONS, 4, 16, _GPT_PRICES)


def known_models(offered: Collection[str]) -> list[Model]:
    """The models that are listed: those of `offered`, or all of the table."""
    return [model_called(name, offered) for name in sorted(offered)] if offered else list(MODELS)
