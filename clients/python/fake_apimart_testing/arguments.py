"""Checks of arguments, whose errors name the argument: what is wrong is said where it was written.

Without them a wrong type would surface as an error of `json`, or as a refusal of the server.
"""

from __future__ import annotations

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

LARGEST_INTEGER = 2**63 - 1


def check_text(name: str, value: object, *, optional: bool = False) -> None:
    """Raise TypeError unless `value` is a str, ValueError if it has a surrogate."""
    if value is None and optional:
        return
    if not isinstance(value, str):
        raise _wrong_type(name, "a str", value, optional=optional)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has a surrogate, which is no text: {value!a}") from None


def check_bytes(name: str, value: object, wanted: str = "bytes") -> None:
    """Raise TypeError, which says what is `wanted`, unless `value` is bytes or a bytearray."""
    if not isinstance(value, bytes | bytearray):
        raise _wrong_type(name, wanted, value)


def check_integer(name: str, value: object, *, optional: bool = False) -> None:
    """Raise TypeError unless `value` is an int, ValueError if it has too many digits."""
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "an int", value, optional=optional)
    if abs(value) > LARGEST_INTEGER:
        raise ValueError(f"{name} has more than 63 bits")


def check_number(name: str, value: object, *, optional: bool = False) -> None:
    """Raise TypeError unless `value` is an int or a float, ValueError if it is not finite."""
    if value is None and optional:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(name, "a number", value, optional=optional)
    if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise ValueError(f"{name} is no number of use here: {value:g}")


def seconds_of(*, days: float, hours: float, minutes: float, seconds: float) -> float:
    """Return a duration in seconds. Raises TypeError and ValueError, which name the argument."""
    units = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
    for name, value in units.items():
        check_number(name, value)
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds


def check_flag(name: str, value: object) -> None:
    """Raise TypeError unless `value` is a bool."""
    if not isinstance(value, bool):
        raise _wrong_type(name, "a bool", value)


def check_headers(name: str, value: object) -> None:
    """Raise TypeError unless `value` is a dict of str, or None."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise _wrong_type(name, "a dict", value, optional=True)
    for key, text in value.items():
        check_text(f"a name in {name}", key)
        check_text(f"{name}[{key!r}]", text)


def body_fields(body: object) -> dict[str, object]:
    """Return the fields of a rule that state the `body` of its answer.

    Text is sent as it is, bytes too; all else is JSON. Raises TypeError, and ValueError where it
    has a surrogate.
    """
    if body is None:
        return {}
    if isinstance(body, bytes | bytearray):
        import base64

        return {"body_base64": base64.b64encode(body).decode()}
    if isinstance(body, str):
        check_text("body", body)
    else:
        _check_json("body", body, "a str, bytes or JSON")
    return {"body": body}


def check_object(name: str, value: object) -> None:
    """Raise TypeError unless `value` is a dict of JSON, or None, ValueError as `body_fields`."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise _wrong_type(name, "a dict", value, optional=True)
    _check_json(name, value, "a dict of JSON")


def _check_json(name: str, value: object, wanted: str) -> None:
    import json

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{name} must be {wanted}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    check_text(name, text)


def _wrong_type(name: str, wanted: str, value: object, *, optional: bool = False) -> TypeError:
    wanted += " or None" if optional else ""
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}: {value!r:.100}")
