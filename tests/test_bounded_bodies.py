"""Bodies of any size and shape: what is made of them, and what is kept, has its bounds."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
import pytest
from fake_apimart.common.caches import ByteCache
from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.common.json_values import MAX_VALUES
from fake_apimart.common.redaction import REDACTED, redacted_query
from fake_apimart.common.texts import KEPT_BYTES, kept, shortened
from fake_apimart.gateway.content_encoding import CODED_BYTES, GzipBody
from fake_apimart.gateway.json_body import LARGE_BYTES, MAX_LARGE_BODIES
from fake_apimart.generation.idempotency import INLINE_BYTES, digest_of
from fake_apimart.go import json as go_json
from fake_apimart.go import json_scanner
from fake_apimart.go.json import fault_at_start, match_fields, unmarshal
from fake_apimart.go.json_scanner import JSONError, Scanner
from fake_apimart.go.textproto import EOF
from fake_apimart.go.url import MAX_PARAMETERS, TOO_MANY_PARAMETERS, parse_query, query_error
from fake_apimart.pictures.references import MAX_URL_CHARACTERS
from fake_apimart.tasks.task import TASK, Task
from fake_apimart.worlds.outcome import MARKED_CHARACTERS, MAX_MARKERS, Outcome, outcome_of
from fake_apimart_storage import Chunk
from fake_apimart_testing import FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.generating import PATH, create, poll, task_id_of
from tests.harness import (
    AUTHORIZED,
    FORM_TYPE,
    PNG,
    ServerThread,
    connection,
    form,
    parse_head,
    read_answer,
    read_to_end,
)
from tests.worlds import authorized

BATCH = "/v1/tasks/batch"
TOO_MANY = f"the body has more than {MAX_VALUES} values"


def message_of(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])


def post(server: ServerThread, path: str, body: bytes, **headers: str) -> httpx.Response:
    sent = {**AUTHORIZED, "Content-Type": "application/json", **headers}
    return httpx.post(server.url + path, headers=sent, content=body)


def body_with(field: bytes, value: bytes) -> bytes:
    return b'{"model":"m","prompt":"p","%b":%b}' % (field, value)


MANY = {
    "numbers": b"[%b1]" % (b"1," * MAX_VALUES),
    "texts": b'["%b"]' % (b'","' * MAX_VALUES),
    "objects nested three deep": b"[%b1]" % (b'{"a":{"b":[1]}},' * (MAX_VALUES // 4)),
    "fields": b"{%b}" % b",".join(b'"%d":1' % number for number in range(MAX_VALUES)),
    "empty arrays": b"[%b[]]" % (b"[]," * MAX_VALUES),
}


@pytest.mark.parametrize("value", MANY.values(), ids=MANY)
@pytest.mark.parametrize("coded", [False, True])
def test_create_and_batch_of_too_many_values_are_refused(
    value: bytes, coded: bool, server: ServerThread
) -> None:
    headers = {"Content-Encoding": "gzip"} if coded else {}
    for path, body in ((PATH, body_with(b"x", value)), (BATCH, b'{"task_ids":%b}' % value)):
        sent = gzip.compress(body, 1) if coded else body
        assert message_of(post(server, path, sent, **headers)) == TOO_MANY


@pytest.mark.parametrize("value", MANY.values(), ids=MANY)
def test_control_call_of_too_many_values_is_refused(value: bytes, server: ServerThread) -> None:
    answer = post(server, "/_fake/faults", body_with(b"body", value))
    assert message_of(answer) == TOO_MANY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"advance":1e999}', "1e999 is too large a number"),
        (b'{"advance":NaN}', "NaN is no JSON"),
        (b"{", "Expecting property name enclosed in double quotes"),
    ],
)
def test_control_call_that_is_no_json_is_refused_with_the_reason(
    body: bytes, reason: str, server: ServerThread
) -> None:
    message = message_of(post(server, "/_fake/clock", body))
    assert message == f"the body is not valid JSON: {reason}"


def test_as_many_values_as_are_allowed_are_taken(server: ServerThread) -> None:
    # The object, two texts, and the array are values too.
    body = body_with(b"x", b"[%b1]" % (b"1," * (MAX_VALUES - 5)))
    assert post(server, PATH, body).status_code == 200
    assert message_of(post(server, PATH, body.replace(b"[1", b"[1,1"))) == TOO_MANY


def test_fault_at_the_beginning_is_stated_in_place_of_the_number(server: ServerThread) -> None:
    for start, message in {
        b"--boundary\r\n": "invalid character '-' in numeric literal",
        b"\x89PNG": "invalid character '\\u0089' looking for beginning of value",
        b"[1,}": "invalid character '}' looking for beginning of value",
    }.items():
        body = start + b",[{" * MAX_VALUES
        assert message_of(post(server, PATH, body)) == message


def test_answer_to_too_many_values_does_not_wait_for_the_rest(server: ServerThread) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
        f"Content-Length: {60 * 1024 * 1024}\r\n\r\n"
    )
    with connection(server.address) as sock:
        sock.sendall(head.encode() + b"[" + b"1," * (3 * MAX_VALUES))
        answer = read_answer(sock)
    assert TOO_MANY.encode() in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("part", [",", "[", "{", '"', "\\", "\n", "é", "\ud800", "[fake", ' ","'])
def test_prompt_of_any_length_is_taken(part: str, server: ServerThread) -> None:
    prompt = "a" + part * (500_000 // len(part))
    assert create(server, prompt=prompt).status_code == 200


@pytest.mark.parametrize("byte", [b"\xff", b"a\xff", b"\xed\xa0\x80", rb"\ud800", rb"\udc00a"])
def test_halves_of_characters_are_replaced_one_by_one_at_first_and_all_of_them(
    byte: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"prompt":"%b"}' % (byte * 30)
    exact = unmarshal(body)["prompt"]
    assert exact == "".join(exact[: len(exact) // 30] * 30)
    assert "\ufffd" in exact
    monkeypatch.setattr(go_json, "MOST_REPLACED", 10)
    fast = unmarshal(body)["prompt"]
    assert fast.count("\ufffd") == 10
    assert fast.replace("\ufffd", "?") == exact.replace("\ufffd", "?")


@given(st.lists(st.sampled_from([r"\ud83d", r"\ude00", r"\\", "u", "d", r"\n", "a", "é"])))
def test_escaped_halves_are_read_alike_everywhere(parts: list[str]) -> None:
    escaped = "".join(parts)
    expected = json.loads(f'"{escaped}"').encode("utf-16", "surrogatepass")
    text = expected.decode("utf-16", "replace")
    quoted = f'"{escaped}"'
    read = unmarshal(f'{{{quoted}:[{quoted},[{quoted},{{"a":{quoted}}}]]}}'.encode())
    assert read == {text: [text, [text, {"a": text}]]}
    assert unmarshal(b'["%b"]' % escaped.encode()) == [text]


def test_names_that_become_equal_are_repeated_names() -> None:
    fields = unmarshal(b'{"\\ud800":1,"\\udc00":2,"N":3}')
    assert match_fields(fields, ["\ufffd", "n"]) == ({"\ufffd": 2, "n": 3}, [])


class Name(str):
    """A name that counts how often names are folded."""

    __slots__ = ()
    folded: ClassVar[int] = 0

    def replace(self, *arguments: Any) -> str:
        Name.folded += 1
        return super().replace(*arguments)


def test_name_that_is_longer_than_every_field_is_never_folded() -> None:
    for name in (Name("x" * 1_000_000), Name("modelx")):
        assert match_fields({name: 1}, ["model"]) == ({}, [name])
    assert Name.folded == 0
    assert match_fields({Name("MODEL"): 1}, ["model"])[0] == {"model": 1}


@pytest.mark.parametrize("inner", [b"", b"1", b'"[[["', b'{"a":1}', b'{"a":[[]],"a":1}'])
@pytest.mark.parametrize("limit", [5, 1000])
def test_depth_is_limited_whatever_python_s_parser_takes(inner: bytes, limit: int) -> None:
    depth = limit - {b'{"a":1}': 1, b'{"a":[[]],"a":1}': 3}.get(inner, 0)
    for body in (b"[" * depth + inner + b"]" * depth, b"[%b1]" % (b"[]," * 2 * limit)):
        assert unmarshal(body, limit)
    body = b"[" * (depth + 1) + inner + b"]" * (depth + 1)
    with pytest.raises(go_json.JSONError, match=r"invalid character '.' exceeded max depth"):
        unmarshal(body, limit)


def test_text_of_brackets_is_not_searched_for_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_json, "Scanner", None)
    assert unmarshal(b'["%b"]' % (b"[" * 50_000)) == ["[" * 50_000]


def test_fault_is_stated_unless_the_text_is_merely_cut() -> None:
    whole = b'{"a":[1,2.5e3,true,null,"x\\u00e9\\n"]}'
    for length in range(len(whole) + 1):
        assert fault_at_start(whole[:length]) is None
    assert fault_at_start(b"[1}, ...") == "invalid character '}' after array element"


@given(st.text(), st.integers(1, 9000))
def test_kept_text_is_whole_characters_within_its_bytes(text: str, times: int) -> None:
    given_text = text * times
    result = kept(given_text)
    assert given_text.startswith(result)
    assert len(result.encode()) <= KEPT_BYTES
    assert result == given_text or len(result.encode()) > KEPT_BYTES - 4


def test_task_keeps_the_beginning_of_each_text(world: FakeAPIMart) -> None:
    long = "é" * 300_000
    fields = {"model": long, "prompt": long, "metadata": {"fake_apimart": {"message": long}}}
    answer = httpx.post(world.base_url + PATH, headers=authorized(world), json=fields)
    assert answer.status_code == 200
    (task,) = world.tasks
    assert task.prompt == "é" * (KEPT_BYTES // 2)
    assert task.failure == "é" * (KEPT_BYTES // 2)
    listed = httpx.get(f"{world.base_url}/_fake/tasks", headers=authorized(world))
    assert len(listed.content) < 4 * KEPT_BYTES


def test_result_of_a_long_prompt_is_drawn(server: ServerThread) -> None:
    task_id = task_id_of(create(server, prompt="[fake: seconds=0]" + "😀" * 100_000, size="64x64"))
    assert poll(server, task_id)["status"] == "completed"


@pytest.mark.parametrize("field", ["size", "resolution", "output_format", "webhook", "mask_url"])
def test_refusal_of_a_long_text_is_short(field: str, server: ServerThread) -> None:
    for model in ("m", "gpt-image-2"):
        for text in ("É" * 100_000, "http://a/" + "%41" * 100_000):
            fields: dict[str, Any] = {field: text}
            answer = create(server, model=model, **fields)
            assert answer.status_code in (400, 500)
            assert len(answer.content) < 1000


def test_long_model_is_shown_short_where_it_is_not_offered(start_server: StartServer) -> None:
    answer = create(start_server(models="m"), model="x" * 1_000_000)
    assert answer.status_code == 503
    assert f"model {shortened('x' * 1000)} under" in answer.text


def test_url_of_a_reference_has_a_longest(server: ServerThread) -> None:
    url = "http://elsewhere/".ljust(MAX_URL_CHARACTERS, "a")
    assert create(server, image_urls=[url], mask_url=url).status_code == 200
    for fields in ({"image_urls": ["http://b/", url + "a"]}, {"mask_url": f"{url}a"}):
        name = "mask_url" if "mask_url" in fields else "image_urls[1]"
        expected = f"{name} exceeds {MAX_URL_CHARACTERS} characters"
        assert message_of(create(server, **fields)) == expected


SERVER = Outcome(seconds=2)


def test_markers_are_read_at_the_beginning_of_a_prompt_alone() -> None:
    marker = "[fake: seconds=5]"
    at_the_end = "x" * (MARKED_CHARACTERS - len(marker)) + marker
    assert outcome_of(at_the_end, None, SERVER) == Outcome(5)
    assert outcome_of(at_the_end + "x" * 10, None, SERVER) == Outcome(5)
    for beyond in (f"x{at_the_end}", "x" * MARKED_CHARACTERS + marker, f"xx{at_the_end[:-1]} fake"):
        assert outcome_of(beyond, None, SERVER) == SERVER


def test_markers_have_a_number_and_so_have_their_parts() -> None:
    prompt = "[fake: seconds=1]" * MAX_MARKERS + "[fake: seconds=9] [fake: wrong]"
    assert outcome_of(prompt, None, SERVER) == Outcome(1)
    parts = ";".join(["seconds=3"] * MAX_MARKERS)
    assert outcome_of(f"[fake: {parts}]", None, SERVER) == Outcome(3)
    with pytest.raises(Exception, match="does not parse") as refusal:
        outcome_of(f"[fake: {parts};seconds=3]", None, SERVER)
    assert len(str(refusal.value)) < 1000


def test_cache_keeps_what_was_used_last_within_its_bytes() -> None:
    cache: ByteCache[bytes] = ByteCache(100_000)
    for number in range(200):
        cache.put(f"{number}", bytes(10_000))
        assert cache.get("0") is not None
        assert cache.bytes <= 100_000
    assert cache.get("199") is not None
    assert cache.get("150") is None
    assert 5 < len(cache) < 10
    cache.put("large", bytes(100_001))
    assert (cache.get("large"), cache.bytes) == (None, 0)


def test_cache_counts_a_value_that_replaces_another_once() -> None:
    cache: ByteCache[bytes] = ByteCache(100_000)
    for size in (50_000, 10, 60_000, 10):
        cache.put("a", bytes(size))
    assert cache.bytes < 1000
    cache.drop("a")
    cache.drop("b")
    assert (len(cache), cache.bytes) == (0, 0)


def test_task_of_the_largest_body_is_small(start_server: StartServer) -> None:
    server = start_server()
    long = "😀" * 100_000
    urls = ["http://elsewhere/".ljust(MAX_URL_CHARACTERS, "é")] * 16
    answer = create(server, model=long, prompt=long, image_urls=urls, metadata={long: long})
    assert answer.status_code == 200
    stored = asyncio.run(_stored_task(server))
    assert held_bytes(stored) < 6 * KEPT_BYTES


def test_task_keeps_no_host_that_cannot_be_one(start_server: StartServer) -> None:
    server = start_server()
    headers = {**AUTHORIZED, "Host": "a" * 100_000}
    body = b'{"model":"m","prompt":"p"}'
    assert httpx.post(server.url + PATH, headers=headers, content=body).status_code == 200
    assert held_bytes(asyncio.run(_stored_task(server))) < KEPT_BYTES


async def _stored_task(server: ServerThread) -> Task:
    (key,) = [each async for each in server.storage.keys("task/")]
    stored = await server.storage.get(key)
    text = b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
    return TASK.validate_python(json.loads(text))


def test_any_byte_of_a_large_body_counts_for_its_idempotency_key(server: ServerThread) -> None:
    body = body_with(b"x", b'"%b"' % (b"a" * 2 * INLINE_BYTES))
    first = post(server, PATH, body, **{"Idempotency-Key": "k"})
    again = post(server, PATH, body, **{"Idempotency-Key": "k"})
    assert first.json() == again.json()
    other = post(server, PATH, body[:-3] + b'b"}', **{"Idempotency-Key": "k"})
    assert other.status_code == 409


def test_hash_of_a_body_does_not_depend_on_where_it_is_made() -> None:
    for size in (0, INLINE_BYTES, INLINE_BYTES + 1):
        body = bytes(size)
        assert asyncio.run(digest_of(body)) == hashlib.sha256(body).hexdigest()


class WholeBody:
    """A body that is there at once."""

    ending = EOF

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def has_ended(self) -> bool:
        return not self._content

    async def take(self, at_least: int = 1) -> list[Chunk]:
        content, self._content = self._content, b""
        return [content] if content else []


def test_other_requests_have_turns_while_empty_members_are_undone() -> None:
    member = gzip.compress(b"")
    turns = 0

    async def undo() -> None:
        nonlocal turns
        body = GzipBody(WholeBody(member * 10_000))
        await body.begin()
        taking = asyncio.create_task(body.take())
        while not taking.done():
            turns += 1
            await asyncio.sleep(0)
        assert await taking == []
        assert (body.has_ended, body.ending) == (True, EOF)

    asyncio.run(undo())
    assert turns >= 10_000 * len(member) // CODED_BYTES


def test_query_of_too_many_parameters_has_none() -> None:
    allowed = b"&".join([b"a=1"] * MAX_PARAMETERS)
    assert (len(list(parse_query(allowed))), query_error(allowed)) == (MAX_PARAMETERS, None)
    beyond = b"%b&a=1" % allowed
    assert (list(parse_query(beyond)), query_error(beyond)) == ([], TOO_MANY_PARAMETERS)
    assert redacted_query(beyond) == REDACTED.encode()


def test_request_with_too_many_parameters_is_answered(server: ServerThread) -> None:
    target = f"{server.url}/v1/models?{'a&' * MAX_PARAMETERS}category=video"
    answer = httpx.get(target, headers=AUTHORIZED)
    assert answer.status_code == 200
    assert answer.json()["data"]


def test_few_large_bodies_are_in_memory_at_once(server: ServerThread) -> None:
    size = 16 * LARGE_BYTES
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()
    body = body_with(b"x", b'"%b"' % (b"x" * size))[:size]
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_LARGE_BODIES):
            sock = stack.enter_context(connection(server.address))
            sock.sendall(head + body[: size // 2])
        with connection(server.address) as other:
            other.settimeout(0.5)
            with pytest.raises(TimeoutError):
                other.sendall(head + body)
            assert post(server, PATH, body_with(b"x", b"1")).status_code == 200
    # Those that have broken off have left their places.
    assert post(server, PATH, body_with(b"x", b'"%b"' % (b"x" * size))).status_code == 200


def test_upload_that_the_control_api_returns_waits_for_its_reader(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        picture = PNG + bytes(16 * 1024 * 1024)
        body = form(picture)
        headers = {**authorized(world), **FORM_TYPE}
        httpx.post(f"{server.url}/v1/uploads/images", headers=headers, content=body)
        path = f"/_fake/uploads/{world.uploads[0].name}"
        with connection(server.address) as sock:
            sock.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                f"Authorization: Bearer {world.api_key}\r\n\r\n".encode()
            )
            time.sleep(0.5)
            assert server.unsent_bytes < 2 * 1024 * 1024
            assert parse_head(read_to_end(sock))[2] == picture


LONG_TEXT = rb"\n" * (4 * 1024 * 1024)


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"m","prompt":"%b' % LONG_TEXT,
        b'%b["a",{"b":[{"c":["%b' % (b"[" * 50, LONG_TEXT),
        b'%b"%b\\q"' % (b"[" * 50, LONG_TEXT),
    ],
    ids=["cut", "cut within many arrays", "of a broken escape"],
)
def test_fault_behind_a_long_text_is_found_in_one_pass(text: bytes) -> None:
    def seconds_of(read: Callable[[], object]) -> float:
        begin = time.thread_time()
        with contextlib.suppress(JSONError):
            read()
        return time.thread_time() - begin

    whole = b'"%b"' % LONG_TEXT
    once = min(seconds_of(lambda: json_scanner._UNCLOSED_STRING.match(whole)) for _ in range(3))
    scanned = min(seconds_of(Scanner(text, go_json.MAX_DEPTH).scan) for _ in range(3))
    assert scanned < 2.5 * once
