"""Runs a case: its steps, one after the other, each with what is expected of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from fake_apimart.cases.case import Expectation, Request, Step
from fake_apimart.cases.matching import Difference
from fake_apimart.cases.placeholders import Names
from fake_apimart.cases.reading import frames
from fake_apimart.cases.source import Source
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import CutAnswer, NoAnswer
from fake_apimart.common.redaction import REDACTED
from fake_apimart.net_http.status_text import status_text
from fake_apimart.verify.judging import judge, judge_names
from fake_apimart.verify.results import Check, Received, Result, State


class Answers(Protocol):
    """Where answers come from."""

    def answer(self, step: Step, names: Names) -> Answer | None:
        """Return the answer to a step; None for a connection that ended. Raises NoAnswer."""

    def control(self, request: Request, names: Names) -> None:
        """Call the control API. Raises NoAnswer where it refuses."""


class Run:
    """A case that is being run; `names` has the values that are there from the start.

    `is_exact` says that nobody in between adds headers; `secret` is shown nowhere.
    """

    def __init__(
        self, result: Result, answers: Answers, names: Names, *, is_exact: bool, secret: str = ""
    ) -> None:
        self._result = result
        self._answers = answers
        self._names = names
        self._is_exact = is_exact
        self._secret = secret

    def run(self) -> None:
        """Run the steps until one is broken, since later ones build on it."""
        began = time.monotonic()
        for number, step in enumerate(self._result.case.steps, 1):
            for _ in range(1 if step.at_once else step.times):
                time.sleep(step.pause)
                self._step(number, step)
                if self._result.state is State.BROKEN:
                    break
            if self._result.state is State.BROKEN:
                break
        self._result.seconds = time.monotonic() - began

    def _step(self, number: int, step: Step) -> None:
        try:
            if step.control is not None:
                self._answers.control(step.control, self._names)
            elif step.request is not None or step.callback:
                for answer in self._answers_to(step):
                    self._hold(number, step, answer)
        except (NoAnswer, ValueError, LookupError, OSError, RecursionError) as error:
            # What an answer or a snapshot says, of which requests are made, may be anything.
            cut = [each.source for each in step.expect if each.cut]
            if cut and isinstance(error, CutAnswer):
                self._check(number, cut[0], [])
                return
            source = step.expect[0].source if step.expect else Source("assumed")
            self._check(number, source, [Difference("answer", "an answer", str(error))])

    def _answers_to(self, step: Step) -> Sequence[Answer | None]:
        if not step.at_once:
            return [self._answers.answer(step, self._names)]
        with ThreadPoolExecutor(step.times) as threads:
            asked = [
                threads.submit(self._answers.answer, step, self._names) for _ in range(step.times)
            ]
            return [each.result() for each in asked]

    def _hold(self, number: int, step: Step, answer: Answer | None) -> None:
        names = self._names
        received = Received(number, str(names.get("path", "")), answer)
        received.times = (int(names.get("sent", 0)), int(names.get("answered", 0)))
        self._result.received.append(received)
        # Each answer has its own, which its body repeats.
        names.pop("rid", None)
        names["status_text"] = "" if answer is None else status_text(answer.status)
        expected = [*step.expect, *self._frame(step)]
        for each in expected:
            found = judge(each, answer, names)
            if each.only_headers is not None and self._is_exact:
                found += judge_names(expected, each, answer)
            self._check(number, each.source, found)

    def _check(self, number: int, source: Source, found: Sequence[Difference]) -> None:
        if self._secret:
            # An answer may repeat it.
            found = [
                Difference(*(text.replace(self._secret, REDACTED) for text in each))
                for each in found
            ]
        self._result.checks.append(Check(number, source, found))

    def _frame(self, step: Step) -> Sequence[Expectation]:
        """Return what is expected of every such answer."""
        if step.callback or step.frame == "none" or any(each.silent for each in step.expect):
            return ()
        if step.frame is not None:
            return frames()[step.frame].expect
        path = str(self._names["path"])
        found = (each for each in frames().values() if path.startswith(each.paths or ("?",)))
        return next((each.expect for each in found), frames()["api"].expect)
