"""Random JSON, from well-formed to hostile, built from pieces that trip up parsers."""

from __future__ import annotations

import random

PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"\t", b"\n", b"\x0c", b"\x00"),
    *(b"true", b"false", b"null", b"tru", b"NaN", b"-", b"0", b"1", b"9" * 700, b".5", b"1e999"),
    *(b"e", b"E+", b"+", b"-Infinity", b"'", b"/", b"\\u", b"d83d", b"\\ud83d\\ude00", b"\\udc00"),
    *(b'"n"', b'"N":', b'"prompt":', b'"PROMPT":"x",', '"ta\u017f\u212a":'.encode(), b'"task"'),
    *(b'"image_urls":[', b'"Image_URLs":null', b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xc2\xa0"),
    *("é😀\u2028\ufeff".encode(), b'\\"', b"\\/", b"\\x", b'"a"', b"[]", b"{}", b"01", b"1.0"),
]


class Texts:
    """Random JSON: some well-formed, and changed in a few places, some of pieces alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def draw(self) -> bytes:
        if self._random.random() < 0.3:
            return b"".join(self._random.choices(PIECES, k=self._random.randrange(12)))
        text = bytearray(self._value(4))
        for _ in range(self._random.choice([0, 0, 1, 1, 2, 5])):
            start = self._random.randrange(len(text) + 1)
            stop = start + self._random.choice([0, 0, 1, 1, 2, 10])
            text[start:stop] = self._random.choice(
                [b"", *PIECES, bytes([self._random.randrange(256)])]
            )
        if self._random.random() < 0.1:
            del text[self._random.randrange(len(text) + 1) :]
        return bytes(text)

    def _value(self, depth: int) -> bytes:
        kind = self._random.randrange(8)
        if depth and kind < 2:
            return b"[" + b",".join(self._value(depth - 1) for _ in range(kind * 2)) + b"]"
        if depth and kind < 5:
            pairs = (self._string() + b": " + self._value(depth - 1) for _ in range(kind))
            return b"{" + b" ,".join(pairs) + b"}"
        if kind == 5:
            return self._random.choice([b"0", b"-0", b"1.5", b"-12e+3", b"9" * 20, b"2E-1"])
        return self._random.choice([b"true", b"false", b"null", self._string(), self._string()])

    def _string(self) -> bytes:
        names = ["n", "N", "prompt", "Prompt", "TASK", "ta\u017fk", "tas\u212a", "image_URLS", "x"]
        parts = [
            rb"\ud83d",
            rb"\ude00",
            rb"\u017f",
            rb"\n",
            b"\xff",
            b"\xe7\x85",
            "照".encode(),
            b"a",
        ]
        if self._random.random() < 0.6:
            return f'"{self._random.choice(names)}"'.encode()
        return b'"' + b"".join(self._random.choices(parts, k=self._random.randrange(4))) + b'"'
