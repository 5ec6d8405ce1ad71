"""`mime.ParseMediaType`: a media type and its parameters, as in RFC 2045, 2183 and 2231."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# unicode.IsSpace, as UTF-8. Possessive, so that a long run of blanks cannot backtrack.
_SPACE = (
    rb"(?:[\t\n\v\f\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]"
    rb"|\xe2\x81\x9f|\xe3\x80\x80)*+"
)
_TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
_SPECIALS = rb'()<>@,;:\\"/[\]?='

_MEDIA_TYPE = re.compile(rb"%b(%b(?:/%b)?)%b" % (_SPACE, _TOKEN, _TOKEN, _SPACE))
# A quoted value may not contain a line break. A backslash escapes special characters only, and is
# literal elsewhere, since old browsers send Windows paths. The possessive `*+` prevents
# backtracking that would take an escaped quote for the closing one.
_PARAMETER = re.compile(
    rb'%b;%b(%b)%b=%b(?:(%b)|"((?:[^"\\\r\n]++|\\[%b]?+)*+)")'
    % (_SPACE, _SPACE, _TOKEN, _SPACE, _SPACE, _TOKEN, _SPECIALS)
)
_ESCAPE = re.compile(rb"\\([%b])" % _SPECIALS)
_END = re.compile(rb"%b;?%b" % (_SPACE, _SPACE))
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CHARSETS = (b"us-ascii", b"utf-8")
_DOTTED_I = "İ".encode()
"""The only non-ASCII letter that Go's strings.ToLower turns into a letter of our media types."""


class MediaTypeError(ValueError):
    """The value is not a media type, or a parameter is malformed or has conflicting values."""


def parse_media_type(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the media type in lower case and its parameters by lower-case name.

    RFC 2231 continuations are joined and charsets decoded; a parameter for which that fails is
    dropped. Raises MediaTypeError.
    """
    head, _, _ = value.partition(b";")
    media_type = _MEDIA_TYPE.fullmatch(head.replace(_DOTTED_I, b"i"))
    if media_type is None:
        raise MediaTypeError("no media type")
    plain: dict[bytes, bytes] = {}
    starred: dict[bytes, dict[bytes, bytes]] = {}
    position = len(head)
    while parameter := _PARAMETER.match(value, position):
        name = parameter[1].lower()
        text = parameter[2] or _ESCAPE.sub(rb"\1", parameter[3] or b"")
        group = starred.setdefault(name.partition(b"*")[0], {}) if b"*" in name else plain
        if group.setdefault(name, text) != text:
            raise MediaTypeError("duplicate parameter name")
        position = parameter.end()
    if not _END.fullmatch(value, position):
        raise MediaTypeError("invalid media parameter")
    for name, pieces in starred.items():
        joined = _join(name, pieces)
        if joined is not None:
            plain[name] = joined
    return media_type[1].lower(), plain


def _join(name: bytes, pieces: dict[bytes, bytes]) -> bytes | None:
    """Join the RFC 2231 pieces of a parameter: `name*`, or `name*0`, `name*1*` and so on."""
    if name + b"*" in pieces:
        return _decode_charset(pieces[name + b"*"])
    joined = []
    for number in range(len(pieces)):
        plain_name = b"%b*%d" % (name, number)
        if plain_name in pieces:
            piece = pieces[plain_name]
        elif plain_name + b"*" in pieces:
            encoded = pieces[plain_name + b"*"]
            piece = (_decode_charset(encoded) if number == 0 else _unescape(encoded)) or b""
        else:
            break
        joined.append(piece)
    return b"".join(joined) if joined else None


def _decode_charset(value: bytes) -> bytes | None:
    """Decode `charset'language'percent-encoded`; return None where Go gives up."""
    parts = value.split(b"'", 2)
    if len(parts) < 3 or parts[0].lower() not in _CHARSETS:
        return None
    return _unescape(parts[2])


def _unescape(value: bytes) -> bytes | None:
    if _BAD_PERCENT.search(value):
        return None
    return unquote_to_bytes(value)
