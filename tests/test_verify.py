"""The command `verify`: what it runs, what it says, and the statuses that it exits with."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from fake_apimart.cases.case import Behaviour, Case
from fake_apimart.cases.matching import Difference
from fake_apimart.cases.reading import case_files
from fake_apimart.cases.source import Source
from fake_apimart.client.connection import Place
from fake_apimart.client.receiver import Receiver
from fake_apimart.reports.junit import junit_report
from fake_apimart.reports.terminal import print_report
from fake_apimart.settings.settings import Settings
from fake_apimart.targets.foreign import ServicePace
from fake_apimart.targets.own_servers import OwnServers
from fake_apimart.targets.selection import stores
from fake_apimart.targets.target import Target
from fake_apimart.verify.results import Check, Result, State
from fake_apimart.verify.run_case import Run
from fake_apimart.verify.verification import chosen, run_cases
from fake_apimart.verify.wire import Wire
from rich.console import Console

from tests.harness import ServerThread
from tests.service_proxy import ServiceProxy
from tests.stores import Store

pytestmark = pytest.mark.subprocess

KEY = "sk-live-0123456789abcdef"


def verify(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command, on 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", "verify", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", **(env or {})},
    )


def run_all(storage: str, dialect: str) -> list[Result]:
    results = chosen(case_files())
    with OwnServers(storage, dialect) as own, Receiver() as receiver:
        run_cases(results, own.target_for, receiver, lambda _: None)
    return results


def broken(results: list[Result]) -> dict[str, list[Difference]]:
    """Return what is broken, in a form that an assertion shows well."""
    return {
        each.name: [found for check in each.checks for found in check.differences]
        for each in results
        if each.state is not State.HELD
    }


@pytest.fixture
def service(server: ServerThread) -> Iterator[ServiceProxy]:
    """Give what looks like the real service from outside: no control API, further headers."""
    with ServiceProxy(server.address) as proxy:
        yield proxy


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_every_case_holds_in_memory(dialect: str) -> None:
    assert broken(run_all("memory://", dialect)) == {}


def test_every_case_holds_in_a_folder_and_leaves_nothing_there(tmp_path: Path) -> None:
    assert broken(run_all(f"dir:{tmp_path}", "page")) == {}
    assert [path for path in tmp_path.rglob("image/*") if path.is_file()] == []


def test_every_case_holds_on_s3(
    minio_store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in minio_store.env.items():
        monkeypatch.setenv(name, value)
    assert broken(run_all(f"s3://{bucket}/cases", "page")) == {}
    assert [key for key in minio_store.keys(bucket) if "/image/" in key] == []


def test_all_that_holds_ends_with_status_0_and_fits_80_columns() -> None:
    ran = verify("--only", "uploads.create/png")
    assert ran.returncode == 0, ran.stderr
    assert "1 cases: 1 held, 0 broken, 0 not run" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_what_is_broken_ends_with_status_1_and_is_shown(server: ServerThread) -> None:
    with ServiceProxy(server.address, change=(b'"bytes":', b'"size":')) as proxy:
        ran = verify("--target", proxy.url, "--api-key", KEY, "--only", "create/png", "--yes")
    assert ran.returncode == 1
    assert "broken uploads.create/png" in ran.stdout
    assert "body.bytes" in ran.stdout
    assert "    - 315" in ran.stdout
    assert "    + nothing" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "http://127.0.0.1:1"), "cannot connect to 127.0.0.1:1"),
        (("--target", "127.0.0.1:8080"), "expected http://HOST or https://HOST"),
        (("--target", "http://user:secret@x"), "expected neither a user"),
        (("--only", "no such case"), "no case is named so: no such case"),
        (("--callback-host", "192.0.2.1"), "--callback-host 192.0.2.1: cannot listen there"),
        (("--against", "/nowhere"), "/nowhere is no folder"),
    ],
)
def test_what_cannot_run_ends_with_status_2_and_one_line(
    arguments: tuple[str, ...], said: str
) -> None:
    ran = verify(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stdout == ""


def test_reports_for_programs_say_the_same(tmp_path: Path) -> None:
    as_json, as_xml = tmp_path / "report.json", tmp_path / "report.xml"
    verify("--only", "uploads.create/png", "--json", str(as_json), "--junit", str(as_xml))
    report = json.loads(as_json.read_text())
    assert report["cases"] == {"held": 1, "broken": 0, "not_run": 0}
    assert [each["case"] for each in report["results"]] == ["png"]
    suite = ET.parse(as_xml).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "uploads.create",
        "1",
        "0",
    )


def test_a_report_that_cannot_be_written_ends_with_status_2(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "report.json"
    ran = verify("--only", "uploads.create/png", "--json", str(missing))
    assert ran.returncode == 2
    assert f"cannot write {missing}" in ran.stderr


def test_a_running_fake_is_used_in_worlds_of_the_runs_own(server: ServerThread) -> None:
    ran = verify("--target", server.url, "--only", "every_answer/wire-")
    assert ran.returncode == 0, ran.stdout
    assert "0 broken" in ran.stdout
    # The keys that are refused need a server with a setting of its own.
    assert "needs a server with FAKE_APIMART_API_KEYS=sk-goodkey" in ran.stdout


def test_a_prefix_of_the_target_stands_before_each_path(server: ServerThread) -> None:
    with ServiceProxy(server.address, prefix=b"/apimart") as proxy:
        ran = verify("--target", f"{proxy.url}/apimart", "--only", "every_answer/unknown-path")
    assert "0 broken" in ran.stdout
    assert proxy.requests[-1].startswith(b"GET /apimart/v1/")


def test_without_a_key_only_what_needs_none_is_sent(service: ServiceProxy) -> None:
    ran = verify("--target", service.url, "--only", "balance.get/", "--only", "keys/unknown")
    assert "needs --api-key" in ran.stdout
    assert not any(b"sk-fake" in request for request in service.requests)


def test_uploads_are_not_sent_to_the_service_unless_agreed_to(service: ServiceProxy) -> None:
    ran = verify("--target", service.url, "--api-key", KEY, "--only", "uploads.create/png")
    assert "uploads a file, which was not agreed to: --yes" in ran.stdout
    assert ran.returncode == 2
    assert not any(request.startswith(b"POST") for request in service.requests)


def test_tasks_are_not_created_at_the_service_unless_paid_for(service: ServiceProxy) -> None:
    verify("--target", service.url, "--api-key", KEY, "--only", "generations.create/", "--yes")
    created = b"POST /v1/images/generations"
    keyed = [each for each in service.requests if each.startswith(created) and KEY.encode() in each]
    assert keyed == []


def test_control_calls_are_not_sent_to_the_service(service: ServiceProxy) -> None:
    verify("--target", service.url, "--api-key", KEY, "--only", "tasks.batch", "--spend", "--yes")
    changing = [each for each in service.requests if b" /_fake/" in each and b"GET" not in each[:4]]
    assert changing == []


def test_the_key_is_in_no_output(server: ServerThread, tmp_path: Path) -> None:
    as_json, as_xml = tmp_path / "report.json", tmp_path / "report.xml"
    reports = ("--json", str(as_json), "--junit", str(as_xml))
    # The service says the key in place of the name of the file.
    with ServiceProxy(server.address, change=(b"photo.png", KEY.encode())) as proxy:
        only = ("--only", "uploads.create/png", "--yes")
        ran = verify("--target", proxy.url, *only, *reports, env={"APIMART_API_KEY": KEY})
        recorded = subprocess.run(
            [
                *(sys.executable, "-m", "fake_apimart", "record", "--target", proxy.url, *only),
                *("--out", str(tmp_path / "snapshots"), "--api-key", KEY),
            ],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert any(KEY.encode() in request for request in proxy.requests)
    assert ran.returncode == 1
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3
    outputs = [ran.stdout.encode(), ran.stderr.encode(), recorded.stdout, recorded.stderr, *written]
    assert not any(KEY.encode() in output for output in outputs)


def test_the_service_is_asked_twice_a_second_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    pace = ServicePace()
    for _ in range(4):
        pace.wait()
    assert slept == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7", 7), ("600", 60), (None, 5), ("soon", 5), ("-1", 5)]
)
def test_a_429_is_waited_for(
    retry_after: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    assert ServicePace().back_off(retry_after, 1)
    assert slept == [seconds]


def test_a_429_that_stays_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    pace = ServicePace()
    # Those of an earlier request do not count.
    assert pace.back_off("1", 1)
    assert [pace.back_off("1", tries) for tries in (1, 2, 3, 4)] == [True, True, True, False]


def test_reports_show_whatever_a_server_says() -> None:
    result = chosen(case_files(), ["uploads.create/png"])[0]
    odd = "[red]\x1b[2J\x00\ud800\ufffe</failure>"
    result.checks.append(Check(1, Source("page"), [Difference(f"body.{odd}", "x", odd)]))
    root = ET.fromstring(junit_report([result], "2026-11-26T00:00:00+00:00"))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert "</failure>" in (failure.text or "")
    shown = io.StringIO()
    print_report(Console(width=80, file=shown), [result], 1.0)
    assert "[red]" in shown.getvalue()
    assert "\x1b" not in shown.getvalue()


@pytest.mark.parametrize(
    "request_of_it",
    [
        {"method": "POST", "path": "//v1//uploads//images"},
        {"method": "POST", "path": "/V1/Uploads/Images"},
        {"method": "PUT", "path": "/v1/uploads/images"},
        {"method": "POST", "path": "/v1/uploads/images?key={key}", "key": None},
        {"raw": ["POST http://{host}/v1/uploads/images HTTP/1.1", "", ""]},
        {"raw": ["PUT  //v1/uploads/images HTTP/1.1", "", ""]},
    ],
)
def test_whatever_another_server_could_take_as_an_upload_counts_as_one(
    request_of_it: dict[str, object],
) -> None:
    case = Case.model_validate({"name": "a", "request": request_of_it})
    assert stores(case)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_asks_is_no_upload(method: str) -> None:
    request = {"method": method, "path": "/v1/uploads/images"}
    assert not stores(Case.model_validate({"name": "a", "request": request}))


@pytest.mark.parametrize(
    "url",
    ["http://[::1/f", "http://a:99999/f", "http://me@a/f", "http://a..b/f", "{place}/\ud800"],
)
def test_a_url_that_cannot_be_asked_breaks_its_case_alone(url: str) -> None:
    case = Case.model_validate({"name": "a", "request": {"path": "{url}", "key": None}})
    result = Result("a", Behaviour(says="", cases=(case,)), case)
    place = Place.of("http://127.0.0.1:9")
    wire = Wire(Target(place, str, has_control=False, is_exact=False, seconds=1), None)
    Run(result, wire, {"url": url.replace("{place}", place.base)}, is_exact=False).run()
    assert result.state is State.BROKEN


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/elsewhere", {}),
        ("*", {}),
        ("/known", {"Content-Length": "-1"}),
        ("/known", {"Content-Length": "99999999999"}),
    ],
)
def test_a_callback_that_no_case_has_asked_for_is_refused(
    path: str, headers: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with Receiver() as receiver:
        parts = urlsplit(receiver.url_of("known"))
        connection = HTTPConnection(parts.netloc)
        connection.putrequest("POST", path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 400
        connection.close()
    assert capfd.readouterr().err == ""


def test_a_server_that_calls_itself_a_fake_gets_no_pictures_unasked() -> None:
    with ServerThread(Settings(port=0, storage="memory://", control=False)) as closed:
        ran = verify("--target", closed.url, "--api-key", KEY, "--only", "uploads.create/png")
    assert "uploads a file, which was not agreed to" in ran.stdout
    assert ran.returncode == 2
