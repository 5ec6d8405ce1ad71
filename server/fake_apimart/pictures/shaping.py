"""What is drawn of a text: the characters that show, joined Arabic letters, and their order."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import Any, NamedTuple
from unicodedata import bidirectional

from fake_apimart.pictures.brackets import stand_ins
from fake_apimart.pictures.scripts import TALL_THAI, THAI, font_of, is_mark

_MAX_SCANNED = 20_000
"""How many characters of a text are looked at."""
_MAX_MARKS = 3
"""How many marks of one base are drawn; more would cover the lines around."""
_MARK_HOLDER = "◌"
"""What a mark is drawn on that follows no character."""
_NON_JOINER = "\u200c"
_KEYCAP = "\u20e3"
_FIRST_INDICATOR, _LAST_INDICATOR = "\U0001f1e6", "\U0001f1ff"
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
# Format characters that are seen: signs before Arabic and Kaithi numbers.
_SEEN_FORMATS = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
# No format characters by their category, in some version of Python, but nothing to see either.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0"
    "\U00013430-\U0001343f\U000e0000-\U000e0fff]"
)
_BLANK_PATTERN = "\u2800"
"""The Braille pattern without dots."""
_THAI_STEMS = f"{TALL_THAI}\u0e0d\u0e0e\u0e0f\u0e10\u0e24\u0e26"
"""Tall consonants, and those with something below, which a vowel there would cross."""
_SARA_AM = re.compile("([\u0e48-\u0e4b]?)\u0e33")
_RIGHT_TO_LEFT = ("R", "AL")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]")
_RIGHT_TO_LEFT_MARK = re.compile("[\u0591-\u05c7\u0610-\u06ed\u0711-\u074a\u08d3-\u08ff\ufb1e]")


class Cluster(NamedTuple):
    """A character with the marks that are drawn on it."""

    base: str
    marks: str = ""


def readable(text: str, most: int) -> tuple[str, bool]:
    """Return at most `most` characters that show, their marks, and whether all are there.

    White space of any kind is one blank. Controls and what only changes the look of an emoji are
    dropped; flags and keycaps are their letters and digits.
    """
    shown: list[str] = []
    count = marks = 0
    for character in itertools.islice(text, _MAX_SCANNED):
        seen = _seen(character)
        if not seen or (seen == " " and (not shown or shown[-1] == " ")):
            continue
        if is_mark(seen):
            marks += 1
            if marks > _MAX_MARKS:
                continue
            if not shown or shown[-1] == " ":
                shown.append(_MARK_HOLDER)
                count += 1
        else:
            if count == most:
                return _composed(shown), False
            marks = 0
            count += 1
        shown.append(seen)
    return _composed(shown), len(text) <= _MAX_SCANNED


@functools.lru_cache(maxsize=4096)
def _seen(character: str) -> str:
    """Return what is seen of a character: itself, a blank, a letter, or nothing."""
    if character.isspace() or character == _BLANK_PATTERN:
        return " "
    if _FIRST_INDICATOR <= character <= _LAST_INDICATOR:
        return chr(ord("A") + ord(character) - ord(_FIRST_INDICATOR))
    if character == _KEYCAP or _SKIN_TONES.match(character) or _UNSEEN.match(character):
        return ""
    if character == _NON_JOINER or _SEEN_FORMATS.match(character):
        return character
    return "" if unicodedata.category(character) in ("Cc", "Cf") else character


def _composed(characters: list[str]) -> str:
    text = unicodedata.normalize("NFC", "".join(characters).rstrip())
    return _SARA_AM.sub("\u0e4d\\1\u0e32", text)


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter is of a script that is written from the right."""
    directions = (bidirectional(each) for each in text)
    strong = (each for each in directions if each in ("L", *_RIGHT_TO_LEFT))
    return next(strong, "L") in _RIGHT_TO_LEFT


def shaped(text: str) -> str:
    """Return a text with each Arabic letter in the form that joins its neighbours."""
    if _ARABIC.search(text):
        text = "".join(_drawable(each) for each in _reshaper().reshape(text))
    return text.replace(_NON_JOINER, "")


def _drawable(form: str) -> str:
    """Return a form of a letter, or the letter itself if no font has the form."""
    plain = unicodedata.normalize("NFKC", form)
    return plain if font_of(form) is None and all(map(font_of, plain)) else form


@functools.cache
def _reshaper() -> Any:
    # Imported here: few texts need it.
    from arabic_reshaper import ArabicReshaper

    # Of the ligatures only those of lam and alef are required, which are on without being named.
    return ArabicReshaper({"delete_harakat": False, "ARABIC LIGATURE ALLAH": False})


def clusters(text: str) -> list[Cluster]:
    """Split a text, in the order of reading, before each character that is not a mark."""
    found: list[Cluster] = []
    for character in text:
        if found and is_mark(character):
            found[-1] = Cluster(found[-1].base, found[-1].marks + character)
        else:
            found.append(Cluster(character))
    return found


def places_itself(cluster: Cluster) -> bool:
    """Return whether the font draws a mark in its place, as it does of one mark in Thai."""
    is_thai = font_of(cluster.base) == font_of(cluster.marks[0]) == THAI
    return is_thai and len(cluster.marks) == 1 and cluster.base not in _THAI_STEMS


def visual(line: list[Cluster], right_to_left: bool) -> list[Cluster]:
    """Return the clusters of a line from the left to the right, in a paragraph of a direction."""
    text = "".join(each.base + each.marks for each in line)
    if not any(bidirectional(each) in (*_RIGHT_TO_LEFT, "AN") for each in text):
        return line
    # Imported here: few texts need it. The faster `bidi.get_display` does not mirror brackets.
    from bidi.algorithm import get_display

    prepared, back = stand_ins(text, "R" if right_to_left else "L")
    shown = get_display(prepared, base_dir="R" if right_to_left else "L")
    return _attached(str(shown).translate(back))


def _attached(shown: str) -> list[Cluster]:
    """Return clusters of a text in visual order, where marks may stand left of their base."""
    found: list[Cluster] = []
    waiting = ""
    groups = ["".join(group) for _, group in itertools.groupby(shown, is_mark)]
    for group, following in itertools.zip_longest(groups, groups[1:], fillvalue=""):
        if not is_mark(group[0]):
            found.append(Cluster(group[0], waiting[::-1]))
            found.extend(Cluster(each) for each in group[1:])
            waiting = ""
        elif not found or _stands_left(group, found[-1].base, following[:1]):
            waiting = group
        else:
            found[-1] = Cluster(found[-1].base, found[-1].marks + group)
    return found


def _stands_left(marks: str, before: str, after: str) -> bool:
    """Return whether marks belong to the character after them, not to that before."""
    if not after or bidirectional(after) not in _RIGHT_TO_LEFT:
        return after == _MARK_HOLDER and bool(_RIGHT_TO_LEFT_MARK.match(marks))
    return bool(_RIGHT_TO_LEFT_MARK.match(marks)) or bidirectional(before) != "L"
