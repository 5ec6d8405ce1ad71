"""Whatever one client sends, the journal stays whole: for it, for others, for the whole server."""

from __future__ import annotations

import json

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness import PNG, ServerThread, connection, parse_head, read_answer
from tests.profiles import examples
from tests.test_hostile_control import RAW, VALUES

VISIBLE = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte > 0x20))
"""Bytes of a request line, where blanks and control characters would end a part."""
FIELD = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20))
NAMES = st.sampled_from(
    [b"X-Mine", b"Cookie", b"x_y", b"Accept", b"User-Agent", b"Idempotency-Key"]
)
ESCAPES = st.lists(
    st.sampled_from([b"%ff", b"%00", b"%0a", b"%ed%a0%80", b"a", b"/", b"%22", b"="])
)
PATHS = [
    b"/v1/images/generations",
    b"/v1/tasks/batch",
    b"/v1/uploads/images",
    b"/v1/tasks/",
    b"/v1/models/",
    b"/f/image/",
    b"/f/../",
    b"/",
]
METHODS = [b"GET", b"POST", b"post", b"FOO", b"HEAD", b"DELETE", b"x" * 200]
JSON_BODIES = RAW | st.dictionaries(
    st.sampled_from(["model", "prompt", "task_ids", "metadata", "\ud800", "x" * 300])
    | st.text(st.characters(), max_size=8),
    VALUES,
    max_size=5,
).map(lambda value: json.dumps(value).encode())
FORMS = st.builds(
    lambda disposition, name, value, content: (
        b"--b\r\nContent-Disposition: form-data; %b\r\n%b: %b\r\n\r\n%b\r\n--b--\r\n"
        % (disposition, name, value, content)
    ),
    st.sampled_from(
        [
            b'name="file"; filename="\xff\xed\xa0\x80.png"',
            b"name=\"file\"; filename*=UTF-8''%ED%A0%80%FF%00.png",
            b'name="file"; filename="' + b"x" * 3_000 + b'"',
            b'name="\xff\xfe"',
        ]
    ),
    NAMES,
    FIELD,
    st.sampled_from([PNG, b"%PDF-1.4", b"\x00" * 10]),
)


def request_of(
    method: bytes, path: bytes, query: bytes, headers: dict[bytes, bytes], body: bytes, key: str
) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers.items())
    return (
        b"%b %b?%b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Authorization: Bearer %b\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"%bContent-Length: %d\r\n\r\n%b"
        % (method, path, query, key.encode(), lines, len(body), body)
    )


def check_journal(url: str, headers: dict[str, str]) -> None:
    """See that a journal can be listed, and read back by any parser."""
    answer = httpx.get(f"{url}/_fake/requests", headers=headers)
    assert answer.status_code == 200, answer.text
    listed = json.loads(answer.content, parse_constant=pytest.fail)["requests"]
    for entry in listed:
        json.dumps(entry, ensure_ascii=False).encode()


@settings(max_examples=examples(150))
@given(
    method=st.sampled_from(METHODS),
    path=st.builds(lambda start, rest: start + rest, st.sampled_from(PATHS), VISIBLE)
    | st.builds(lambda start, rest: start + b"".join(rest), st.sampled_from(PATHS), ESCAPES)
    | st.sampled_from(PATHS),
    query=VISIBLE | ESCAPES.map(b"".join) | st.just(b"&".join([b"x"] * 5_000)),
    headers=st.dictionaries(NAMES, FIELD, max_size=3),
    body=JSON_BODIES | FORMS | st.binary(max_size=100),
)
def test_no_request_makes_the_journal_unreadable(
    method: bytes,
    path: bytes,
    query: bytes,
    headers: dict[bytes, bytes],
    body: bytes,
    server: ServerThread,
) -> None:
    key = "sk-hostile-journal"
    with connection(server.address) as sock:
        sock.sendall(request_of(method, path, query, headers, body, key))
        status = parse_head(read_answer(sock))[0] if method != b"HEAD" else 200
    assert status != 500
    for authorization in ({"Authorization": f"Bearer {key}"}, {"Authorization": "Bearer x"}, {}):
        check_journal(server.url, authorization)


def test_one_world_s_hostile_requests_leave_another_s_journal_whole(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        httpx.get(f"{world.base_url}/v1/models", headers={"Authorization": world.api_key})
        for body in (b'{"x":1e999}', b"[" * 952, rb'{"\ud800":"\udfff"}', b"\xff" * 100):
            httpx.post(
                f"{world.base_url}/v1/images/generations",
                headers={"Authorization": "sk-hostile-journal"},
                content=body,
            )
        assert [entry.status for entry in world.requests] == [200]
