"""What a result costs: CPU time and bytes, for each style and size, with and without references.

`python -m benchmarks.drawing` prints the median of several pictures; half of each is Pillow's PNG.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Sequence

from fake_apimart.pictures.drawing import Picture, draw
from fake_apimart.pictures.photos import reference_sides
from PIL import Image, ImageFilter

PROMPT = (
    "A ginger cat on a tiled roof at dusk, watching the first stars above the old harbour, " * 3
)
MODELS = ("gpt-image-2", "gemini-3-pro-image-preview", "seedream", "flux", "qwen", "other")
SIZES = {"1k": (1024, 1024), "4k": (4096, 4096)}
FORMATS = ("png", "jpeg", "webp")
_ROUNDS = 3
_GRAIN = 0.06


def photo(side: int) -> Image.Image:
    """Return a scene with the grain of a photo, in a square of `side` pixels."""
    noise = Image.frombytes("L", (side, side), random.Random(1).randbytes(side * side))
    ramp = Image.linear_gradient("L").resize((side, side))
    scene = Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180)))
    grain = Image.merge("RGB", [noise.filter(ImageFilter.BoxBlur(0.5))] * 3)
    return Image.blend(scene, grain, _GRAIN)


def cost(
    size: tuple[int, int], output_format: str, references: Sequence[Image.Image]
) -> tuple[float, int]:
    """Return the median CPU time in milliseconds, and the most bytes."""
    milliseconds, sizes = [], []
    for model in MODELS:
        for seed in range(_ROUNDS):
            picture = Picture(*size, model, PROMPT, output_format, seed, 0, 1, references)
            began = time.process_time()
            content = draw(picture)
            milliseconds.append((time.process_time() - began) * 1000)
            sizes.append(len(content))
    return statistics.median(milliseconds), max(sizes)


def main() -> None:
    """Print a line for each size, number of references and format."""
    draw(Picture(1024, 1024, MODELS[0], PROMPT, "png", 0, 0))
    for name, size in SIZES.items():
        for count in (0, 1, 4):
            references = [photo(side) for side in reference_sides(*size, count)]
            for output_format in FORMATS:
                milliseconds, most = cost(size, output_format, references)
                sys.stdout.write(
                    f"{name}, {count} references, {output_format}: {milliseconds:.0f} ms, "
                    f"at most {most / 1e6:.2f} MB\n"
                )


if __name__ == "__main__":
    main()
