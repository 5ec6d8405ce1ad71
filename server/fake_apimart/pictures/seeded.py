"""What a seed decides: numbers, and colours that go together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Colour = tuple[int, int, int]
TONES = 256

_Choice = TypeVar("_Choice")


class Palette(NamedTuple):
    """Five colours from nearly black to nearly white, which go together in this order."""

    colours: tuple[Colour, ...]

    @classmethod
    def of(cls, *codes: str) -> Palette:
        """Return a palette of colours as in `e07a5f`."""
        return cls(tuple((*bytes.fromhex(code),) for code in codes))

    @property
    def dark(self) -> Colour:
        """What text is read on."""
        return self.colours[0]

    @property
    def middle(self) -> tuple[Colour, ...]:
        """The colours that are neither dark nor light."""
        return self.colours[1:-1]

    def tone(self, value: int) -> Colour:
        """Return the colour of a brightness from 0 to 255."""
        steps = len(self.colours) - 1
        place, rest = divmod(value * steps, TONES - 1)
        if place == steps:
            return self.colours[-1]
        return mixed(self.colours[place], self.colours[place + 1], rest, TONES - 1)


PALETTES = (
    Palette.of("14132b", "3d348b", "7678ed", "f7b801", "fff6e0"),
    Palette.of("0b1d26", "1d4e5f", "2a9d8f", "e9c46a", "fbf5e6"),
    Palette.of("1a1423", "5d2e5f", "b75d69", "eacdc2", "fff7f2"),
    Palette.of("101820", "264653", "e76f51", "f4a261", "fdf2e4"),
    Palette.of("0d1b2a", "2b4a6f", "5fa8d3", "cae9ff", "f7fbff"),
    Palette.of("161a14", "344e41", "588157", "a3b18a", "f4f6ea"),
    Palette.of("1b0f1a", "6a1e55", "d1495b", "edae49", "fff4df"),
    Palette.of("121212", "4a4e69", "9a8c98", "e3c9b4", "faf4ef"),
    Palette.of("0a1128", "1c3f94", "3d7ea6", "ff9f80", "fff1ea"),
    Palette.of("171123", "372248", "7b4b94", "c8a2e6", "f8f1ff"),
    Palette.of("1c1409", "6b3e14", "c1762b", "f2c57c", "fff8e8"),
    Palette.of("08171a", "0f4c5c", "1fa187", "9be15d", "f5ffe9"),
)


class Seeded:
    """A stream of numbers that is the same for the same inputs on every machine."""

    def __init__(self, *inputs: object) -> None:
        # What `repr` escapes of a text differs between Python versions; `ascii` escapes all.
        text = ascii(inputs).encode()
        self._digest = hashlib.blake2b(text, digest_size=16).digest()
        self._drawn = 0

    def number(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both included."""
        self._drawn += 1
        drawn = hashlib.blake2b(self._digest + self._drawn.to_bytes(8), digest_size=8).digest()
        return low + int.from_bytes(drawn) % (high - low + 1)

    def share(self) -> float:
        """Return a number from 0 to 1, in steps that every machine rounds alike."""
        return self.number(0, 4096) / 4096

    def choice(self, choices: Sequence[_Choice]) -> _Choice:
        """Return one of them."""
        return choices[self.number(0, len(choices) - 1)]


def mixed(first: Colour, second: Colour, share: int, whole: int = 100) -> Colour:
    """Return the colour that lies `share` of `whole` on the way from the first to the second."""
    red, green, blue = (a + (b - a) * share // whole for a, b in zip(first, second, strict=True))
    return red, green, blue
