"""Random multipart forms, from well-formed to hostile, built from pieces that trip up parsers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

LINE_ENDS = [b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n", b"\n\n"]
BOUNDARIES = [b"b", b"bb", b"xYz123", b"-", b"--", b"a" * 70, b"----WebKit"]
LONG_BOUNDARIES = [
    b"x" * length for length in (60, 1000, 2047, 4000, *range(4084, 4098), 4500, 5000)
]
"""Go sees a boundary whole where its lines, and the delimiter of a part, fit into its buffer."""
ENDS = ["EOF"] * 6 + [
    "unexpected EOF",
    "http: request body too large",
    "malformed chunked encoding",
]

VALUES = [
    *(b'"a.png"', b'"file"', b"file", b"a.png", b'""', b'" "', b'"a\\"b"', b'"a\\b.png"'),
    *(b'"a"b"', '"照.png"'.encode(), b'"\xff\xfe"', b"UTF-8''%E7%85%A7.png", b"utf-8'en'a%2Fb"),
    *(b"us-ascii''x", b"iso-8859-1''%E9", b"UTF-8''%ZZ", b"a''", b"'x'", b"../../x"),
    *(b'"../../x/"', b'"/"', b'"."', b'".."', b'"a\tb"', b'"a\x00b"', b'"\x7f"', b'"a\\'),
    *(b'"a\\"', b"", b"a b", b'"C:\\dir\\f.png"', b'"%41"', b"%41", b'"\\"'),
]
PARAMETERS = [
    *[b"name"] * 6,
    *[b"filename"] * 6,
    *(b"filename*", b"filename*0", b"filename*1", b"filename*0*", b"filename*1*", b"name*"),
    *(b"NAME", b"FileName", b"x", b"", b"na me", b"filename*01", b"*", b"filename**"),
]
SEPARATORS = [
    *[b"; "] * 8,
    *(b";", b" ; ", b";;", b",", b" ", b";\t", b";\xc2\xa0", b"; \x0b"),
]
EQUALS = [b"="] * 9 + [b" = ", b"", b"= ", b"==", b" ="]
COMMON_DISPOSITIONS = [
    b'form-data; name="file"; filename="a.png"',
    b"form-data; filename=a.png; name=file",
    b'form-data; name="file"',
    b"form-data; name=x; filename=y",
    b'form-data; name="x"',
]
KINDS = [
    *[b"form-data"] * 8,
    *(b"FORM-DATA", b"attachment", b"", b"form-data/x", b"form data", b"form-data ", b"file"),
    *(b"/", b"form-data/"),
]
DISPOSITION_TAILS = [b""] * 6 + [b";", b"; ", b" ", b";;", b"x"]
DISPOSITION_NAMES = [
    *[b"Content-Disposition"] * 8,
    *(b"content-disposition", b"CONTENT-DISPOSITION", b"Content-Disposition "),
]
COLONS = [b": "] * 8 + [b":", b":\t ", b" :"]
FOLDS = [b";"] * 6 + [b";\r\n ", b";\r\n\t", b";\n  \t"]
ENCODINGS = [
    *(b"quoted-printable", b"base64", b"Quoted-Printable", b"quoted-printable "),
    b"QUOTED-PRINTABLE; x",
]
ODD_HEADERS = [
    *(b"X", b"no colon", b" lead: x", b"\tlead: x", b": novalue", b":", b"A:", b"A: \x01"),
    *(b"A\x00: b", b"A: \x7f", b"A: \x80\xff", b"\xe7: x", b"A B: c", b"A{: c", b"A: b\r"),
    *(b"A: b\r\n ", b"A: b\r\n \r\n c", b'"q": "z"', b'A: "\\"\xe7\x85'),
    *(b"A" * length + b": x" for length in (10, 4080, 4095, 4096, 4097, 5000, 9000)),
    *(b"A: " + b"b" * length for length in (4092, 4093, 4094, 8000)),
    *(b" " + b"x" * length for length in (78, 79, 80, 81, 90, 5000)),
]
WHOLE_DATA = [b"", b"hello", b"\x89PNG\r\n\x1a\n", *(b"x" * n for n in (4000, 4096, 5000, 70000))]
DATA_PIECES = [
    *(b"\r", b"\n", b"\r\n", b"-", b"--", b"--%B", b"\r\n--%B"[:-1], b"\r\n--%Bx", b"\r\n--%B-x"),
    *(b"\n--%B", b"\r\n--%B-", b"abc", b"=41", b"=", b"=\r\n", b"= \r\n", b"=\n", b"=4", b"=zz"),
    *(b"=\r", b"\x00", b"\x7f", b"\xff", b"\t", b"  \r\n", b"==", b"=3D", b"q", b"qq"),
    *(b"q" * length for length in (70, 4094, 4096, 4097)),
]
PREAMBLES = [
    *(b"preamble\r\n", b"\r\n", b"\n", b"--%Bx\r\n", b"--%B-\r\n", b"x\n" * 3000, b"--%B--x\r\n"),
    *(b"x" * length + b"\r\n" for length in (4093, 4094, 4095, 4096, 4097)),
    *(b"a\n" + b"x" * length + b"\n" for length in (4094, 4095, 4096)),
]
BEHIND_BOUNDARY = [
    *[b""] * 12,
    *(b" ", b"\t ", b"-", b"x", b" x"),
    *(b" " * length for length in (4050, 4090, 4096)),
]
CLOSINGS = [b"--"] * 14 + [b"-", b"", b"-- ", b"--x", b"-- \t"]
EPILOGUES = [b"epilogue", b"\r\n", b"--%B"]
CUT_LINES = [
    b"A" * 4096,
    b"A" * 4095 + b"\r",
    b"A" * 4095 + b"\r" * 4096,
    b"A" * 4095 + b"\r" + b"A" * 4095,
    b"A" * 4095 + b"\r" + b"A" * 4096,
    b"A" * 8191,
    b"A" * 8192,
    b"A" * 8193,
    b"A: b\r\n " + b"c" * 4096,
    b"A: b\r\n " + b"c" * 4097,
    b"\xe7: b\r\n " + b"c" * 4096,
    b" " + b"A" * 4095,
]
"""Header lines in which a truncated form ends; Go's answer depends on its full buffers."""
CUT_QUOTED = [
    b"x" * 4095,
    b"x" * 4096,
    b"x" * 4095 + b"\r",
    b"x" * 4095 + b"\r\n",
    b"x" * 4096 + b"\r\n",
    b"x" * 4096 + b"\r\n--",
    b"x" * 4095 + b"=",
    b"x" * 4094 + b"=4",
    b"x" * 4094 + b"\x01x",
    b"q\n" + b"x" * 4096,
]
"""Quoted-printable data in which a truncated form ends; its lines exactly fill Go's buffer."""
LAST_LINES = [
    begins.ljust(length, b" ")
    for begins in (b"--b--", b"--b", b"x")
    for length in (4095, 4096, 4097)
]
"""Unterminated lines, about as long as Go's buffer, in which a form with the boundary b ends."""
MEDIA_TYPES = [
    *(b"multipart/form-data", b"Multipart/Form-Data", b"multipart/mixed", b""),
    *(b"multipart/form-data ", b" multipart/form-data", "multİpart/form-data".encode()),
]
QUERIES = [
    *(b"a=1", b"a;b", b"%zz", b"a=%", b"%4=1", b"a=%4", b"b=%gg%", b"", b"%41=+", b"%z;", b"=%"),
    b"a=\xff%\xff\xff\xff",
]


class Case(NamedTuple):
    """The form of one request, and the error text with which Go reports the end of its body."""

    content_type: bytes
    query: bytes
    body: bytes
    end: str


class Cases:
    """A generator of random cases that are reproducible by their seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def draw(self) -> Case:
        boundary = self._one(LONG_BOUNDARIES if self._often(0.06) else BOUNDARIES)
        return Case(
            self._content_type(boundary),
            self._query(),
            self._body(boundary),
            self.random.choice(ENDS),
        )

    def cuts(self, body: bytes) -> Iterable[int]:
        """Return where the body is cut on its way: regularly, or at one place alone."""
        steps = [0, 1, 2, 7, 100, 4096] if len(body) < 5000 else [0, 100, 4096, 10**6]
        step = self.random.choice(steps)
        return range(step, len(body), step) if step else [self.random.randrange(len(body) + 1)]

    def _one(self, options: list[bytes]) -> bytes:
        return self.random.choice(options)

    def _often(self, probability: float) -> bool:
        return self.random.random() < probability

    def _content_type(self, boundary: bytes) -> bytes:
        if self._often(0.9):
            return b"multipart/form-data; boundary=" + boundary
        values = [boundary, b'"%b"' % boundary, b"utf-8''" + boundary, b'"a b"', b'""', b"", b"x"]
        names = [b"boundary", b"BOUNDARY", b"boundary*", b"boundary*0", b"boundary*1", b"charset"]
        parameters = [
            self._one([b"; ", b";", b" ;\t", b";;", b","])
            + self._one(names)
            + b"="
            + self._one(values)
            for _ in range(self.random.randrange(3))
        ]
        return self._one(MEDIA_TYPES) + b"".join(parameters) + self._one([b"", b";", b"; "])

    def _query(self) -> bytes:
        if self._often(0.9):
            return b""
        return b"&".join(self._one(QUERIES) for _ in range(self.random.randrange(1, 4)))

    def _body(self, boundary: bytes) -> bytes:
        line_end = self._one(LINE_ENDS) if self._often(0.3) else b"\r\n"
        pieces = [self._one(PREAMBLES)] if self._often(0.25) else []
        for _ in range(self.random.choice([0, 1, 1, 1, 1, 2, 2, 3])):
            pieces += self._part(line_end)
        if self._often(0.9):
            pieces += [b"--%B", self._one(CLOSINGS), self._one([b"", *[line_end] * 6])]
        if self._often(0.2):
            pieces.append(self._one(EPILOGUES))
        return self._damaged(b"".join(pieces).replace(b"%B", boundary))

    def _part(self, line_end: bytes) -> list[bytes]:
        pieces = [b"--%B", self._one(BEHIND_BOUNDARY), line_end]
        headers = [self._header() for _ in range(self.random.choice([0, 1, 1, 1, 2, 3]))]
        if self._often(0.06):
            # Without a name, as a rule: such a part is skipped, and decoded all the same.
            headers = [b"Content-Transfer-Encoding: quoted-printable", *headers[1:]]
        for header in headers:
            pieces += [header, line_end if self._often(0.96) else self._one(LINE_ENDS)]
        if self._often(0.95):
            pieces.append(line_end)
        pieces.append(self._data())
        if self._often(0.96):
            pieces.append(line_end)
        return pieces

    def _header(self) -> bytes:
        kind = self.random.random()
        if kind < 0.6:
            disposition = self._disposition().replace(b";", self._one(FOLDS))
            return self._one(DISPOSITION_NAMES) + self._one(COLONS) + disposition
        if kind < 0.75:
            return b"Content-Transfer-Encoding: " + self._one(ENCODINGS)
        if kind < 0.85:
            return b"Content-Type: image/png"
        return self._one(ODD_HEADERS)

    def _disposition(self) -> bytes:
        if self._often(0.55):
            return self._one(COMMON_DISPOSITIONS)
        parameters = [
            self._one(SEPARATORS) + self._one(PARAMETERS) + self._one(EQUALS) + self._one(VALUES)
            for _ in range(self.random.randrange(4))
        ]
        return self._one(KINDS) + b"".join(parameters) + self._one(DISPOSITION_TAILS)

    def _data(self) -> bytes:
        if self._often(0.35):
            return self._one(WHOLE_DATA)
        if self._often(0.05):
            # What follows lies about where a read of Go's buffer ends.
            filler = self._one([b"x", b"x\n", b"\r\n", b"=41"])
            length = self.random.randrange(3900, 4100) * self.random.choice([1, 1, 2])
            return (filler * length)[:length] + self._one(DATA_PIECES) + self._one(DATA_PIECES)
        return b"".join(self._one(DATA_PIECES) for _ in range(self.random.randrange(8)))

    def _damaged(self, body: bytes) -> bytes:
        """Return the body, sometimes truncated or with one byte changed or inserted."""
        if self._often(0.3):
            body = body[: self.random.randrange(len(body) + 1)]
        if body and self._often(0.1):
            at = self.random.randrange(len(body))
            changed = bytes([self.random.randrange(256)])
            body = body[:at] + changed + body[at + self.random.randrange(2) :]
        return body
