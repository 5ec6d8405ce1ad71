"""Numbers as people read them: sizes, durations, times, in the visitor's language."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

from fake_apimart.page.languages import Texts

_KILO = 1024
_SIZES = ("B", "KB", "MB", "GB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MANY_HOURS = 100
"""From here on durations are told in days: the 72 hours that URLs live are told in hours."""
_MILLISECONDS_PER_SECOND = 1000


def size(count: float) -> str:
    """Return a number of bytes with its unit: `84 KB`."""
    for unit in _SIZES:
        if count < _KILO or unit == _SIZES[-1]:
            break
        count /= _KILO
    return f"{count:.1f}".removesuffix(".0") + f" {unit}"


def clock_time(seconds: float) -> str:
    """Return Unix seconds as a time of the day, in UTC as everything that the API states."""
    return _utc(seconds).strftime("%H:%M:%S")


def date_time(seconds: float) -> str:
    """Return Unix seconds as date and time, in UTC."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def took(seconds: float) -> str:
    """Return how long a request took: `0.07 ms`, `12 ms`, `1.3 s`."""
    if seconds < 1:
        return f"{float(f'{seconds * _MILLISECONDS_PER_SECOND:.2f}'):.3g} ms"
    return f"{seconds:.3g} s"


def pretty(value: Any) -> str:
    """Return JSON on as many lines as it has values."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def filters_in(texts: Texts) -> Mapping[str, Callable[..., Any]]:
    """Return what templates may write behind a `|`."""

    def duration(seconds: float) -> str:
        """Return the two largest units of a duration: `71 h 59 min`."""
        whole = max(0, int(seconds))
        days, hours = 0, whole // _HOUR
        if hours >= _MANY_HOURS:
            days, hours = divmod(hours, _DAY // _HOUR)
        minutes, rest = divmod(whole % _HOUR, _MINUTE)
        units = (
            (days, texts.gettext("%d d")),
            (hours, texts.gettext("%d h")),
            (minutes, texts.gettext("%d min")),
            (rest, texts.gettext("%d s")),
        )
        first = next((place for place, (count, _) in enumerate(units) if count), len(units) - 1)
        shown = [unit % count for count, unit in units[first : first + 2] if count]
        return " ".join(shown) or units[-1][1] % 0

    return {
        "size": size,
        "clock_time": clock_time,
        "date_time": date_time,
        "took": took,
        "pretty": pretty,
        "duration": duration,
    }
