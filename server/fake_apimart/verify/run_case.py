"""Runs a case: its steps, one after the other, each with what is expected of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from fake_apimart.cases.case import Expectation, Request, Step
from fake_apimart.cases.matching import Difference, differences
from fake_apimart.cases.placeholders import Names
from fake_apimart.cases.reading import frames
from fake_apimart.cases.source import Source
from fake_apimart.common.redaction import REDACTED
from fake_apimart.verify.answer import Answer
from fake_apimart.verify.connection import NoAnswer, ask
from fake_apimart.verify.judging import judge, judge_names
from fake_apimart.verify.receiver import Receiver
from fake_apimart.verify.request_bytes import bytes_of_request, target_of
from fake_apimart.verify.results import Check, Result, State
from fake_apimart.verify.target import Target

_OK = range(200, 300)
_TOO_MANY = 429
_UNTIL_SECONDS = 300.0
"""How long to ask again at the most; a fake is asked for as long as a read may take."""


class Run:
    """A case that is being run against a target."""

    def __init__(self, result: Result, target: Target, receiver: Receiver | None) -> None:
        self._result = result
        self._target = target
        self._receiver = receiver
        self._names: Names = {
            "key": target.key(),
            "base": target.place.base,
            "host": target.place.authority,
            "unique": secrets.token_hex(8),
        }
        if receiver is not None:
            self._names["receiver"] = receiver.url_of(str(self._names["unique"]))

    def run(self) -> None:
        """Run the steps until one is broken, since later ones build on it."""
        began = time.monotonic()
        for number, step in enumerate(self._result.case.steps, 1):
            self._step(number, step)
            if self._result.state is State.BROKEN:
                break
        self._result.seconds = time.monotonic() - began

    def _step(self, number: int, step: Step) -> None:
        time.sleep(step.pause)
        try:
            if step.control is not None:
                self._control(step.control)
            elif step.request is not None or step.callback:
                self._hold(number, step, self._answer(step))
        except NoAnswer as error:
            source = step.expect[0].source if step.expect else Source("assumed")
            missing = Difference("answer", "an answer", str(error))
            self._result.checks.append(Check(number, source, self._shown([missing])))

    def _control(self, request: Request) -> None:
        answer = self._ask(request)
        if answer is None or answer.status not in _OK:
            said = "nothing" if answer is None else f"{answer.status} {answer.body[:200]!r}"
            raise NoAnswer(f"{request.method} {request.path} was answered {said}")

    def _answer(self, step: Step) -> Answer | None:
        if step.request is None:
            assert self._receiver is not None
            return self._receiver.next_of(str(self._names["unique"]), self._target.seconds)
        linger = any(each.connection for each in step.expect)
        once_sent = self._target.terminate if step.terminate else None
        answer = self._ask(step.request, linger=linger, once_sent=once_sent)
        if step.until is None:
            return answer
        end = time.monotonic() + _UNTIL_SECONDS
        while time.monotonic() < end and not self._is_so(step, answer):
            time.sleep(self._target.poll_seconds)
            answer = self._ask(step.request, linger=linger)
        return answer

    def _is_so(self, step: Step, answer: Answer | None) -> bool:
        try:
            body = None if answer is None else answer.json()
        except ValueError:
            return False
        return not any(differences(step.until, body, dict(self._names), "body"))

    def _ask(
        self,
        request: Request,
        *,
        linger: bool = False,
        once_sent: Callable[[], None] | None = None,
    ) -> Answer | None:
        target, pace = self._target, self._target.pace
        data = bytes_of_request(request, target.place, self._names)
        self._names["path"] = target_of(request, self._names)
        while True:
            if pace is not None:
                pace.wait()
            self._names["sent"] = int(time.time() + target.skew)
            answer = ask(
                target.place,
                data,
                target.seconds,
                half_close=request.half_close,
                linger=linger,
                once_sent=once_sent,
            )
            self._names["answered"] = int(time.time() + target.skew) + 1
            if pace is None or answer is None or answer.status != _TOO_MANY:
                return answer
            if not pace.back_off(answer.header("retry-after")):
                return answer

    def _hold(self, number: int, step: Step, answer: Answer | None) -> None:
        if answer is not None:
            self._result.answers.append(answer)
        # Each answer has its own, which its body repeats.
        self._names.pop("rid", None)
        expected = [*step.expect, *self._frame(step)]
        for each in expected:
            found = judge(each, answer, self._names)
            if each.only_headers is not None and self._target.is_exact:
                found += judge_names(expected, each, answer)
            self._result.checks.append(Check(number, each.source, self._shown(found)))

    def _shown(self, found: Sequence[Difference]) -> Sequence[Difference]:
        """Return differences without the secret that an answer may repeat."""
        secret = self._target.secret
        if not secret:
            return found
        return [Difference(*(text.replace(secret, REDACTED) for text in each)) for each in found]

    def _frame(self, step: Step) -> Sequence[Expectation]:
        """Return what is expected of every such answer."""
        if step.callback or step.frame == "none" or any(each.silent for each in step.expect):
            return ()
        if step.frame is not None:
            return frames()[step.frame].expect
        path = str(self._names["path"])
        found = (each for each in frames().values() if path.startswith(each.paths or ("?",)))
        return next((each.expect for each in found), frames()["api"].expect)
