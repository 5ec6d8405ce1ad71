"""Answers that come over the wire: requests, calls of the control API, callbacks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from math import inf

from fake_apimart.cases.case import Request, Step
from fake_apimart.cases.matching import differences
from fake_apimart.cases.placeholders import Names
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import NoAnswer, ask
from fake_apimart.client.receiver import Receiver
from fake_apimart.client.request_bytes import bytes_of_request, place_of, target_of
from fake_apimart.targets.target import Target

_OK = range(200, 300)
_TOO_MANY = 429
_UNTIL_SECONDS = 300.0
"""How long to ask again at the most; a fake only for as long as a read may take."""
_SILENCE_SECONDS = 0.3
"""How long no callback has come where none is to come."""


class Wire:
    """Does what the steps of a case say, at a target."""

    def __init__(self, target: Target, receiver: Receiver | None) -> None:
        self._target = target
        self._receiver = receiver

    def answer(self, step: Step, names: Names) -> Answer | None:
        """Return the answer to a step, or None where the connection ends without one.

        `names` gets the step's `path`, and `sent` and `answered`, in Unix seconds by the server's
        clock. Raises NoAnswer.
        """
        if step.request is None:
            return self._callback(step, str(names["unique"]))
        linger = any(each.connection for each in step.expect)
        once_sent = self._target.terminate if step.terminate else None
        answer = self._ask(step.request, names, linger=linger, once_sent=once_sent)
        longest = min(_UNTIL_SECONDS, self._target.seconds if self._target.has_control else inf)
        end = time.monotonic() + longest
        while step.until is not None and time.monotonic() < end and not _is_so(step, answer, names):
            time.sleep(self._target.poll_seconds)
            answer = self._ask(step.request, names, linger=linger)
        return answer

    def _callback(self, step: Step, name: str) -> Answer | None:
        assert self._receiver is not None
        if not any(each.silent for each in step.expect):
            return self._receiver.next_of(name, self._target.seconds)
        try:
            return self._receiver.next_of(name, _SILENCE_SECONDS)
        except NoAnswer:
            return None

    def control(self, request: Request, names: Names) -> None:
        """Call the control API. Raises NoAnswer where it refuses."""
        answer = self._ask(request, names)
        if answer is None or answer.status not in _OK:
            said = "nothing" if answer is None else f"{answer.status} {answer.body[:200]!r}"
            raise NoAnswer(f"{request.method} {request.path} was answered {said}")

    def _ask(
        self,
        request: Request,
        names: Names,
        *,
        linger: bool = False,
        once_sent: Callable[[], None] | None = None,
    ) -> Answer | None:
        target, pace = self._target, self._target.pace
        place = place_of(request, target.place, names)
        if place is not target.place:
            # Whoever answers there is not who the key is for.
            without = {name: text for name, text in request.headers.items() if "{key}" not in text}
            request = request.model_copy(update={"key": None, "headers": without})
        data = bytes_of_request(request, place, names)
        names["path"] = target_of(request, names)
        for tries in itertools.count(1):
            if pace is not None:
                pace.wait()
            names["sent"] = int(time.time() + target.skew)
            answer = ask(
                place,
                data,
                target.seconds,
                pause_before_end=request.pause_before_end,
                half_close=request.half_close,
                linger=linger,
                read_after=request.read_after,
                once_sent=once_sent,
            )
            names["answered"] = int(time.time() + target.skew) + 1
            if pace is None or answer is None or answer.status != _TOO_MANY:
                return answer
            if not pace.back_off(answer.header("retry-after"), tries):
                return answer
        raise AssertionError


def _is_so(step: Step, answer: Answer | None, names: Names) -> bool:
    try:
        body = None if answer is None else answer.json()
    except ValueError:
        return False
    return not any(differences(step.until, body, dict(names), "body"))
