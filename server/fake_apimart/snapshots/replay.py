"""Holds recorded answers against a case, as if they came now."""

from __future__ import annotations

from collections.abc import Iterator

from fake_apimart.cases.case import Behaviour, Case, Expectation, Request, Step
from fake_apimart.cases.placeholders import Names
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import NoAnswer
from fake_apimart.snapshots.snapshot import RecordedAnswer, Snapshot
from fake_apimart.verify.results import Result
from fake_apimart.verify.run_case import Run

# Relations are about values that a body has given.
_OF_BODIES = ("json", "text", "body", "relations")


class Replay:
    """Gives the answers of a snapshot, one after the other."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._answers: Iterator[RecordedAnswer] = iter(snapshot.answers)

    def answer(self, step: Step, names: Names) -> Answer | None:
        """Return the next recorded answer. Raises NoAnswer where the snapshot has none."""
        del step
        recorded = next(self._answers, None)
        if recorded is None:
            raise NoAnswer("the snapshot has no answer to this step")
        names.update(path=recorded.path, sent=recorded.sent, answered=recorded.answered)
        return recorded.to_answer()

    def control(self, request: Request, names: Names) -> None:
        """Do nothing: what it did is in the answers."""


def replayed(snapshot: Snapshot, case: Case) -> Result:
    """Return what comes of a case with the answers of a snapshot."""
    cut = {each.step for each in snapshot.answers if not each.is_whole}
    steps = [_to_replay(step, number in cut) for number, step in enumerate(case.steps, 1)]
    case = case.model_copy(update={"steps": tuple(steps)})
    result = Result(snapshot.operation, Behaviour(says="", cases=(case,)), case)
    Run(result, Replay(snapshot), dict(snapshot.names), is_exact=False).run()
    return result


def _to_replay(step: Step, is_cut: bool) -> Step:
    """Return a step without its pause, and without what is expected of a body that was cut."""
    expect = step.expect
    if is_cut:
        expect = tuple(_without_body(each) for each in expect)
    return step.model_copy(update={"pause": 0.0, "expect": expect})


def _without_body(expected: Expectation) -> Expectation:
    said = expected.model_dump(by_alias=True, exclude_unset=True)
    return Expectation.model_validate({k: v for k, v in said.items() if k not in _OF_BODIES})
