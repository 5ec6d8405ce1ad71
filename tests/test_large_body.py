"""Large bodies: receive buffers are reused, and this changes nothing for clients."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_apimart.http.large_body import (
    BUFFER_BYTES,
    LARGE_BYTES,
    MAX_POOLED_BUFFERS,
    BufferPool,
    LargeBody,
)
from fake_apimart_storage import Chunk

from tests.conftest import StartServer
from tests.harness import (
    PNG,
    ServerThread,
    connection,
    exchange,
    form,
    parse_head,
    read_answer,
    read_to_end,
    upload_request,
)

KEEP: dict[str, str | None] = {"Connection": None}
SIZES = (1, 300, 50_000, 400_000, 1_100_000)
"""Bytes of the pieces that a client sends: small ones are copied, large ones fill a buffer."""
AT_ONCE = 512 * 1024
"""The limit of bytes per read in the tests of `LargeBody`."""


def picture(seed: int) -> bytes:
    return PNG + random.Random(seed).randbytes(2_000_000)


def send_in_pieces(sock: socket.socket, sent: bytes, seed: int) -> None:
    dice, position = random.Random(seed), 0
    while position < len(sent):
        size = dice.choice(SIZES)
        sock.sendall(sent[position : position + size])
        position += size
        time.sleep(dice.choice([0, 0, 0, 0.003]))


def download(server: ServerThread, uploaded: bytes) -> bytes:
    path = json.loads(parse_head(uploaded)[2])["url"].removeprefix(server.url).encode()
    request = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
    return parse_head(exchange(server.address, request))[2]


@pytest.mark.parametrize("kind", ["memory://", "dir:"])
def test_uploads_side_by_side_are_stored_byte_for_byte(
    kind: str, tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server(storage=kind if kind == "memory://" else f"{kind}{tmp_path}")

    def upload(seed: int) -> None:
        with connection(server.address) as sock:
            for content in (picture(seed), picture(seed + 100)):
                send_in_pieces(sock, upload_request(form(content), KEEP), seed)
                assert download(server, read_answer(sock)) == content

    with ThreadPoolExecutor(8) as threads:
        for uploaded in [threads.submit(upload, seed) for seed in range(8)]:
            uploaded.result()


def test_large_body_may_be_cut_off_by_half_closing(server: ServerThread) -> None:
    cut = upload_request(form(picture(1)))[:-1000]
    status, _, body = parse_head(exchange(server.address, cut, half_close=True))
    assert status == 400
    assert "unexpected EOF" in json.loads(body)["error"]["message"]


def test_client_that_vanishes_within_a_large_body_hurts_nobody(server: ServerThread) -> None:
    with socket.create_connection(server.address) as sock:
        sock.sendall(upload_request(form(picture(1)))[:-1000])
    assert parse_head(exchange(server.address, upload_request(form(PNG))))[0] == 200


def test_large_body_of_a_refused_request_is_discarded(server: ServerThread) -> None:
    refused = upload_request(form(PNG + bytes(LARGE_BYTES)), {"Authorization": None})
    answer = exchange(server.address, refused)
    assert parse_head(answer)[0] == 401


def test_large_body_after_unread_answers_waits_for_them(
    server: ServerThread,
) -> None:
    content = picture(2)
    with connection(server.address) as sock:
        sock.sendall(upload_request(form(content), KEEP))
        path = json.loads(parse_head(read_answer(sock))[2])["url"].removeprefix(server.url)
        get = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
        upload = upload_request(form(content))
        # More responses than the buffers of both sides can hold.
        sock.sendall(get * 10 + upload[:LARGE_BYTES])
        with ThreadPoolExecutor(1) as threads:
            sent = threads.submit(sock.sendall, upload[LARGE_BYTES:])
            time.sleep(0.2)
            assert all(parse_head(read_answer(sock))[2] == content for _ in range(10))
            assert parse_head(read_to_end(sock))[0] == 200
            sent.result()


class Transport(asyncio.Transport):
    """A transport that records which protocol receives."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


@pytest.fixture
def receive() -> Callable[[list[bytes]], list[Chunk]]:
    """Return a function that feeds reads to a `LargeBody` and returns the resulting chunks."""

    def receive(reads: list[bytes]) -> list[Chunk]:
        transport, usual, chunks = Transport(), asyncio.Protocol(), list[Chunk]()
        body = LargeBody(transport, usual, sum(map(len, reads)), AT_ONCE, chunks.append)
        for read in reads:
            body.get_buffer(-1)[: len(read)] = read
            assert transport.protocol is None
            body.buffer_updated(len(read))
        assert transport.protocol is usual
        return chunks

    return receive


@pytest.mark.parametrize(
    ("size", "kind"),
    [(1, bytes), (AT_ONCE // 2 - 1, bytes), (AT_ONCE // 2, memoryview), (AT_ONCE, memoryview)],
)
def test_buffer_is_kept_where_it_is_well_filled(
    size: int, kind: type[Chunk], receive: Callable[[list[bytes]], list[Chunk]]
) -> None:
    first, last = b"a" * size, b"b"
    chunks = receive([first, last])
    assert chunks == [first, last]
    assert [type(chunk) for chunk in chunks] == [kind, bytes]


def test_nothing_after_the_body_is_read() -> None:
    body = LargeBody(Transport(), asyncio.Protocol(), AT_ONCE + 10, AT_ONCE, lambda chunk: None)
    buffer = body.get_buffer(-1)
    assert len(buffer) == AT_ONCE
    # The event loop may ask for a buffer again without having read anything.
    assert body.get_buffer(-1) is buffer
    body.buffer_updated(AT_ONCE)
    assert len(body.get_buffer(-1)) == 10


def test_no_more_is_read_at_once_than_fits_a_buffer() -> None:
    left = 3 * BUFFER_BYTES
    body = LargeBody(Transport(), asyncio.Protocol(), left, left, lambda chunk: None)
    assert len(body.get_buffer(-1)) == BUFFER_BYTES


def test_buffer_with_a_live_view_is_not_reused() -> None:
    pool = BufferPool()
    lent = pool.lease(100)
    assert len(lent) == 100
    part = lent[10:20]
    first = lent.obj
    lent.release()
    assert pool.lease(100).obj is not first
    part.release()
    assert any(pool.lease(200).obj is first for _ in range(3))


def test_buffers_beyond_the_pooled_ones_are_created_and_dropped() -> None:
    pool = BufferPool()
    busy = [pool.lease(BUFFER_BYTES) for _ in range(MAX_POOLED_BUFFERS)]
    kept = {id(view.obj) for view in busy}
    assert len(kept) == MAX_POOLED_BUFFERS
    further = pool.lease(100)
    assert id(further.obj) not in kept
    assert len(further) == len(bytes(further.obj)) == 100
    for view in busy:
        view.release()
    assert {id(pool.lease(100).obj) for _ in range(2 * MAX_POOLED_BUFFERS)} == kept
