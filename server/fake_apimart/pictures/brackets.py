"""Pairs of brackets in text of both directions: rule N0 of Unicode's bidirectional algorithm.

python-bidi's algorithm is older than this rule. Brackets are therefore given to it as letters of
the direction that the rule finds, and taken back from what it returns.
"""

from __future__ import annotations

from itertools import islice
from unicodedata import bidirectional

_PAIRS = dict(zip("([{（［｛「『【〈《〔⟨", ")]}）］｝」』】〉》〕⟩", strict=True))  # noqa: RUF001
_MIRRORED = {**_PAIRS, **{closing: opening for opening, closing in _PAIRS.items()}}
_MAX_OPEN = 63
"""How many brackets may be open at once, by the rule."""
_FIRST_PRIVATE = 0x100000
"""Private characters, written from the left, take places from here on."""
_RIGHT_LETTERS = range(0x10A60, 0x10A7D)
"""Old South Arabian letters, written from the right."""
_NEUTRAL_SIGNS = range(0x4DC0, 0x4E00)
"""Hexagrams, which are written in the direction of what is around them."""
_EMOJI = range(0x1F000, 0x1FB00)


def stand_ins(text: str, base: str) -> tuple[str, dict[int, int]]:
    """Return a line with letters for brackets, and what to translate its letters back to.

    Letters also take the places of characters without a direction. `base` is that of the paragraph:
    L or R. What is translated back of brackets written from the right is mirrored.
    """
    free = iter(range(_FIRST_PRIVATE, _FIRST_PRIVATE + 0x10000))
    right = (code for code in _RIGHT_LETTERS if chr(code) not in text)
    odd = [each for each in dict.fromkeys(text) if _has_no_direction(each)]
    neutral = (code for code in _NEUTRAL_SIGNS if chr(code) not in text)
    there = {}
    for each in odd:
        # An emoji that this version of Python does not know yet has the direction of all others.
        code = next(neutral, None) if ord(each) in _EMOJI else None
        there[each] = next(free) if code is None else code
    back = {code: ord(each) for each, code in there.items()}
    prepared = [chr(there.get(each, ord(each))) for each in text]
    letters: dict[tuple[str, str], str] = {}
    for place, direction in _directions(text, base).items():
        bracket = text[place]
        key = direction, bracket
        if key not in letters:
            code = next(islice(free if direction == "L" else right, 1), None)
            if code is None:
                continue
            letters[key] = chr(code)
            back[code] = ord(bracket if direction == "L" else _MIRRORED[bracket])
        prepared[place] = letters[key]
    return "".join(prepared), back


def _has_no_direction(character: str) -> bool:
    return ord(character) >= _FIRST_PRIVATE or bidirectional(character) in ("", "BN")


def _directions(text: str, base: str) -> dict[int, str]:
    """Return the direction of each bracket, by its place, that has one by the rule."""
    strong = _strong(text, base)
    found: dict[int, str] = {}
    for opening, closing in _pairs(text):
        inside = {each for each in strong[opening + 1 : closing] if each}
        if not inside:
            continue
        direction = base
        if base not in inside:
            before = (each for each in reversed(strong[:opening]) if each)
            direction = next(before, base)
        for place in (opening, closing):
            strong[place] = found[place] = direction
    return found


def _strong(text: str, base: str) -> list[str]:
    """Return L or R for each character that has a direction; numbers follow the letters before."""
    last, strong = base, []
    for character in text:
        kind = bidirectional(character)
        if kind in ("L", "R", "AL"):
            last = "L" if kind == "L" else "R"
        strong.append({"L": "L", "R": "R", "AL": "R", "AN": "R", "EN": last}.get(kind, ""))
    return strong


def _pairs(text: str) -> list[tuple[int, int]]:
    """Return the places of brackets that belong together, in the order of the opening ones."""
    waiting: list[tuple[str, int]] = []
    pairs = []
    for place, character in enumerate(text):
        if character in _PAIRS:
            if len(waiting) == _MAX_OPEN:
                return []
            waiting.append((_PAIRS[character], place))
        elif character in _MIRRORED:
            depth = next(
                (at for at in range(len(waiting) - 1, -1, -1) if waiting[at][0] == character), None
            )
            if depth is not None:
                pairs.append((waiting[depth][1], place))
                del waiting[depth:]
    return sorted(pairs)
