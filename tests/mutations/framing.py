"""Answers that are framed wrongly, and connections that end or stay when they should not."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutating_proxy import Asked, Change, Reply
from tests.mutations.model import Mutation, group, header, on, without_header


def mutations() -> Iterator[Mutation]:
    yield from group(
        "framing",
        ("every_answer/wire-", "uploads.create/form-", "every_answer/"),
        on(path="/"),
        {
            "length-too-large": _of_length(1),
            "length-too-small": _of_length(-1),
            "without-length": _of_no_length,
            "length-twice": _length_twice,
            "chunked-in-name-alone": _chunked_in_name_alone,
            "followed-by-a-line": _followed,
            "line-feeds": _line_feeds,
            "folded": header("date", lambda old: old.replace(", ", ",\r\n ")),
            "http-1-0": _http_1_0,
            "closed": _closed,
            "close-said": header("connection", "close"),
            "keep-alive-said": header("connection", "keep-alive"),
            "left-open": _left_open,
            "left-open-without-a-word": _left_open_without_a_word,
            "close-not-said": without_header("connection"),
        },
    )


def _of_length(by: int) -> Change:
    def change(_: Asked, reply: Reply) -> bool:
        if reply.is_head_only or not reply.body:
            return False
        reply.set("content-length", str(len(reply.body) + by))
        # A client would wait for the rest until it comes.
        reply.is_length_kept = reply.closes = True
        return True

    return change


def _of_no_length(asked: Asked, reply: Reply) -> bool:
    reply.closes = True
    return without_header("content-length")(asked, reply)


def _length_twice(_: Asked, reply: Reply) -> bool:
    length = reply.header("content-length")
    reply.headers.append(("Content-Length", length or ""))
    return length is not None


def _chunked_in_name_alone(_: Asked, reply: Reply) -> bool:
    reply.headers.append(("Transfer-Encoding", "chunked"))
    # A client would wait for the first chunk.
    reply.closes = True
    return True


def _followed(_: Asked, reply: Reply) -> bool:
    reply.behind = b"\r\n"
    return True


def _line_feeds(_: Asked, reply: Reply) -> bool:
    reply.line_end = "\n"
    return True


def _http_1_0(_: Asked, reply: Reply) -> bool:
    reply.version = "HTTP/1.0"
    return True


def _closed(_: Asked, reply: Reply) -> bool:
    reply.closes = True
    return reply.header("connection") != "close"


def _left_open(_: Asked, reply: Reply) -> bool:
    reply.stays = reply.header("connection") == "close"
    return reply.stays


def _left_open_without_a_word(asked: Asked, reply: Reply) -> bool:
    return _left_open(asked, reply) and without_header("connection")(asked, reply)
