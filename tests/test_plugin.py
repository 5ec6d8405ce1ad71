"""The pytest plugin, in separate test runs, as users run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.harness import JPEG, ServerProcess, answers, form, wait_until
from tests.inner_runs import without_plugins

# With a client of the standard library: importing another takes longer than such a run does.
UPLOAD = """
import types
import urllib.error
import urllib.request

import pytest

FORM = {form!r}

def request(url, content=None, **headers):
    asked = urllib.request.Request(url, content, headers)
    try:
        answer = urllib.request.urlopen(asked)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return types.SimpleNamespace(status_code=answer.status, content=answer.read())

def upload(apimart):
    return request(
        f"{{apimart.base_url}}/v1/uploads/images",
        FORM,
        **headers_of(apimart),
    )

def headers_of(apimart):
    return {{
        "Authorization": f"Bearer {{apimart.api_key}}",
        "Content-Type": "multipart/form-data; boundary=bbb",
    }}

@pytest.fixture(scope="session", autouse=True)
def log_url(apimart_server):
    with open({url_log!r}, "a") as file:
        print(apimart_server.url, file=file)
"""


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn coverage off: it costs time, and processes that are killed do not report it."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url_log(pytester: pytest.Pytester) -> Path:
    """Return the file in which test runs record the URL of their server."""
    return pytester.path / "urls.txt"


@pytest.fixture
def project(pytester: pytest.Pytester, url_log: Path) -> Iterator[pytest.Pytester]:
    """Yield a project whose tests can `upload`; check that its servers end with it."""
    pytester.makepyfile(helpers=UPLOAD.format(form=form(JPEG), url_log=str(url_log)))
    pytester.syspathinsert()
    yield pytester
    for url in servers(url_log):
        wait_until(lambda url=url: not answers(url), f"{url} ended")


def servers(url_log: Path) -> set[str]:
    """Return the URLs of the servers that the tests used."""
    return set(url_log.read_text().split()) if url_log.exists() else set()


def run(project: pytest.Pytester, *flags: str, but: Collection[str] = ()) -> pytest.RunResult:
    return project.runpytest_subprocess("-W", "error", *without_plugins(but=but), *flags)


WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_test_has_a_world_of_its_own_on_one_server(
    workers: tuple[str, ...], project: pytest.Pytester, url_log: Path
) -> None:
    project.makepyfile(
        """
        from helpers import *

        @pytest.mark.parametrize("number", range(4))
        def test_world(apimart, number):
            assert apimart.uploads == []
            assert upload(apimart).status_code == 200
            assert len(apimart.uploads) == 1
        """
    )
    run(project, *workers).assert_outcomes(passed=4)
    assert len(servers(url_log)) == 1


@pytest.mark.usefixtures("unmeasured")
def test_two_hundred_tests_at_once_are_isolated(project: pytest.Pytester, url_log: Path) -> None:
    project.makepyfile(
        """
        import json
        from helpers import *

        @pytest.mark.parametrize("number", range(200))
        def test_world(apimart, number):
            times, hours = number % 3, number % 100
            if times:
                apimart.fail("uploads.create", "rate_limited", times=times)
            assert [upload(apimart).status_code for _ in range(times)] == [429] * times
            before = apimart.clock.freeze()
            assert apimart.clock.advance(hours=hours) == pytest.approx(before + hours * 3600)
            answer = json.loads(upload(apimart).content)
            assert answer["created_at"] == int(before + hours * 3600)
            assert request(answer["url"]).status_code == 200
            apimart.clock.advance(hours=72)
            assert request(answer["url"]).status_code == 403
            statuses = [each.status for each in apimart.requests]
            assert statuses == [429] * times + [200, 200, 403]
            assert [each.alive for each in apimart.uploads] == [False]
        """
    )
    run(project, "-n", "4").assert_outcomes(passed=200)
    assert len(servers(url_log)) == 1


@WORKERS
def test_rule_that_was_never_met_fails_the_test(
    workers: tuple[str, ...], project: pytest.Pytester
) -> None:
    project.makepyfile(
        """
        from helpers import *

        def test_unused(apimart):
            apimart.fail("uploads.create", "rate_limited")

        def test_unused_of_another(apimart):
            apimart.another().fail("uploads.create", "rate_limited")

        def test_optional(apimart):
            apimart.fail("uploads.create", "rate_limited", optional=True)

        def test_used(apimart):
            rule = apimart.fail("uploads.create", "rate_limited")
            assert upload(apimart).status_code == 429
            assert rule.used == 1

        def test_forgotten(apimart):
            apimart.fail("uploads.create", "rate_limited")
            apimart.reset()
        """
    )
    result = run(project, *workers)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["never met:*rate_limited*"])


def test_failure_of_a_test_is_not_hidden_by_its_rules(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        def test_fails(apimart):
            apimart.fail("uploads.create", "rate_limited")
            assert upload(apimart).status_code == 200
            assert False, "not reached"
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 429 == 200*"])


@WORKERS
def test_libraries_that_fake_time_and_http_leave_the_server_alone(
    workers: tuple[str, ...], project: pytest.Pytester
) -> None:
    project.makepyfile(
        """
        import time

        import freezegun
        import httpx
        import respx
        from helpers import *

        @pytest.mark.asyncio
        async def test_all_at_once(apimart):
            with freezegun.freeze_time("2001-02-03"), respx.mock(assert_all_called=False) as mock:
                mock.get("https://example.org/").respond(204)
                mock.route(url__startswith=apimart.base_url).pass_through()
                async with httpx.AsyncClient() as client:
                    assert (await client.get("https://example.org/")).status_code == 204
                    sent = await client.post(
                        f"{apimart.base_url}/v1/uploads/images",
                        headers=headers_of(apimart),
                        content=FORM,
                    )
                (entry,) = await apimart.requests.wait_for_async("uploads.create")
                assert sent.json()["created_at"] > 1_700_000_000 > time.time()
                apimart.clock.advance(hours=72)
                assert entry.status == 200
            assert httpx.get(sent.json()["url"]).status_code == 403
        """
    )
    # pytest-asyncio warns whoever has not made up their mind about this.
    scope = ("-o", "asyncio_default_fixture_loop_scope=function")
    needed = ("asyncio", "respx", "anyio")
    run(project, *scope, *workers, but=needed).assert_outcomes(passed=1)


LIBRARIES = {
    "vcrpy": "vcr.use_cassette('cassette.yaml', record_mode='none')",
    "pook": "pook.use()",
    "responses": "responses.RequestsMock()",
    "respx": "respx.mock()",
    "pytest-socket": "without_sockets()",
    "a patch of the socket": "mock.patch('socket.socket', side_effect=AssertionError)",
    "a patch of the client": "mock.patch('http.client.HTTPConnection', side_effect=AssertionError)",
    "a patch of connecting": "mock.patch('socket.create_connection', side_effect=AssertionError)",
}
"""What records, mocks or forbids requests, and how a test enters it."""

FORBIDDING = """
    import contextlib
    from unittest import mock

    import pook
    import pytest
    import pytest_socket
    import responses
    import respx
    import vcr
    from fake_apimart_testing import FakeAPIMart

    @contextlib.contextmanager
    def without_sockets():
        pytest_socket.disable_socket()
        yield
        pytest_socket.enable_socket()

    MAKERS = [{makers}]

    @pytest.mark.parametrize("make", MAKERS)
    def test_world(apimart, make):
        with make():
            apimart.pace(seconds=0)
            apimart.clock.advance(hours=1)
            assert (apimart.uploads, list(apimart.requests)) == ([], [])
            with pytest.raises(AssertionError, match="Nothing was sent with this key"):
                apimart.requests.wait_for("uploads.create", timeout=0.1)
            apimart.another().reset()

    @pytest.mark.parametrize("make", MAKERS)
    def test_start(make):
        with make(), FakeAPIMart() as apimart:
            assert apimart.uploads == []
"""


def test_libraries_that_record_or_forbid_requests_do_not_see_those_of_the_fixture(
    pytester: pytest.Pytester,
) -> None:
    makers = ", ".join(f"lambda: {make}" for make in LIBRARIES.values())
    pytester.makepyfile(FORBIDDING.format(makers=makers))
    # pook is made with other libraries' names that have been given up.
    result = pytester.runpytest_subprocess(*without_plugins(but=("pook", "socket")), "-W", "ignore")
    result.assert_outcomes(passed=2 * len(LIBRARIES))


def test_rerun_of_a_test_begins_with_a_clean_slate(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        attempts = []

        def test_met_at_the_second_attempt(apimart):
            attempts.append(apimart.api_key)
            assert (apimart.uploads, apimart.rules, list(apimart.requests)) == ([], [], [])
            apimart.fail("uploads.create", "rate_limited")
            if len(attempts) > 1:
                assert upload(apimart).status_code == 429
            assert len(set(attempts)) == len(attempts)

        def test_fails_first(apimart):
            attempts.append(apimart.api_key)
            apimart.fail("uploads.create", "rate_limited", times=2)
            assert upload(apimart).status_code == 429
            assert len(attempts) % 2 == 0
        """
    )
    result = run(project, "--reruns", "1", but=("rerunfailures",))
    assert result.parseoutcomes() == {"passed": 2, "rerun": 2}


def test_failure_shows_what_was_sent(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        def test_fails(apimart):
            assert upload(apimart).status_code == 429
        """
    )
    result = run(project)
    result.stdout.fnmatch_lines(
        [
            "*fake-apimart requests*",
            "'test_failure_shows_what_was_sent.py::test_fails': 1 request",
            "    * uploads.create: POST /v1/uploads/images -> 200",
            "* file 'a.png', image/jpeg, * bytes",
        ]
    )


WRONG_CALLS = [
    "apimart.fail('uploads.creat', 'rate_limited')",
    "apimart.fail('uploads.create', times='x')",
    "apimart.requests.wait_for('uploads.create', timeout=0)",
    "apimart.requests.matching(5)",
    "apimart.clock.advance(hours='x')",
    "apimart.rate_limit('often')",
    "apimart.uploads.add(5)",
    "apimart.uploads.add(b'', filename='a.png')",
    "apimart.balance('x')",
    "apimart.env.setenv(5)",
    "apimart.transport",
    "FakeAPIMart('nowhere').clock.now",
    "FakeAPIMart('http://127.0.0.1:1').clock.now",
    "FakeAPIMart(label='\\n')",
]


def test_traceback_ends_where_the_test_called(project: pytest.Pytester) -> None:
    tests = [f"def test_{number}(apimart):\n    {call}" for number, call in enumerate(WRONG_CALLS)]
    project.makepyfile(
        "\n".join(["from fake_apimart_testing import FakeAPIMart", *tests]),
    )
    result = run(project)
    result.assert_outcomes(failed=len(WRONG_CALLS))
    result.stdout.no_fnmatch_line("*fake_apimart_testing/*.py:*")
    result.stdout.no_fnmatch_line("*http/client.py*")
    for call in WRONG_CALLS:
        assert f">       {call}" in str(result.stdout)


def test_server_that_ends_meanwhile_is_named(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_kills_it(apimart_server):
            process = apimart_server._child._process
            process.kill()
            process.wait()

        def test_comes_later(apimart):
            pass
        """
    )
    result = run(project)
    result.assert_outcomes(passed=1, errors=1)
    ended = "the server has ended by itself, with status *: no log"
    result.stdout.fnmatch_lines([ended, "*= fake-apimart server =*", ended])
    result.stdout.no_fnmatch_line("*.py:*: ControlError")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer: *"),
        ("127.0.0.1:1", "'127.0.0.1:1' is no URL of a server, such as http://127.0.0.1:8080"),
    ],
)
def test_url_without_a_server_is_named_in_a_line(
    url: str, reason: str, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APIMART_URL", url)
    project.makepyfile("def test_it(apimart): pass")
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR at setup of test_it*", reason])


def test_failure_of_a_fixture_shows_what_was_sent_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        @pytest.fixture
        def uploaded(apimart):
            assert upload(apimart).status_code == 429

        def test_fails(uploaded):
            pass
        """
    )
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fake-apimart requests*", "*POST /v1/uploads/images -> 200"])


def test_world_is_called_what_its_test_is(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_labels="""
        import urllib.request

        from helpers import *
        from fake_apimart_testing import FakeAPIMart

        class TestClass:
            def test_world(self, class_apimart, module_apimart, session_apimart, apimart):
                worlds = urllib.request.urlopen(f"{apimart.base_url}/_fake/worlds").read()
                assert f'"label":"{apimart.label}"'.encode() in worlds
                assert apimart.label == "test_labels.py::TestClass::test_world"
                assert class_apimart.label == "test_labels.py::TestClass"
                assert module_apimart.label == "test_labels.py"
                assert session_apimart.label == "session"

        @pytest.mark.parametrize("number", ["x" * 300, "a\\nb"])
        def test_long(apimart, number):
            assert apimart.label.startswith("test_labels.py::test_long[")
            assert apimart.label.endswith("]")
            assert len(apimart.label) <= 200
            assert repr(apimart).startswith(f"<FakeAPIMart {apimart.label!r} at http://")
        """
    )
    run(project).assert_outcomes(passed=3)


@WORKERS
def test_server_that_runs_elsewhere_is_used_and_left_running(
    workers: tuple[str, ...], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        helpers=UPLOAD.format(form=form(JPEG), url_log=str(pytester.path / "urls.txt")),
        test_it="""
        import os
        from helpers import *

        def test_it(apimart):
            assert apimart.base_url == os.environ["FAKE_APIMART_URL"]
            assert upload(apimart).status_code == 200
        """,
    )
    pytester.syspathinsert()
    with ServerProcess("--storage", "memory://") as process:
        monkeypatch.setenv("FAKE_APIMART_URL", process.url)
        run(pytester, *workers).assert_outcomes(passed=1)
        assert answers(process.url)


def test_run_without_the_fixture_starts_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.startswith("fake_apimart")}
            assert ours == {"fake_apimart_testing", "fake_apimart_testing.pytest_plugin"}
        """
    )
    started = time.monotonic()
    run(project).assert_outcomes(passed=1)
    assert time.monotonic() - started < 30


@WORKERS
def test_server_that_cannot_start_is_an_error_that_says_why(
    workers: tuple[str, ...], project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APIMART_BALANCE", "much")
    project.makepyfile("def test_it(apimart): apimart.uploads")
    result = run(project, *workers)
    assert result.ret != 0
    output = str(result.stdout) + str(result.stderr)
    assert "FAKE_APIMART_BALANCE=much: Input should be a valid number" in output
    assert "Traceback" not in output
    assert "another exception" not in output
    assert not re.search(r"\.py:\d", output)


ENDS = {
    "a test that ends the process": "os._exit(3)",
    "the end of the run": "pytest.exit('enough')",
    "an interrupt": "raise KeyboardInterrupt",
    "a fatal signal": "os.kill(os.getpid(), signal.SIGKILL)",
}


@WORKERS
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_is_left_running(
    end: str, workers: tuple[str, ...], project: pytest.Pytester, url_log: Path
) -> None:
    project.makepyfile(
        f"""
        import os, signal
        from helpers import *

        def test_it(apimart):
            assert upload(apimart).status_code == 200
            {end}
        """
    )
    result = run(project, *workers)
    assert result.ret != 0
    assert len(servers(url_log)) == 1
    assert "Warning" not in str(result.stderr)


@WORKERS
@pytest.mark.usefixtures("unmeasured")
def test_nothing_is_left_running_once_the_run_was_killed(
    workers: tuple[str, ...], project: pytest.Pytester, url_log: Path
) -> None:
    project.makepyfile(
        """
        import time
        from helpers import *

        def test_it(apimart):
            assert upload(apimart).status_code == 200
            time.sleep(60)
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", *without_plugins(), *workers]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as running:
        wait_until(lambda: servers(url_log), "the test ran")
        (url,) = servers(url_log)
        wait_until(lambda: answers(url), "the server answers")
        running.kill()
        running.wait()
        wait_until(lambda: not answers(url), "the server ended")
        if workers:
            # Workers of pytest-xdist notice this only after their test has ended.
            os.killpg(running.pid, signal.SIGKILL)


def test_fixtures_are_listed_with_what_they_are_for(pytester: pytest.Pytester) -> None:
    listed = run(pytester, "--fixtures")
    listed.stdout.fnmatch_lines(["apimart -- *", "*Provide a fresh world:*"])


def test_wider_scopes_share_a_world(project: pytest.Pytester) -> None:
    shared = """
        from helpers import *

        class TestOne:
            def test_first(self, class_apimart, module_apimart, session_apimart):
                for world in (class_apimart, module_apimart, session_apimart):
                    upload(world)

            def test_second(self, class_apimart):
                assert len(class_apimart.uploads) == 1

        def test_other_class(class_apimart, module_apimart):
            assert (len(class_apimart.uploads), len(module_apimart.uploads)) == (0, 1)

        def test_session(session_apimart):
            assert len(session_apimart.uploads) == {count}
    """
    project.makepyfile(test_a=shared.format(count=1), test_b=shared.format(count=2))
    run(project).assert_outcomes(passed=8)


def test_rule_of_a_wider_scope_must_be_met_until_its_end(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        class TestMet:
            def test_first(self, class_apimart):
                class_apimart.fail("uploads.create", "rate_limited")

            def test_second(self, class_apimart):
                assert upload(class_apimart).status_code == 429

        class TestUnmet:
            def test_it(self, class_apimart):
                class_apimart.fail("uploads.create", "rate_limited")
        """
    )
    result = run(project)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of TestUnmet.test_it*"])


def test_failure_shows_what_was_sent_to_a_shared_world(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from helpers import *

        def test_it(module_apimart):
            upload(module_apimart)
            assert False
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fake-apimart requests*", "*POST /v1/uploads/images*"])


def test_world_of_a_unittest_test_case(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import unittest
        from helpers import *
        from fake_apimart_testing import FakeAPIMart, Server

        class Uploads(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.server = cls.enterClassContext(Server())

            def setUp(self):
                self.apimart = self.enterContext(FakeAPIMart(self.server.url))

            def test_upload(self):
                self.assertEqual(upload(self.apimart).status_code, 200)

            def test_rule_that_nobody_met(self):
                self.apimart.fail("uploads.create", "rate_limited")

        class ByTheFixture(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _world(self, apimart):
                self.apimart = apimart

            def test_upload(self):
                self.assertEqual(upload(self.apimart).status_code, 200)
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2, failed=1)
    assert "Warning" not in str(result.stderr)
