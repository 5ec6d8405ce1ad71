"""Whatever goes wrong beyond the border to a store is a StorageError of one line."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from fake_apimart.common.redaction import redacted_text
from fake_apimart_storage import ObjectNotFound, StorageError
from fake_apimart_storage.s3.connection.failure import cause_of, failures_of_the_store
from fake_apimart_storage.s3.storage import S3Storage

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerProcess
from tests.stores import environment
from tests.stub_store import OPERATIONS, StubStore, answer, error, xml
from tests.test_storage import info, keys, put, read

HTML = b"<html><body>Welcome to the Wi-Fi</body></html>"
LARGE = bytes(9_000_000)

NO_ANSWERS = {
    "nothing": b"",
    "no HTTP": b"\x00\xff garbage\r\n\r\n",
    "JSON": answer(b'{"error": "no"}', "Content-Type: application/json"),
    "a JSON list": answer(b"[]", "Content-Type: application/json"),
    "a page with 200": answer(HTML, "Content-Type: text/html"),
    "a page with a DOCTYPE": answer(b"<!DOCTYPE html>" + HTML, "Content-Type: text/html"),
    "a page with an error": answer(HTML, "Content-Type: text/html", status="502 Bad Gateway"),
    "an empty error": xml("Error", status="400 Bad Request"),
    "an error without message": answer(
        b"<Error><Code>InvalidRequest</Code></Error>", status="400 Bad Request"
    ),
    "an error with an empty message": error("403 Forbidden", "AccessDenied"),
    "an error with an empty code": error("403 Forbidden", ""),
    "an error without body": answer(b"", status="500 Internal Server Error"),
    "an error that is a list": answer(
        b"<Errors><Error>a</Error><Error>b</Error></Errors>", status="400 Bad Request"
    ),
    "an error with twice everything": answer(
        b"<Error><Code>A</Code><Code>B</Code><Message>a</Message><Message>b</Message></Error>",
        status="400 Bad Request",
    ),
    "an error with elements for text": answer(
        b"<Error><Code><b>A</b></Code><Message><i>b</i></Message></Error>",
        status="400 Bad Request",
    ),
    "a message of a megabyte": error("400 Bad Request", "Long", "so long " * 130_000),
    "a message of many lines": error("400 Bad Request", "Lines", "one\n\ntwo\r\nthree\x85four"),
    "a code of many lines": error("400 Bad Request", "A\nB\n" * 400, "c"),
    "a NUL in an error": error("400 Bad Request", "Nul", "a\x00b"),
    "an error in UTF-16": answer(
        '<?xml version="1.0" encoding="UTF-16"?><Error><Code>A</Code></Error>'.encode("utf-16"),
        status="400 Bad Request",
    ),
    "an error in Latin-1": answer(
        "<Error><Code>A</Code><Message>à</Message></Error>".encode("latin-1"),
        status="400 Bad Request",
    ),
    "a 301 to nowhere": answer(b"", status="301 Moved Permanently"),
    "a 301 to another region": error(
        "301 Moved Permanently", "PermanentRedirect", "", "x-amz-bucket-region: no region!"
    ),
    "a 307 to nowhere": answer(b"", "Location: ", status="307 Temporary Redirect"),
    "a region that is none": answer(
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>?!</Region></Error>",
        status="400 Bad Request",
    ),
    "a status that is none": answer(b"", status="999 ?"),
    "an error with 200": answer(b"<Error><Code>SlowDown</Code><Message/></Error>"),
    "a length that is none": answer(b"x").replace(b"Length: 1", b"Length: one"),
    "less than promised": answer(b"<a>", length=1000),
}
"""What is none of the answers of S3, whatever was asked for."""

EMPTY_200 = {
    "an empty 200": answer(b""),
    "XML of another kind": xml("Surprise", "<Key/>"),
    "cut XML": answer(b'<?xml version="1.0"?><ListBucketResult><Contents><Key>'),
}
"""What is an answer to operations that have nothing to say."""

# What boto3 answers with, where it does not read the body, or is satisfied by an error.
SILENT = ("AbortMultipartUpload", "DeleteObject")

START = [each for each in OPERATIONS if "Bucket" in each or "List" in each or "Lock" in each]
"""What may be asked for at a start."""

CALLS: dict[str, Callable[[S3Storage], Any]] = {
    "PutObject": lambda storage: put(storage, info(), b"x"),
    "CreateMultipartUpload": lambda storage: put(storage, info(), LARGE),
    "UploadPart": lambda storage: put(storage, info(), LARGE),
    "CompleteMultipartUpload": lambda storage: put(storage, info(), LARGE),
    "GetObject": lambda storage: read(storage, "image/there"),
    "ListObjectsV2": keys,
    "DeleteObject": lambda storage: storage.delete("image/there"),
}


@pytest.fixture(scope="module")
def running_stub() -> Iterator[StubStore]:
    with StubStore() as running:
        yield running


@pytest.fixture
def stub(running_stub: StubStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubStore]:
    monkeypatch.setattr("fake_apimart_storage.s3.connection.client.ATTEMPTS", 1)
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.CLEANUP_DELAYS", (0.0,))
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.SETTLE_SECONDS", (0.0,))
    running_stub.said.clear()
    running_stub.objects.clear()
    with environment(running_stub.env):
        yield running_stub


@pytest.fixture(autouse=True)
def no_tracebacks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Hold everything logged above the level of debugging to lines without a traceback."""
    # A server that has run in this process keeps its lines to itself.
    monkeypatch.setattr(logging.getLogger("fake_apimart_storage"), "propagate", True)
    caplog.set_level(logging.INFO)
    yield
    assert [each.getMessage() for each in caplog.records if each.exc_info] == []


async def outcome(attempt: Any) -> str:
    """Return what a call failed with, which is one short line; or an empty string."""
    try:
        await attempt
    except (ObjectNotFound, StorageError) as failure:
        said = str(failure)
        assert said
        assert said.isprintable()
        assert len(said) < 1500
        return said
    return ""


# boto3 leaves the connection of an answer open that it cannot read.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("name", [*NO_ANSWERS, *EMPTY_200])
def test_no_call_takes_for_an_answer_what_is_none(name: str, stub: StubStore) -> None:
    said = {**NO_ANSWERS, **EMPTY_200}[name]

    async def body() -> None:
        storage = S3Storage("bucket", "")
        await storage.open()
        await put(storage, info("image/there"), b"x")
        for operation, call in CALLS.items():
            stub.said = {operation: said}
            failure = await outcome(call(storage))
            may_pass = operation in SILENT and (name in EMPTY_200 or said.startswith(b"HTTP/1.1 2"))
            assert failure or may_pass, operation
        stub.said = dict.fromkeys(("AbortMultipartUpload", "ListMultipartUploads"), said)
        stub.said["UploadPart"] = said
        assert await outcome(put(storage, info(), LARGE))
        stub.said = {}
        await storage.close()

    asyncio.run(body())


@pytest.mark.parametrize("name", [*NO_ANSWERS, *EMPTY_200])
def test_start_says_in_one_line_what_the_store_answers_with(name: str, stub: StubStore) -> None:
    said = {**NO_ANSWERS, **EMPTY_200}[name]

    async def opened() -> None:
        storage = S3Storage("bucket", "")
        try:
            await storage.open({"image/": 5})
        finally:
            await storage.close()

    for operation in START:
        stub.said = {operation: said}
        failure = asyncio.run(outcome(opened()))
        assert failure or operation != "ListObjectsV2"
    stub.said = dict.fromkeys(OPERATIONS, said)
    assert asyncio.run(outcome(opened())).startswith(stub.endpoint)
    stub.said = {"ListObjectsV2": error("404 Not Found", "NoSuchBucket"), "CreateBucket": said}
    assert asyncio.run(outcome(opened()))


@pytest.mark.parametrize("name", ["a page with 200", "nothing", "an error with an empty message"])
def test_server_answers_as_the_contract_says(
    name: str, stub: StubStore, start_server: StartServer
) -> None:
    server = start_server(storage="s3://bucket/.")
    url = f"{server.url}/v1/uploads/images"
    upload: dict[str, Any] = {"headers": AUTHORIZED, "files": {"file": ("a.png", PNG)}}
    file = httpx.post(url, **upload).json()["url"]
    stub.said = dict.fromkeys(OPERATIONS, NO_ANSWERS[name])
    failed = httpx.post(url, **upload)
    assert (failed.status_code, failed.json()["error"]["message"]) == (
        500,
        "failed to upload image",
    )
    assert httpx.get(file).status_code == 503
    stub.said.clear()
    assert httpx.get(file).content == PNG


WORDS = [
    (
        error("403 Forbidden", "AccessDenied", "Invalid signature"),
        "access denied: Invalid signature",
    ),
    (error("403 Forbidden", "AccessDenied", "Access Denied."), "access denied (AccessDenied)"),
    (error("403 Forbidden", "AccessDenied"), "access denied (AccessDenied)"),
    (error("400 Bad Request", "Odd", "its own words"), "its own words (Odd)"),
    (error("400 Bad Request", "Odd"), "Odd"),
]


@pytest.mark.parametrize(("said", "words"), WORDS, ids=[words for _, words in WORDS])
def test_store_has_its_own_words_where_ours_are_general(
    said: bytes, words: str, stub: StubStore
) -> None:
    stub.said = {"ListObjectsV2": said}
    failure = asyncio.run(outcome(S3Storage("bucket", "").open()))
    assert failure.startswith(f"{stub.endpoint}: {words}")


RESPONSES: list[Any] = [{}, {"Error": None}, {"Error": []}, {"Error": {"Code": None}}]


@pytest.mark.parametrize("response", RESPONSES)
def test_error_of_boto3_without_what_it_should_have_is_a_line_too(response: Any) -> None:
    failure = ClientError({"Error": {}}, "GetObject")
    failure.response = response
    with pytest.raises(StorageError), failures_of_the_store():
        raise failure


class WithoutWords(Exception):
    def __str__(self) -> str:
        raise RecursionError


@pytest.mark.parametrize(
    "failure",
    [Exception(), MemoryError(), RecursionError(), UnicodeError("\ud800"), WithoutWords()],
)
def test_every_exception_is_a_failure_of_the_store(failure: Exception) -> None:
    with pytest.raises(StorageError) as raised, failures_of_the_store():
        raise failure
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_what_ends_a_program_or_a_task_passes_the_border(end: type[BaseException]) -> None:
    with pytest.raises(end), failures_of_the_store():
        raise end


def test_traceback_is_in_the_log_at_the_level_of_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "fake_apimart_storage")
    with pytest.raises(StorageError), failures_of_the_store():
        raise LookupError
    (record,) = caplog.records
    assert (record.levelno, bool(record.exc_info)) == (logging.DEBUG, True)
    caplog.clear()


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_redirect_that_names_no_region_is_followed_nowhere(status: str, stub: StubStore) -> None:
    async def body() -> None:
        storage = S3Storage("bucket", "")
        await storage.open()
        stub.requests.clear()
        elsewhere = answer(b"", "Location: http://me:pw@there/login?token=x", status=status)
        stub.said = dict.fromkeys(OPERATIONS, elsewhere)
        for operation, call in CALLS.items():
            failure = await outcome(call(storage))
            assert failure == f"the store redirects to http://there/login ({status[:3]})", operation
        # A large upload asks again for what may be left of it.
        assert len(stub.requests) < 4 * len(CALLS)
        stub.said = {}
        await storage.close()
        stub.said = dict.fromkeys(OPERATIONS, elsewhere)
        assert "the store redirects" in await outcome(S3Storage("bucket", "").open())

    asyncio.run(body())


def test_page_in_place_of_a_description_is_a_failure_and_no_damage(stub: StubStore) -> None:
    async def main() -> None:
        storage = S3Storage("bucket", "")
        await storage.open({"image/": 0})
        await put(storage, info(), b"x")
        stub.said["HeadObject"] = answer(b"", "Content-Type: text/html", 'ETag: "page"')
        with pytest.raises(StorageError, match="none of S3's"):
            await storage.delete_expired(0)
        assert list(stub.objects) == [info().key]
        await storage.close()

    asyncio.run(main())


CODES = ["InvalidTokenId", "CredentialsNotSupported", "MissingAuthenticationToken", "InvalidSecret"]


@pytest.mark.parametrize("code", [*CODES, "", "AccessDenied", "ExpiredToken"])
@pytest.mark.parametrize("message", ["It has no use here.", ""])
def test_log_does_not_take_the_store_s_code_for_the_name_of_a_secret(
    code: str, message: str
) -> None:
    metadata = {"HTTPStatusCode": 403}
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    cause = cause_of(ClientError(response, "PutObject"))
    assert redacted_text(cause) == cause
    assert code in cause
    assert code == "ExpiredToken" or message in cause


PROGRAMS = {
    "missing": "/nowhere/at/all",
    "failing": f"{sys.executable} -c 'import sys; sys.exit(3)'",
    "rubbish": "echo rubbish",
    "nothing": "true",
    "a list": "echo []",
    "null": "echo null",
    "another version": """echo '{"Version": 9}'""",
    "no version": "echo {}",
    "no keys": """echo '{"Version": 1}'""",
    "unbalanced quotes": "echo 'a",
    "a date that is none": (
        """echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "x"}'"""
    ),
    "words of many lines": f"""{sys.executable} -c 'import sys; sys.exit("one\\ntwo\\x1b[31m")'""",
}


@pytest.mark.subprocess
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_that_gives_no_credentials_is_told_of_at_the_start(
    name: str, stub: StubStore, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {PROGRAMS[name]}\n")
    failure = asyncio.run(outcome(_with_config(config)))
    assert failure
    assert "the store" not in failure


CONFIGS = [
    "no section\n",
    "[default\n",
    "[default]\nregion\n",
    "[default]\nmax_attempts = many\n",
    "[default]\ns3 = path\nregion = no region!\n",
    "[default]\ns3 =\n  addressing_style = sideways\n",
    "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n",
    "[default]\nsso_session = nothing\nsso_account_id = 1\nsso_role_name = x\n",
    "[default]\nendpoint_url = nonsense\n",
    "[default]\nca_bundle = /nowhere/at/all\nendpoint_url = https://127.0.0.1:9\n",
]


@pytest.mark.parametrize("config", CONFIGS)
def test_configuration_that_is_broken_is_told_of_at_the_start(
    config: str, stub: StubStore, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(config)
    asyncio.run(outcome(_with_config(path)))


async def _with_config(config: Path) -> None:
    empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": ""}
    with environment({**empty, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "1"}):
        await S3Storage("bucket", "").open()


def _serve() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fake_apimart", "serve", "--port", "0"]
    return subprocess.run(
        [*command, "--storage", "s3://bucket"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.subprocess
def test_command_ends_with_status_2_where_objects_may_be_listed_but_not_read(
    stub: StubStore,
) -> None:
    stub.said = {"GetObject": error("403 Forbidden", "AccessDenied", "no reader")}
    result = _serve()
    assert result.returncode == 2
    assert result.stderr == (
        "fake-apimart: FAKE_APIMART_STORAGE=s3://bucket: access denied: no reader (AccessDenied)\n"
    )


@pytest.mark.subprocess
def test_command_ends_with_status_2_where_the_program_for_credentials_is_missing(
    stub: StubStore, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = /nowhere/at/all\n")
    empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with environment({**empty, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "1"}):
        result = _serve()
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "/nowhere/at/all" in result.stderr


ONCE = """
import datetime, json, pathlib, sys
used = pathlib.Path(__file__).with_suffix(".used")
if used.exists():
    sys.exit("the program fails now")
used.touch()
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=12)
keys = {"AccessKeyId": "key", "SecretAccessKey": "secret"}
print(json.dumps({"Version": 1, **keys, "Expiration": end.isoformat()}))
"""


@pytest.mark.subprocess
def test_credentials_that_are_not_renewed_are_no_traceback_in_the_log(
    stub: StubStore, tmp_path: Path
) -> None:
    program, config = tmp_path / "once.py", tmp_path / "config"
    program.write_text(ONCE)
    config.write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with (
        environment({**empty, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "1"}),
        ServerProcess("--storage", "s3://bucket/.") as server,
    ):
        upload: dict[str, Any] = {"headers": AUTHORIZED, "files": {"file": ("a.png", PNG)}}
        answered = httpx.post(f"{server.url}/v1/uploads/images", **upload)
        _, log = server.end()
    # They are good for some minutes more.
    assert answered.status_code == 200
    assert "Traceback" not in log
