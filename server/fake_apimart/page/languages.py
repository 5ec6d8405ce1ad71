"""The languages of the page: gettext catalogues, and which of them a browser gets."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path

LANGUAGES = {"en": "English", "zh": "中文"}
"""What each language calls itself; the first is the one that the texts are written in."""
DEFAULT = next(iter(LANGUAGES))
DOMAIN = "page"
LOCALES = Path(__file__).parent / "locales"

Texts = gettext.NullTranslations


@functools.cache
def texts_in(language: str) -> Texts:
    """Return the catalogue of a language; the first one says everything as it is written."""
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=language == DEFAULT)


def language_of(chosen: str, accepted: str) -> str:
    """Return the language that was `chosen`, or the best that an Accept-Language header names."""
    if chosen in LANGUAGES:
        return chosen
    ranked = sorted(map(_preference, accepted.split(",")), key=lambda each: -each[1])
    return next((name for name, weight in ranked if name in LANGUAGES and weight > 0), DEFAULT)


def _preference(item: str) -> tuple[str, float]:
    """Return a language without its country, and its weight: 0 where that is no number."""
    name, _, weight = item.partition(";")
    try:
        value = float(weight.strip().removeprefix("q=")) if weight else 1.0
    except ValueError:
        value = 0.0
    return name.strip().lower().partition("-")[0], value
