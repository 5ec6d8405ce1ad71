"""A body is read as a Go server reads it: names, values that clients send, odd text anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_apimart.contract.api_error import ApiError
from fake_apimart.generation.input_schema import FIELDS
from fake_apimart.generation.planning import size_of
from fake_apimart.generation.request import GenerationRequest, parse_request
from fake_apimart.tasks.polls import task_ids_of
from fake_apimart.worlds.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st

REQUIRED = {"model": "m", "prompt": "p"}


def parse(body: bytes | dict[str, Any]) -> GenerationRequest:
    content = body if isinstance(body, bytes) else json.dumps({**REQUIRED, **body}).encode()
    return parse_request(content, offered=(), accepts_base64=False, default_outcome=Outcome())


def refusal_of(body: bytes | dict[str, Any]) -> str:
    with pytest.raises(ApiError) as refusal:
        parse(body)
    assert refusal.value.status == 400
    return refusal.value.message


def with_field(name: str, value: bytes) -> bytes:
    """Return a body whose field `name`, behind those that are needed, is `value` as it stands."""
    return b'{"model":"m","prompt":"p","%b":%b}' % (name.encode(), value)


def test_names_of_fields_match_in_any_case() -> None:
    request = parse(
        b'{"MODEL":"m","Prompt":"p","N":2,"Size":"16:9","\xc5\xbfeed":7,'
        b'"Image_URLs":["http://a/",{"URL":"http://b/"},{"url":"x","Url":"http://c/"}]}'
    )
    assert (request.model.id, request.prompt, request.images) == ("m", "p", 2)
    assert (request.size, request.seed, request.unread) == ("16:9", 7, ())
    assert request.image_urls == ("http://a/", "http://b/", "http://c/")


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        (b'{"model":"m","prompt":"a","prompt":"b"}', "b"),
        (b'{"model":"m","PROMPT":"a","prompt":"b"}', "b"),
        (b'{"model":"m","prompt":"a","PROMPT":"b"}', "b"),
        (b'{"model":"m","prompt":"a","Prompt":"b","prompt":"c"}', "c"),
        (b'{"model":"m","prompt":"a","prompt":null}', "a"),
    ],
)
def test_last_of_equal_names_counts(body: bytes, prompt: str) -> None:
    assert parse(body).prompt == prompt


def test_names_in_metadata_are_as_they_are() -> None:
    assert parse({"metadata": {"FAKE_APIMART": {"polls": 5}}}).outcome.polls == 0
    assert parse({"METADATA": {"fake_apimart": {"polls": 5}}}).outcome.polls == 5


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in REQUIRED])
def test_null_counts_as_absent(name: str) -> None:
    assert parse({name: None}) == parse({})


@pytest.mark.parametrize(
    "name", [name for name, kind in FIELDS.items() if kind == "string" and name not in REQUIRED]
)
def test_empty_text_counts_as_absent(name: str) -> None:
    assert parse({name: ""}) == parse({})


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", " \n\t"])
def test_what_is_blank_is_missing(name: str, value: str | None) -> None:
    assert refusal_of({name: value}) == f"{name} is required"


@pytest.mark.parametrize(
    ("resolution", "drawn"),
    [
        *(("1k", "1k"), ("2K", "2k"), ("4K", "4k"), ("1.5K", "2k"), ("1.5k", "2k"), ("3K", "4k")),
        *(("quality", "1k"), ("", "1k")),
    ],
)
def test_resolution_is_the_nearest_or_the_default(resolution: str, drawn: str) -> None:
    assert parse({"resolution": resolution}).resolution == drawn


@pytest.mark.parametrize(
    ("output_format", "made"),
    [("png", "png"), ("JPEG", "jpeg"), ("jpg", "jpeg"), ("JPG", "jpeg"), ("WebP", "webp")],
)
def test_output_format_has_a_short_name_too(output_format: str, made: str) -> None:
    assert parse({"output_format": output_format}).output_format == made


@pytest.mark.parametrize("model", ["gpt-image-2", "gemini-3-pro-image-preview", "any"])
@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        *((word, (1024, 1024)) for word in ("auto", "AUTO", "adaptive", "Match_Input_Image", "")),
        *(("16:9", (1360, 768)), ("1024x768", (1024, 768)), ("1024X768", (1024, 768))),
    ],
)
def test_size_is_taken_in_every_form(size: str, pixels: tuple[int, int], model: str) -> None:
    assert size_of(parse({"size": size, "model": model}), None) == pixels


@pytest.mark.parametrize(("model", "images", "urls"), [("gpt-image-2", 10, 15), ("any", 15, 16)])
def test_limits_are_the_model_s(model: str, images: int, urls: int) -> None:
    most = {"model": model, "n": images, "image_urls": ["http://a/"] * urls}
    assert parse(most).images == images
    assert refusal_of({**most, "n": images + 1}) == f"n must be an integer from 1 to {images}"
    more = {**most, "image_urls": ["http://a/"] * (urls + 1)}
    assert refusal_of(more) == f"image_urls exceeds max {urls}"


@pytest.mark.parametrize("name", ["gpt-image-2.5-flare", "a/b", "模型", "😀" * 5000, "\x00"])
def test_any_name_of_a_model_is_taken(name: str) -> None:
    assert parse({"model": name}).model.id == name


DIGITS = b"9" * 5000
LONE = rb'"\ud800"'
DEEP = [b"[" * 940 + b"]" * 940, b"[" * 9000 + b"]" * 9000, b'{"a":' * 940 + b"1" + b"}" * 940]
NUMBERS = [b"1e999", b"1.0", b"-0", DIGITS, b"-" + DIGITS, b"0." + DIGITS, b"1e" + DIGITS]
URLS = [b"http://[::::", b"http://a:%b/" % DIGITS, b"http://a:x/", "http://a:٣/".encode()]
MARKERS = [b"polls=" + DIGITS, b"seconds=1e999", rb"\ud800", b"seconds=" + DIGITS]
SIZES = [b"%b:%b" % (DIGITS, DIGITS), b"%bx1" % DIGITS, "٣:٢".encode(), DIGITS]
SETTINGS = [*NUMBERS, *DEEP, LONE, b'"%b"' % DIGITS]
ODD_VALUES = [
    *(*NUMBERS, *DEEP, LONE, b"true", rb'"\u0000"', b'"\xff"', b"[[]]", rb'{"\ud800":"\udc00"}'),
    *(b"[%b]" % LONE, b'{"url":%b}' % LONE, rb'[{"url":"http://\udfff"}]', b'["http://[::::"]'),
    *(b'"%b"' % each for each in (*URLS, *SIZES)),
    *(b'"[fake: %b]"' % each for each in MARKERS),
    *(
        b'{"fake_apimart":{"%b":%b}}' % (name, value)
        for name in (b"polls", b"seconds", b"message", b"outcome")
        for value in SETTINGS
    ),
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_odd_value_of_a_field_is_taken_or_refused(value: bytes) -> None:
    for name in FIELDS:
        check(with_field(name, value))


@pytest.mark.parametrize("value", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_odd_value_in_a_batch_is_taken_or_refused(value: bytes) -> None:
    for body in (value, b'{"task_ids":%b}' % value, b'{"task_ids":[%b]}' % value):
        try:
            task_ids_of(body)
        except ApiError as error:
            check_error(error)


def check(body: bytes) -> None:
    """Hold a body to be taken, or refused with an error of the API."""
    try:
        request = parse(body)
        size_of(request, None)
    except ApiError as error:
        check_error(error)
    else:
        json.dumps([request.prompt, request.image_urls, request.unread]).encode()


def check_error(error: ApiError) -> None:
    assert error.status in (400, 500)
    assert error.message.startswith("build_request_failed: ") is (error.status == 500)
    error.message.encode()


TEXTS = (
    st.text()
    | st.text(st.characters(categories=["Cs", "Nd", "Cc"]))
    | st.from_regex(r"[0-9:x.]+", fullmatch=True)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "fake_apimart"]) | TEXTS, inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | TEXTS, VALUES))
def test_any_body_is_taken_or_refused(body: dict[str, Any]) -> None:
    for given_fields in (body, {**body, **REQUIRED}):
        check(json.dumps(given_fields).encode())
        check(json.dumps(given_fields, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(sorted(FIELDS)), VALUES)
def test_any_value_of_any_field_is_taken_or_refused(name: str, value: Any) -> None:
    check(json.dumps({**REQUIRED, name: value}).encode())


@given(TEXTS)
def test_any_text_in_a_marker_is_taken_or_refused(text: str) -> None:
    for template in ("[fake: {}]", "[fake: seconds={}]", "[fake: polls={}]", "[fake: fail={}]"):
        check(json.dumps({**REQUIRED, "prompt": template.format(text)}).encode())
