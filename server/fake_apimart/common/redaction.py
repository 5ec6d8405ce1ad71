"""What no log, no journal and no answer may show: API keys, passwords, tokens, cookies.

Names decide: `is_secret` is the one list of them, for headers, parameters of queries and fields of
JSON. Values are replaced, names stay. URLs lose what stands before their host wherever they are.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from fake_apimart.common.caches import cache_short_inputs

REDACTED = "***"
MAX_PARAMETERS = 1000
"""How many parameters of a query are shown."""
MAX_CHARACTERS = 8192
"""How much of a message is shown, and of how long a query anything is."""

_ANYWHERE = (
    *("password", "passwd", "passphrase", "secret", "credential", "authorization"),
    *("apikey", "accesskey", "accesstoken", "privatekey", "signingkey"),
)
"""A name with one of these in it is a secret's."""
_AT_THE_END = (
    *("token", "cookie", "cookies", "auth", "authentication", "jwt", "assertion", "oidcdata"),
    *("pwd", "signature", "session", "sessionid", "csrf", "xsrf", "bearer"),
    *("authkey", "adminkey", "masterkey", "sessionkey", "customerkey", "encryptionkey"),
    *("subscriptionkey", "functionskey", "servicekey", "clientkey"),
)
_WHOLE = ("key", "tokens", "pass", "pw", "sid", "sig", "hmac", "otp")
_NO_SECRET = ("accesscontrolallowcredentials",)
"""Names that only sound like one."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KEYS_THAT_OPEN_NOTHING = (
    *("idempotency", "idempotence", "public", "cache", "file", "object", "storage", "image"),
    *("sort", "primary", "foreign", "partition", "routing", "hot", "shortcut", "socket"),
)
"""What comes before the word `key` in other names than those of secrets."""
_WEBHOOKS = ("webhook", "webhookurl", "callback", "callbackurl", "notifyurl", "notifyhook")
"""Names of URLs whose queries hold what lets a sender in, whatever the parameters' names."""

_BEARER = "Bearer "
_KEPT = "/:=?*+,;"
"""What stays legible of a parameter that is written anew, beside letters and digits."""
_MOST_ENCODINGS = 3
"""How often a URL within a URL is decoded in search of secrets."""

# In JSON a slash may be escaped; in a path doubled ones may be folded.
_USER_INFO = re.compile(r"(\\?/\\?/|\bhttps?:\\?/)[^/\s\"\\]*@", re.IGNORECASE)
# Where the scheme has been forgotten: `user:password@host`.
_BARE_USER_INFO = re.compile(r"(?<![^\s\"'`(=,/])[^\s/:@\"'`(=,]{1,200}:[^\s/@\"'`]+@(?=[\w\[])")
# What may be a password without the host behind it, by which it is known.
_CUT_URL = re.compile(r"//[^/\s\"\\]*\Z")
_PARAMETER_NAME = re.compile(r"[?&;#]([^=&;#?\s\"'<>\\]*)=")
_PARAMETER_VALUE = re.compile(r"[^&;#\s\"'<>\\]+")
_QUERY = re.compile(r"([?&;])([^=&;#\s]*)(=?)[^&;#\s]*")
_SCHEME_AND_KEY = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
# Keys of the vendor's form, but not magic ones, which are no secrets.
_VENDOR_KEY = re.compile(r"(?<![\w-])sk-(?!fake-)[\w-]{6,}")
_ASSIGNED_NAME = re.compile(r"(?<![\w.-])([\w.-]+)\s?=\s?")
_ASSIGNED_VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s,;&\"')\]}]*[^\s,;:.&\"')\]}]")
_HEADER_NAME = re.compile(r"(?<![\w.-])([\w.-]+):\s?")
_HEADER_VALUE = re.compile(r"[^\r\n\"']+")
_JSON_NAME = re.compile(
    r"""(?P<quote>["'])((?:\\.|(?!(?P=quote))[^\\]){0,200}+)(?P=quote)\s*:\s*""", re.DOTALL
)
_JSON_STRING = re.compile(
    r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*+)\\?(?P=quote)?""", re.DOTALL
)
# An object or a list is no further understood: it ends with the text.
_JSON_VALUE = re.compile(rf"""{_JSON_STRING.pattern}|[\[{{].*|[^\s"',}}\]]+""", re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\u00([2-7][0-9A-Fa-f])")
_NOT_UNESCAPED = '"\\'


@cache_short_inputs
def is_secret(name: str) -> bool:
    """Return whether what goes by `name` is a secret; case, dashes and the like do not matter."""
    plain = _plain(name)
    return plain not in _NO_SECRET and (
        plain in _WHOLE
        or plain.endswith(_AT_THE_END)
        or any(each in plain for each in _ANYWHERE)
        or _is_key(name)
    )


def _is_key(name: str) -> bool:
    """Return whether `key` is the last of several words, as in `my_key` and `myKey`."""
    *before, last = [word.lower() for word in _WORD.findall(name)] or [""]
    return last == "key" and bool(before) and before[-1] not in _KEYS_THAT_OPEN_NOTHING


def _plain(name: str) -> str:
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    letters = "".join(filter(str.isalnum, name.casefold()))
    return letters.rstrip(string.digits)


def redacted_header(name: str, value: str) -> str:
    """Return a header's value as it may be shown; what stands before a key, `Bearer `, stays."""
    if is_secret(name):
        return _BEARER + REDACTED if value.startswith(_BEARER) else REDACTED
    return redacted_text(value)


def redacted_query(query: bytes) -> bytes:
    """Return a query without the values of secret parameters, and without passwords in URLs.

    It does not matter how these are escaped. Of a query with more than MAX_PARAMETERS or
    MAX_CHARACTERS nothing is shown, since looking at all of it would take long.
    """
    if len(query) > MAX_CHARACTERS or query.count(b"&") >= MAX_PARAMETERS:
        return REDACTED.encode()
    return b"&".join(map(_redacted_pair, query.split(b"&")))


@cache_short_inputs
def _redacted_pair(pair: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    if equals and is_secret(unquote_to_bytes(name).decode("utf-8", "replace")):
        return b"%b=%b" % (name, REDACTED.encode())
    # A plus sign is a blank in a query.
    text = unquote_to_bytes(pair.replace(b"+", b" ")).decode("utf-8", "surrogateescape")
    shown = redacted_text(text)
    return pair if shown == text else quote(shown, _KEPT, errors="surrogateescape").encode()


def redacted_urls(text: str) -> str:
    """Return `text` without what stands before the host in URLs, as in `//user:pw@`.

    Secret parameters of their queries have no value in it either. Where one of these is found
    behind escapes, as in a URL within a URL, the text is returned without these escapes.
    """
    return _redacted_urls(text, _MOST_ENCODINGS)


def _redacted_urls(text: str, encodings: int) -> str:
    shown = _USER_INFO.sub(rf"\1{REDACTED}@", text) if "@" in text else text
    if "=" in shown:
        shown = _without_values(shown, _PARAMETER_NAME, _PARAMETER_VALUE, _parameter)
    if encodings and "%" in shown:
        decoded = unquote(shown, errors="surrogateescape")
        redacted = decoded if decoded == shown else _redacted_urls(decoded, encodings - 1)
        if redacted != decoded:
            return redacted
    return shown


def redacted_webhook(url: str) -> str:
    """Return a URL without what stands before its host, and with no value in its query."""
    address, mark, query = url.partition("?")
    query, hash_sign, fragment = query.partition("#")
    shown = _QUERY.sub(_redacted_value, mark + query)
    return redacted_urls(address) + shown + redacted_urls(hash_sign + fragment)


def _redacted_value(match: re.Match[str]) -> str:
    before, name, equals = match.groups()
    if equals:
        return f"{before}{name}={REDACTED}"
    return f"{before}{REDACTED}" if name else before


@cache_short_inputs
def redacted_text(text: str) -> str:
    """Return a message for people without the secrets that can be told from the words.

    These are those of URLs, also without a scheme, keys of the vendor's form, what stands behind
    `Bearer` or `Basic`, and what stands behind the name of a secret, as in `token=…` and
    `Cookie: …`. A text of more than MAX_CHARACTERS ends there, with an ellipsis.
    """
    if len(text) > MAX_CHARACTERS:
        return f"{redacted_text(beginning_of(text, MAX_CHARACTERS))}…"
    shown = _SCHEME_AND_KEY.sub(rf"\1\2{REDACTED}", redacted_urls(text))
    if "@" in shown:
        shown = _BARE_USER_INFO.sub(f"{REDACTED}@", shown)
    shown = _VENDOR_KEY.sub(REDACTED, shown)
    if "=" in shown:
        shown = _without_values(shown, _ASSIGNED_NAME, _ASSIGNED_VALUE, _assigned)
    if ":" in shown:
        shown = _without_values(shown, _HEADER_NAME, _HEADER_VALUE, _in_header_line)
    return shown


def beginning_of(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, without a URL's cut beginning at their end."""
    return _CUT_URL.sub("", text[:length])


_Redact = Callable[[re.Match[str]], str]
"""Returns what is shown in place of a value."""


def _without_values(
    text: str,
    named: re.Pattern[str],
    value: re.Pattern[str],
    redact_of: Callable[[str], _Redact | None],
) -> str:
    """Return `text` with other values behind the names for which `redact_of` gives a function.

    The name is the last group of `named`. This takes time in proportion to the text.
    """
    pieces: list[str] = []
    position = 0
    for name in named.finditer(text):
        redact = redact_of(name[named.groups]) if name.start() >= position else None
        found = value.match(text, name.end()) if redact else None
        if redact and found:
            pieces += text[position : name.end()], redact(found)
            position = found.end()
    return "".join([*pieces, text[position:]])


def _parameter(name: str) -> _Redact | None:
    return _hidden if is_secret(unquote(name)) else None


def _assigned(name: str) -> _Redact | None:
    return _hidden if is_secret(name) else None


def _in_header_line(name: str) -> _Redact | None:
    # `key:value` is what Go calls a member of an object.
    return _hidden if is_secret(name) and name != "key" else None


def _hidden(_: re.Match[str]) -> str:
    return REDACTED


def redacted_string(value: str) -> str:
    """Return a string of JSON without passwords in URLs; one that is a key is not shown."""
    is_key = _SCHEME_AND_KEY.fullmatch(value) or _VENDOR_KEY.fullmatch(value)
    return redacted_text(value) if is_key else redacted_urls(value)


def redacted_json(value: Any, shown: Callable[[str], str] = redacted_string) -> Any:
    """Return a JSON value without secrets: by the names of fields, in strings as `shown` says."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [redacted_json(each, shown) for each in value]
    if isinstance(value, dict):
        return {
            redacted_urls(name): _redacted_field(name, each, shown) for name, each in value.items()
        }
    return value


def _redacted_field(name: str, value: Any, shown: Callable[[str], str]) -> Any:
    if is_secret(name):
        says_nothing = value is None or value == "" or isinstance(value, bool)
        return value if says_nothing else REDACTED
    if isinstance(value, str) and _plain(name) in _WEBHOOKS:
        return redacted_webhook(value)
    return redacted_json(value, shown)


def redacted_broken_json(text: str) -> str:
    """Return JSON that does not parse, as where it is cut, without the secrets in it.

    From a secret that is an object or a list on, nothing is shown. Escapes of ASCII characters are
    undone where they may hide a secret.
    """
    plain = _JSON_ESCAPE.sub(_unescaped, text)
    shown = _without_values(plain, _JSON_NAME, _JSON_VALUE, _secret_member)
    shown = redacted_urls(_without_values(shown, _JSON_NAME, _JSON_STRING, _webhook_member))
    return text if shown == plain else shown


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return match[0] if character in _NOT_UNESCAPED else character


def _secret_member(name: str) -> _Redact | None:
    return _hidden_string if is_secret(name) else None


def _webhook_member(name: str) -> _Redact | None:
    return _redacted_webhook_string if _plain(name) in _WEBHOOKS else None


def _hidden_string(_: re.Match[str]) -> str:
    return f'"{REDACTED}"'


def _redacted_webhook_string(value: re.Match[str]) -> str:
    return f'"{redacted_webhook(value["text"])}"'
