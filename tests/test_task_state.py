"""The state of a task, for any sequence of polls and clock steps."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from fake_apimart.tasks.state import STATES, TRANSITIONS, Polls, TaskState, state_of
from fake_apimart.tasks.task import TASK, Task
from hypothesis import given
from hypothesis import strategies as st

CREATED_MS = 1_743_436_800_250


def task(seconds: float = 0, polls: int = 0, failure: str | None = None) -> Task:
    return Task(
        id="task_01KT48E134GCG3W870HKHPVMNA",
        world="w",
        created_ms=CREATED_MS,
        seconds=seconds,
        polls=polls,
        failure=failure,
        model="m",
        prompt="p",
        seed=None,
        width=16,
        height=16,
        output_format="png",
        image_keys=(),
        reference_keys=(),
        cost=0.1,
        estimated_time=100,
    )


def polled(planned: Task, steps: list[int]) -> list[TaskState]:
    """List the states that polls see; `steps` are the milliseconds between them.

    The state before each poll is that of a listing, which does not count as a poll.
    """
    states, now_ms, so_far, reached = [], CREATED_MS, 0, None
    for step in steps:
        now_ms += step
        states.append(state_of(planned, now_ms, Polls(so_far, reached)))
        if planned.polls and so_far >= planned.polls and reached is None:
            reached = now_ms
        states.append(state_of(planned, now_ms, Polls(so_far, reached)))
        so_far = min(so_far + 1, planned.polls)
    return states


tasks = st.builds(
    task,
    seconds=st.floats(0, 100),
    polls=st.integers(0, 6),
    failure=st.sampled_from([None, "no"]),
)
steps = st.lists(st.integers(0, 40_000), min_size=1, max_size=30)


@given(planned=tasks, steps=steps)
def test_status_never_goes_back(planned: Task, steps: list[int]) -> None:
    states = polled(planned, steps)
    for before, after in pairwise(states):
        assert after.status == before.status or after.status in TRANSITIONS[before.status]


@given(planned=tasks, steps=steps)
def test_progress_never_shrinks_and_is_100_only_at_the_end(planned: Task, steps: list[int]) -> None:
    states = polled(planned, steps)
    assert [state.progress for state in states] == sorted(state.progress for state in states)
    for state in states:
        assert (state.progress == 100) == (state.completed_ms is not None)
        assert (state.status in ("completed", "failed")) == (state.completed_ms is not None)


@given(planned=tasks, steps=steps)
def test_end_does_not_move(planned: Task, steps: list[int]) -> None:
    ends = {state.completed_ms for state in polled(planned, steps)} - {None}
    assert len(ends) <= 1


@given(planned=tasks)
def test_every_task_comes_to_its_end(planned: Task) -> None:
    last = polled(planned, [100_000] * 10)[-1]
    assert last.status == ("completed" if planned.failure is None else "failed")


@given(planned=tasks, steps=steps)
def test_statuses_are_the_vendor_s(planned: Task, steps: list[int]) -> None:
    assert {state.status for state in polled(planned, steps)} <= STATES.keys()


@given(planned=tasks.filter(lambda planned: planned.polls > 0), elapsed_ms=st.integers(0, 200_000))
def test_only_a_poll_ends_a_task_that_is_paced_in_polls(planned: Task, elapsed_ms: int) -> None:
    state = state_of(planned, CREATED_MS + elapsed_ms, Polls(planned.polls))
    assert state.status in ("pending", "processing")
    assert state.completed_ms is None
    assert state.progress <= 99


@pytest.mark.parametrize(
    ("so_far", "state"),
    [
        (0, TaskState("pending", 0)),
        (1, TaskState("processing", 33)),
        (2, TaskState("processing", 66)),
        (3, TaskState("processing", 99)),
    ],
)
def test_progress_of_a_task_that_is_paced_in_polls_waits_for_the_last(
    so_far: int, state: TaskState
) -> None:
    assert state_of(task(polls=3), CREATED_MS, Polls(so_far)) == state


def test_transitions_connect_known_statuses() -> None:
    assert TRANSITIONS.keys() == STATES.keys()
    assert all(set(following) <= STATES.keys() for following in TRANSITIONS.values())


def test_clock_before_the_creation_shows_a_pending_task() -> None:
    assert state_of(task(seconds=5), CREATED_MS - 1000, Polls()) == TaskState("pending", 0)


def test_task_is_the_same_when_it_was_stored() -> None:
    planned = task(seconds=1.5, failure="照 <&>")
    assert TASK.validate_python(json.loads(planned.to_json())) == planned
