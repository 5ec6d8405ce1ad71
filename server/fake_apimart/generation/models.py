"""The model table, from which schemas are made and against which requests are validated.

The ids are from the page and the documentation; so are gpt-image-2's ratios, prices and limit of
15 references, and how many images there may be (docs). The rest is assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fake_apimart.common.texts import shortened
from fake_apimart.contract import errors

RESOLUTIONS = ("1k", "2k", "4k")
GEMINI_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
GPT_RATIOS = (
    *("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5"),
    *("2:1", "1:2", "3:1", "1:3", "21:9", "9:21"),
)
"""In the order in which an error states them (docs)."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model. If `ratios` is empty, any ratio from 1:8 to 8:1 is allowed."""

    id: str
    ratios: tuple[str, ...]
    resolutions: tuple[str, ...]
    max_images: int
    max_references: int
    prices: Mapping[str, float]
    """The price of one image, by resolution."""
    estimated_time: int = 100
    """What tasks of this model state, in seconds."""


GPT_IMAGE_2 = "gpt-image-2"

_GPT_PRICES = {"1k": 0.006, "2k": 0.012, "4k": 0.018}
_GEMINI_PRICES = {"1k": 0.05, "2k": 0.05, "4k": 0.1}

MODELS = (
    Model("gemini-3-pro-image-preview", GEMINI_RATIOS, RESOLUTIONS, 15, 16, _GEMINI_PRICES),
    Model(GPT_IMAGE_2, GPT_RATIOS, RESOLUTIONS, 10, 15, _GPT_PRICES),
)
_BY_ID = {model.id: model for model in MODELS}


def find_model(name: str, offered: Collection[str]) -> Model:
    """Return the model called `name`; an unknown name gets default properties.

    Raises `model_not_found` if `offered` is not empty and does not contain the name.
    """
    if offered and name not in offered:
        raise errors.model_not_found(shortened(name))
    return _BY_ID.get(name) or Model(name, (), RESOLUTIONS, 15, 16, _GPT_PRICES)


def list_models(offered: Collection[str]) -> list[Model]:
    """Return the models to list: those named in `offered`, or the whole table if it is empty."""
    return [find_model(name, offered) for name in sorted(offered)] if offered else list(MODELS)
