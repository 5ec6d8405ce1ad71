"""The kinds of values that settings have, with what each of them must be.

Each check returns the value as it is kept, or raises ValueError with what was expected.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from fake_apimart_storage import storage_at
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from fake_apimart.common.addresses import Network, host_of
from fake_apimart.common.rates import parse_rate
from fake_apimart.common.redaction import redacted_text

_NO_URL = re.compile(r"[\s\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})")
"""What no URL holds."""
_DATABASE = re.compile(r"(/[0-9]{0,4})?")
"""The number of a database of Redis, as a URL has it."""
_HOST = re.compile(r"[^\s/?#@\[\]\x00-\x1f\x7f]+")


def _items(value: str) -> tuple[str, ...]:
    """Return the items between commas in their order, each once. Raises ValueError if none are."""
    items = tuple(dict.fromkeys(filter(None, (item.strip() for item in value.split(",")))))
    if not items:
        raise ValueError("expected at least one item")
    return items


def _split(value: object) -> object:
    return frozenset(_items(value)) if isinstance(value, str) else value


def _split_in_order(value: object) -> object:
    return _items(value) if isinstance(value, str) else value


def _check_hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        if not host_of(item):
            expected = "expected some such as files.example or 10.0.0.5:8080"
            raise ValueError(f"{redacted_text(item)} is no host; {expected}")
    return value


def _parse_networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(map(_network, _items(value)))


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        # That of a network with bits of a host in it names the mistake.
        detail = str(error) if "host bits" in str(error) else f"{redacted_text(text)} is no address"
        raise ValueError(f"{detail}; expected some such as 10.0.0.5 or 10.0.0.0/8") from None


def _check_host(value: str) -> str:
    try:
        value.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"no name of a host: {error}") from None
    if not _HOST.fullmatch(value):
        raise ValueError("expected a host name or an IP address, without brackets")
    return value


def _check_storage(value: str) -> str:
    storage_at(value)
    return value


def _check_state(value: str) -> str:
    url = urlsplit(value)
    _ = url.port  # raises ValueError where it is no port
    is_redis = url.scheme in ("redis", "rediss") and url.hostname and not url.query
    if value != "memory://" and not (is_redis and _DATABASE.fullmatch(url.path)):
        raise ValueError("expected memory:// or redis://HOST:PORT/DATABASE, such as .../0")
    return value


def _normalize_url(value: str) -> str:
    url = urlsplit(value)
    if value and (url.scheme not in ("http", "https") or not url.hostname):
        raise ValueError("expected a URL that begins with http:// or https://")
    _ = url.port  # raises ValueError where it is no port
    if _NO_URL.search(value):
        raise ValueError("expected a URL without blanks and broken escapes")
    if url.query or url.fragment:
        raise ValueError("expected a URL without query and fragment")
    return value.rstrip("/")


def server_url(value: str) -> str:
    """Return the base URL of a server without a slash at its end. Raises ValueError."""
    url = _normalize_url(value)
    if not url or "@" in urlsplit(url).netloc:
        raise ValueError("expected a URL without a user, such as http://127.0.0.1:8080")
    if not url.isascii():
        raise ValueError("expected a URL in ASCII")
    return url


def _check_rate(value: str) -> str:
    if value:
        try:
            parse_rate(value)
        except ValueError:
            raise ValueError("expected a rate such as 60/minute") from None
    return value


Names = Annotated[frozenset[str], NoDecode, BeforeValidator(_split)]
"""Several names, with commas between them in a variable or a flag."""
PublicHosts = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_split_in_order), AfterValidator(_check_hosts)
]
"""Hosts as a URL has them, with a port where it is not the scheme's own, in order."""
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_parse_networks)]
"""IP addresses and networks."""
Host = Annotated[str, AfterValidator(_check_host)]
Location = Annotated[str, AfterValidator(_check_storage)]
"""Where a storage is."""
StateLocation = Annotated[str, AfterValidator(_check_state)]
"""Where the state is."""
BaseURL = Annotated[str, AfterValidator(_normalize_url)]
"""What other URLs begin with; empty for none."""
Rate = Annotated[str, AfterValidator(_check_rate)]
"""So many in a time, such as 60/minute; empty for no limit."""
