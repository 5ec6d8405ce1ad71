"""Write which characters each vendored font draws: `python -m tools.font_coverage`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from fake_apimart.pictures.scripts import COVERAGE, FONTS, NAMES
from fontTools.ttLib import TTFont


def main() -> None:
    """Write the file that `pictures.scripts` reads."""
    COVERAGE.write_text(coverage(), "utf-8")


def coverage() -> str:
    """Return a paragraph for each font: its name, and ranges of code points in hexadecimal."""
    return "\n".join(
        textwrap.fill(f"{name} {' '.join(_ranges(_drawn(name)))}", 100, break_on_hyphens=False)
        + "\n"
        for name in NAMES
    )


def _drawn(name: str) -> list[int]:
    """Return the code points for which a font has a glyph with an outline, or that are blank."""
    font = TTFont(FONTS / f"{name}.ttf")
    glyphs = font["glyf"]
    return sorted(
        code
        for code, glyph in font.getBestCmap().items()
        if glyph != ".notdef" and (glyphs[glyph].numberOfContours or code == ord(" "))
    )


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    first = last = None
    for code in codes:
        if first is not None and last is not None and code == last + 1:
            last = code
            continue
        if first is not None:
            yield f"{first:x}-{last:x}"
        first = last = code
    yield f"{first:x}-{last:x}"


if __name__ == "__main__":
    main()
