"""Four results as docs/tasks.md shows them, drawn by the server's own code."""

from __future__ import annotations

from collections.abc import Callable

from fake_apimart.pictures.drawing import Picture, draw
from PIL import Image

from tools.project import ROOT

_PROMPT = "A ginger cat on a tiled roof at dusk, watching the first stars above the old harbour"
_CHINESE = "将这张照片转换为吉卜力动画风格"
_ARABIC = "قطة برتقالية على سطح من القرميد 🐱"


def _with_references(count: int) -> list[Image.Image]:
    """Return the example's picture, and further ones made of it."""
    with Image.open(ROOT / "docs" / "example.jpg") as opened:
        first = opened.convert("RGB")
    turned = [first, first.transpose(Image.Transpose.FLIP_LEFT_RIGHT), first.rotate(180)]
    return turned[:count]


def _abstract() -> bytes:
    return draw(Picture(960, 540, "gpt-image-2", _PROMPT, "webp", 15, 0))


def _numbered() -> bytes:
    return draw(Picture(540, 540, "gemini-3-pro-image-preview", _ARABIC, "webp", 21, 1, 4))


def _of_one_reference() -> bytes:
    references = _with_references(1)
    return draw(Picture(960, 540, "gpt-image-2", _CHINESE, "webp", 8, 0, references=references))


def _of_three_references() -> bytes:
    model = "gemini-3-pro-image-preview"
    references = _with_references(3)
    return draw(Picture(540, 540, model, _PROMPT, "webp", 4, 0, references=references))


RESULTS: dict[str, Callable[[], bytes]] = {
    "docs/results/abstract.webp": _abstract,
    "docs/results/numbered.webp": _numbered,
    "docs/results/reference.webp": _of_one_reference,
    "docs/results/references.webp": _of_three_references,
}
"""By the file's path below the root: what draws it."""
