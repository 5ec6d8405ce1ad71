"""Dates in headers, read as Go's `http.ParseTime` reads them, and nothing else."""

from __future__ import annotations

import calendar
import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>(?i:{'|'.join(_MONTHS)}))"
_DAY = "(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?i:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_TIME = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,][0-9]+)?"
_RFC_1123 = rf"{_DAY}, +(?P<day>[0-9]{{2}}) +{_MONTH} +(?P<year>[0-9]{{4}}) +{_TIME} +GMT"
_ZONE = "(?:[A-Z]{3}|[A-Z]{3,4}T|ChST|MeST|WITA)"
_RFC_850 = (
    rf"{_LONG_DAY}, +(?P<day>[0-9]{{2}})-{_MONTH}-(?P<short_year>[0-9]{{2}}) +{_TIME} +{_ZONE}"
)
_ANSI_C = rf"{_DAY} +{_MONTH} +(?P<day>[0-9]{{1,2}}) +{_TIME} +(?P<year>[0-9]{{4}})"
_FORMATS = tuple(map(re.compile, (_RFC_1123, _RFC_850, _ANSI_C)))
"""All in UTC; whether the name of the day is the right one is not checked."""
_FIRST_YEAR_OF_1900S = 69
"""Years of two digits from here on are of the 1900s."""


def parse_date(text: str) -> int | None:
    """Return a date in Unix seconds, or None if it is none; parts of a second do not count."""
    if not text:
        return None
    matches = (pattern.fullmatch(text) for pattern in _FORMATS)
    match = next(filter(None, matches), None)
    return _seconds_of(match.groupdict()) if match else None


def _seconds_of(parts: dict[str, str]) -> int | None:
    month = _MONTHS.index(parts["month"].lower()) + 1
    day, hour, minute, second = (int(parts[name]) for name in ("day", "hour", "minute", "second"))
    year = _year_of(parts)
    days = calendar.monthrange(year, month)[1]
    limits = (
        (day, range(1, days + 1)),
        (hour, range(24)),
        (minute, range(60)),
        (second, range(60)),
    )
    if not all(number in limit for number, limit in limits):
        return None
    return calendar.timegm((year, month, day, hour, minute, second))


def _year_of(parts: dict[str, str]) -> int:
    if "year" in parts:
        # There is no year 0 in Python; for what is compared here, the year 1 is as long ago.
        return max(1, int(parts["year"]))
    year = int(parts["short_year"])
    return year + (1900 if year >= _FIRST_YEAR_OF_1900S else 2000)
