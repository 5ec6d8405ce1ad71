"""The soak test finds what it is for: its ledger and rules, and a run on a server that loses."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from soak.disturbances import limited
from soak.load.fuzzer import mutated, recorded_requests
from soak.load.picture import KINDS, Picture
from soak.record import gauges
from soak.record.findings import Findings
from soak.record.growth import growth_of
from soak.record.incidents import AFTERMATH_SECONDS, Incidents
from soak.record.ledger import StoredFile, Task, World
from soak.server_log import ServerLog
from tests.harness import DEADLINE_SECONDS, wait_until

RUN_SECONDS = 60
PICTURE = Picture(7, 2_000, "png")
COMPLETED: dict[str, object] = {
    "id": "t",
    "status": "completed",
    "result": {"images": [{"expires_at": 1, "url": ["http://127.0.0.1:1/f/image/a.png"]}]},
}


def _world() -> World:
    task = Task("t", "a cat", None)
    return World("key", files=[StoredFile(PICTURE, "/f/image/x", 1)], tasks={"t": task})


@pytest.mark.parametrize(
    ("samples", "noise", "is_too_much"),
    [
        ([100.0] * 30, 0.0, False),
        ([50.0] * 10 + [100.0] * 20, 0.0, False),
        ([100.0] * 20 + [104.0] * 10, 0.0, False),
        ([100.0] * 20 + [106.0] * 10, 0.0, True),
        ([100.0] * 20 + [106.0] * 10, 10.0, False),
        ([100.0 + number for number in range(90)], 10.0, True),
        ([100.0] * 20 + [900.0, *[100.0] * 9], 0.0, False),
        ([100.0] * 20 + [10.0] * 10, 0.0, False),
    ],
)
def test_growth_is_a_last_third_above_the_second(
    samples: list[float], noise: float, is_too_much: bool
) -> None:
    assert growth_of("memory", samples, noise).is_too_much is is_too_much


def test_few_samples_say_nothing_of_growth() -> None:
    with pytest.raises(ValueError, match="8 samples"):
        growth_of("memory", [1.0] * 8)


@pytest.mark.parametrize(
    ("listed", "kinds"),
    [
        ([PICTURE.name], []),
        ([], ["lost"]),
        ([PICTURE.name, "refused.png"], ["ghost"]),
        ([PICTURE.name, "doubtful.png"], []),
        ([PICTURE.name, PICTURE.name], ["ghost"]),
        (["refused.png"], ["lost", "ghost"]),
    ],
)
def test_list_of_files_is_what_was_acknowledged(listed: list[str], kinds: list[str]) -> None:
    world = _world()
    world.doubtful_names.add("doubtful.png")
    assert [kind for kind, _ in world.problems_of_names(listed)] == kinds


@pytest.mark.parametrize(
    ("listed", "kinds"),
    [
        (["a cat"], []),
        ([], ["lost"]),
        (["a cat", "refused"], ["ghost"]),
        (["a cat"] * 2, ["ghost"]),
    ],
)
def test_list_of_tasks_is_what_was_acknowledged(listed: list[str], kinds: list[str]) -> None:
    assert [kind for kind, _ in _world().problems_of_prompts(listed)] == kinds


@pytest.mark.parametrize(
    "polls",
    [
        [{"id": "t", "status": "processing"}, {"id": "t", "status": "pending"}],
        [{"id": "other", "status": "pending"}],
        [{"id": "t", "status": "failed", "error": {}}],
        [COMPLETED, {"id": "t", "status": "processing"}],
        [COMPLETED, {**COMPLETED, "result": {"images": []}}],
        [{"id": "t"}],
    ],
)
def test_task_that_goes_back_or_changes_is_noticed(polls: list[dict[str, object]]) -> None:
    task = Task("t", "a cat", None)
    *before, last = polls
    assert all(task.advance(each) is None for each in before)
    assert task.advance(last) is not None


def test_task_that_moves_ahead_is_well() -> None:
    task = Task("t", "a cat", None)
    polls: list[dict[str, object]] = [
        {"id": "t", "status": "pending"},
        {"id": "t", "status": "processing"},
        COMPLETED,
        COMPLETED,
    ]
    assert [task.advance(each) for each in polls] == [None] * 4
    assert task.result_paths() == ["/f/image/a.png"]


def test_settings_are_those_acknowledged_last() -> None:
    world = _world()
    world.change_settings({"balance": 5.0})
    assert world.see_settings({"balance": 5.0})
    assert not world.see_settings({})


def test_settings_in_doubt_are_the_old_or_the_new_until_they_are_read() -> None:
    world = _world()
    world.doubt_settings({"balance": 5.0})
    assert world.see_settings({})
    assert not world.see_settings({"balance": 5.0})


def test_doubt_of_the_store_lasts_until_the_next_change() -> None:
    world = _world()
    world.doubt_settings({"balance": 5.0}, of_store=True)
    assert world.see_settings({})
    assert world.see_settings({"balance": 5.0})
    world.change_settings({"balance": 6.0})
    assert world.see_settings({"balance": 6.0})
    assert not world.see_settings({"balance": 5.0})


@pytest.mark.parametrize(
    ("advanced", "in_doubt", "seen_ahead", "is_possible"),
    [
        (60.0, 0.0, 60.0, True),
        (60.0, 0.0, 0.0, False),
        (0.0, 60.0, 0.0, True),
        (0.0, 60.0, 60.0, True),
        (60.0, 60.0, 120.0, True),
        (60.0, 60.0, 0.0, False),
    ],
)
def test_clock_is_as_acknowledged_or_in_doubt(
    advanced: float, in_doubt: float, seen_ahead: float, is_possible: bool
) -> None:
    world = _world()
    world.advance_clock(advanced)
    world.doubt_advance(in_doubt)
    assert world.see_clock(time.time() + seen_ahead, 2.0) is is_possible


def test_disturbance_explains_what_overlaps_with_it_alone() -> None:
    incidents, now = Incidents(), time.monotonic()
    with incidents.during("full disk", frozenset({500})):
        assert incidents.explain_status(500, now, now + 1)
        assert not incidents.explain_status(502, now, now + 1)
        assert not incidents.explain_break(now, now + 1)
    later = time.monotonic() + AFTERMATH_SECONDS + 1
    assert not incidents.explain_status(500, later, later + 1)
    assert not incidents.explain_status(500, now - 9, now - 8)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_have_their_size_and_nothing_in_common_but_their_head(kind: str) -> None:
    smallest = Picture.smallest(kind)
    for size in (smallest, smallest + 1, 20_000):
        contents = {Picture(number, size, kind).content() for number in range(30)}
        assert {len(each) for each in contents} == {size}
        assert len(contents) == 30


def test_fuzzer_keeps_the_keys_of_recorded_requests() -> None:
    rng = random.Random(1)
    keyed = [each for each in recorded_requests() if b"Authorization: Bearer sk-" in each]
    assert len(keyed) > 10
    for request in keyed:
        line = request[request.index(b"Authorization") :].split(b"\n")[0]
        assert all(line in mutated(request, rng) for _ in range(20))


@pytest.mark.parametrize(
    ("lines", "tracebacks"),
    [
        (['2026-11-26 16:56:44,632 INFO 127.0.0.1:1 - "GET / HTTP/1.1" 404'], 0),
        (["2026-11-26 16:56:44,632 ERROR the store is away"], 0),
        (["Traceback (most recent call last):", "  File x", "ValueError: y"], 1),
        (["Traceback (most recent call last):", "  File x"], 1),
        (["Traceback (most recent call last):", "  x", "A: y", "", "Traceback (most recent"], 1),
        (["2026-11-26 16:56:44,632 ERROR x\\nTraceback (most recent call last):\\n File"], 1),
        (["Exception ignored in: <function f>", "OSError: z"], 1),
    ],
)
def test_tracebacks_on_standard_error_are_counted(lines: list[str], tracebacks: int) -> None:
    findings = Findings()
    log = ServerLog(findings)
    for line in lines:
        log.take(line)
    log.end()
    assert findings.counts["traceback"] == tracebacks
    assert findings.total == tracebacks


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="the soak reads /proc")
def test_gauges_count_a_process_and_its_children() -> None:
    code = "import subprocess,sys; subprocess.run(['sleep', '60'])"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            wait_until(lambda: (read := gauges.read(process.pid)) and read.threads == 2, "a child")
            read = gauges.read(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert read is not None
    assert read.memory > 1_000_000
    assert read.descriptors >= 6
    assert gauges.read(process.pid) is None


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are Linux's")
def test_limited_process_writes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for line in sys.stdin:\n"
        "  try: open(sys.argv[1], 'ab', 0).write(b'x'); print('written', flush=True)\n"
        "  except OSError: print('refused', flush=True)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "file")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def write() -> str:
            print(file=process.stdin, flush=True)
            return str(process.stdout and process.stdout.readline()).strip()

        before = write()
        with limited(process.pid):
            during = write()
        assert [before, during, write()] == ["written", "refused", "written"]
        process.stdin.close()


@pytest.fixture
def losing_run(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a short run whose data lies below the folder; yield it with its output file."""
    output = tmp_path / "output.json"
    command = [sys.executable, "-m", "soak", "--minutes", "1", "--storage", "dir"]
    process = subprocess.Popen(
        [*command, "--fail-fast", "--folder", str(tmp_path), "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, output
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="the soak reads /proc")
def test_run_on_a_server_that_loses_files_fails(
    losing_run: tuple[subprocess.Popen[str], Path],
) -> None:
    process, output = losing_run
    folder = output.parent
    _lose_files(folder)
    printed, problems = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 1, printed
    [outcome] = json.loads(output.read_text())
    assert outcome["findings"]["lost"] > 0
    assert "LOST at" in problems
    assert [each.name for each in folder.iterdir()] == [output.name], "it leaves files"


def _lose_files(folder: Path) -> None:
    """Delete every stored picture of the soak's worlds behind the server's back, once."""
    pattern = "soak-*/data/objects/**/*picture-*"
    wait_until(lambda: len(list(folder.glob(pattern))) >= 10, "ten uploads")
    end = time.monotonic() + DEADLINE_SECONDS
    for path in folder.glob(pattern):
        assert time.monotonic() < end
        path.unlink(missing_ok=True)
