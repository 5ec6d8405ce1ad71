"""Whatever stands in a header, a query or a path: no request is answered with a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fake_apimart.contract.api_error import Shape
from fake_apimart.settings.settings import Settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.generating import upload
from tests.harness import PNG, ServerThread, exchange, form, parse_head
from tests.profiles import examples

SHAPES = [list(shape.value) for shape in Shape if shape is not Shape.S3]
VERSIONED = ["message", "type", "param", "code"]
JSON = "application/json; charset=utf-8"

DIGITS = st.builds(lambda digit, count: digit * count, st.sampled_from("0149"), st.just(5000))
LATIN = st.binary(max_size=40).map(lambda data: data.translate(None, b"\r\n"))
TEXT = st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
HEADER_VALUES = st.one_of(
    LATIN,
    TEXT.map(lambda data: data.translate(None, b"\r\n")),
    DIGITS.map(str.encode),
    st.sampled_from(
        [
            b"",
            b"[::::::]",
            b"[::1",
            b"[::1]:99999999",
            b"a:99999",
            b"a:b",
            b"bytes=-",
            b'"',
            b"W/",
            b"Bearer",
            b"Bearer \xff",
            b"%zz",
            b"Fri, 99 Abc 9999 99:99:99 GMT",
        ]
    ),
)
HEADERS = [
    "Host",
    "Authorization",
    "Origin",
    "Accept",
    "Content-Type",
    "Content-Encoding",
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "Idempotency-Key",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "X-APIMart-Response-Version",
    "X-Fake-Admin-Token",
    "X-Forwarded-Prefix",
]
CREATE = b'{"model":"gpt-image-2","prompt":"a cat"}'
TARGETS = [
    ("POST", "/v1/uploads/images", form(PNG)),
    ("POST", "/v1/images/generations", CREATE),
    ("POST", "/v1/tasks/batch", b'{"task_ids":[]}'),
    ("GET", "/v1/models", b""),
    ("GET", "/v1/models/m", b""),
    ("GET", "/v1/models/m/schema", b""),
    ("GET", "/v1/model-schema?model=m", b""),
    ("GET", "/v1/model-docs?model=m", b""),
    ("GET", "/v1/tasks/x", b""),
    ("GET", "/v1/tasks/x/", b""),
    ("GET", "/v1/balance", b""),
    ("OPTIONS", "/v1/models", b""),
    ("GET", "/v1/nothing", b""),
    ("GET", "/_fake/world", b""),
    ("GET", "/_fake/requests", b""),
    ("GET", "/docs", b""),
]


@pytest.fixture(scope="module", params=["memory", "dir"])
def hostile_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerThread]:
    location = "memory://" if request.param == "memory" else f"dir:{tmp_path_factory.mktemp('d')}"
    with ServerThread(Settings(port=0, storage=location)) as server:
        yield server


def ask(
    server: ServerThread, method: str, target: bytes, headers: dict[str, bytes], body: bytes
) -> None:
    """Send a request, and hold the answer to what each answer is."""
    given = {
        "Host": b"127.0.0.1",
        "Authorization": b"Bearer hostile",
        "Content-Type": b"multipart/form-data; boundary=bbb",
        **headers,
        "Content-Length": str(len(body)).encode(),
        "Connection": b"close",
    }
    lines = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in given.items())
    request = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, lines, body)
    status, answered, content = parse_head(exchange(server.address, request))
    assert status < 500, (request, content)
    assert "detail" not in answered
    if answered.get("content-type") != JSON or status < 400:
        assert 200 <= status < 400 or answered.get("content-type") in (
            *("text/plain; charset=utf-8", "application/xml", None),
        )
        return
    if method == "HEAD":
        assert content == b""
        return
    answer = json.loads(content)
    if "request_id" in answer:
        assert list(answer) == ["request_id", "error"]
        assert list(answer["error"]) == VERSIONED
    else:
        assert list(answer) == ["error"]
        assert list(answer["error"]) in SHAPES
    assert all(isinstance(each, str | int) for each in answer["error"].values())


HOSTILE = settings(
    deadline=None,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@pytest.mark.parametrize("header", HEADERS)
@HOSTILE
@given(value=HEADER_VALUES, target=st.sampled_from(TARGETS))
@example(value=b"[::::::]", target=TARGETS[1])
@example(value=b"a:99999", target=TARGETS[1])
@example(value=b"[1.2.3]", target=TARGETS[0])
def test_no_header_is_a_fault(
    header: str, value: bytes, target: tuple[str, str, bytes], server: ServerThread
) -> None:
    method, path, body = target
    headers = {header: value}
    if header == "Idempotency-Key":
        headers["X-APIMart-Response-Version"] = b"2026-07-27"
    ask(server, method, path.encode(), headers, body)


@pytest.fixture(scope="module")
def file_path(hostile_server: ServerThread) -> bytes:
    url = upload(hostile_server, PNG, "a.png")
    return url.removeprefix(hostile_server.url).encode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@HOSTILE
@given(
    headers=st.dictionaries(
        st.sampled_from([each for each in HEADERS if each.startswith(("If", "Range", "Origin"))]),
        HEADER_VALUES | DIGITS.map(lambda digits: f"bytes={digits}-{digits}".encode()),
    )
)
def test_no_condition_on_a_file_is_a_fault(
    method: str, headers: dict[str, bytes], hostile_server: ServerThread, file_path: bytes
) -> None:
    ask(hostile_server, method, file_path, headers, b"")


ESCAPED = st.binary(max_size=40).map(lambda data: b"".join(b"%%%02x" % byte for byte in data))
RAW = (LATIN | TEXT).map(lambda data: data.translate(None, bytes(range(0x21))))
SEGMENTS = st.one_of(
    ESCAPED,
    RAW,
    DIGITS.map(str.encode),
    st.sampled_from([b"..", b"%2e%2e", b"%2F", b"//", b"%00", b"%0a", b"%5c", b"%zz", b"?", b"#"]),
)
PATHS = [
    b"/%b",
    b"/v1/%b",
    b"/v1/tasks/%b",
    b"/v1/tasks/%b/",
    b"/v1/images/generations/%b",
    b"/v1/models/%b",
    b"/v1/models/%b/",
    b"/v1/models/%b/schema",
    b"/f/image/%b",
    b"/image/%b",
    b"/f/image/9999999999999-a1b2c3d4-%b",
    b"/f%%2Fimage/%b",
    b"/%%69mage/%b",
    b"/_fake%%2Fuploads/%b",
    b"/_fake/%b",
    b"/_fake/uploads/%b",
]


@HOSTILE
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "FOO"]),
    path=st.sampled_from(PATHS),
    segment=SEGMENTS,
)
@example(method="GET", path=b"/_fake/uploads/%b", segment=b"")
@example(method="GET", path=b"/v1/models/%b/schema", segment=b"a%0a")
def test_no_path_is_a_fault(
    method: str, path: bytes, segment: bytes, hostile_server: ServerThread
) -> None:
    ask(hostile_server, method, path % segment, {}, b"")


QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            [b"model", b"operation", b"language", b"key", b"expand", b"category", b"limit", b"x"]
        )
        | ESCAPED,
        SEGMENTS,
    ).map(b"=".join),
    max_size=4,
).map(b"&".join)


@HOSTILE
@given(target=st.sampled_from(TARGETS), query=QUERIES, has_key=st.booleans())
def test_no_query_is_a_fault(
    target: tuple[str, str, bytes], query: bytes, has_key: bool, server: ServerThread
) -> None:
    method, path, body = target
    mark = b"&" if "?" in path else b"?"
    headers = {} if has_key else {"Authorization": b""}
    ask(server, method, path.encode() + mark + query, headers, body)


def test_journal_is_whole_after_all_that(server: ServerThread) -> None:
    headers = {"X-A": bytes(range(0x80, 0x100)), "Authorization": b"Bearer hostile"}
    ask(server, "GET", b"/v1/models/%ff%ed%a0%80?%ff=%ff&key=%ff", headers, b"")
    ask(server, "GET", b"/_fake/requests", {}, b"")
    ask(server, "GET", b"/_fake/requests?operation=%ff&limit=" + b"9" * 5000, {}, b"")
