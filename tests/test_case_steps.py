"""Steps that are repeated, callbacks that come or do not, and the times that ids of tasks hold."""

from __future__ import annotations

import threading

import httpx
import pytest
from fake_apimart.cases.case import Case, Step
from fake_apimart.cases.placeholders import Names
from fake_apimart.cases.relations import holds
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import Place
from fake_apimart.client.receiver import Receiver
from fake_apimart.targets.target import Target
from fake_apimart.verify.results import Result, State
from fake_apimart.verify.run_case import Run
from fake_apimart.verify.wire import Wire


class Counting:
    """Answers with how many requests came, once `together` of them are there."""

    def __init__(self, together: int = 1) -> None:
        self.count = 0
        self._barrier = threading.Barrier(together, timeout=10)
        self._lock = threading.Lock()

    def answer(self, step: Step, names: Names) -> Answer | None:
        self._barrier.wait()
        names["path"] = "/"
        with self._lock:
            self.count += 1
            return Answer(200, "OK", (), b"%d" % self.count, is_open=True)

    def control(self, *_: object) -> None:
        raise AssertionError


def run(answers: Counting | Wire, **step: object) -> Result:
    case = Case.model_validate({"name": "a", "frame": "none", **step})
    result = Result("a", None, case)  # type: ignore[arg-type]
    Run(result, answers, {"unique": "u"}, is_exact=True).run()
    return result


def test_step_is_repeated_until_it_is_broken() -> None:
    answers = Counting()
    expect = [{"source": "go", "json": {"<one of>": [1, 2]}}]
    result = run(answers, request={}, times=5, expect=expect)
    assert (answers.count, result.state) == (3, State.BROKEN)


def test_requests_are_sent_at_once() -> None:
    answers = Counting(together=4)
    result = run(answers, request={}, times=4, at_once=True, expect=[{"source": "go"}])
    assert (len(result.received), result.state) == (4, State.HELD)


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("", [204, 204]),
        ("/500/503", [500, 503, 204]),
        ("/5000/199/600/x500", [204]),
        ("/closed/404", [None, 404, 204]),
    ],
)
def test_receiver_answers_as_its_path_says(path: str, statuses: list[int | None]) -> None:
    with Receiver() as receiver:
        url = f"{receiver.url_of('u')}{path}/callback"
        for status in statuses:
            if status is None:
                with pytest.raises(httpx.RemoteProtocolError):
                    httpx.post(url, content=b"{}")
            else:
                assert httpx.post(url, content=b"{}").status_code == status
            received = receiver.next_of("u", 1)
            assert received is not None
            assert received.body == b"{}"


@pytest.mark.parametrize("comes", [True, False])
def test_silence_is_expected_of_callbacks(comes: bool) -> None:
    with Receiver() as receiver:
        place = Place.of("http://127.0.0.1:1")
        target = Target(place, lambda: "", has_control=True, is_exact=True, seconds=1)
        if comes:
            httpx.get(f"{receiver.url_of('u')}/callback")
        silent = {"callback": True, "expect": [{"source": "go", "silent": True}]}
        result = run(Wire(target, receiver), **silent)
        assert result.state is (State.BROKEN if comes else State.HELD)


def test_id_of_a_task_holds_a_time() -> None:
    names = {"id": "task_01KT48E134GCG3W870HKHPVMNA", "at": 1_780_407_010}
    assert holds("ulid_ms(id) // 1000 == at", names)
    assert not holds("ulid_ms(id) == at", names)
    with pytest.raises(ValueError, match="no id of a task"):
        holds("ulid_ms(at) == at", names)
