"""Tells what has moved since a snapshot: the service, the contract, or the fake."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from fake_apimart.cases.matching import Difference
from fake_apimart.snapshots.replay import replayed
from fake_apimart.snapshots.shape import moved
from fake_apimart.snapshots.snapshot import Snapshot
from fake_apimart.verify.results import Received, Result, State


class Party(Enum):
    """Who has moved."""

    SERVICE = "the service"
    CONTRACT = "the contract"
    FAKE = "the fake"


class Move(NamedTuple):
    """Something that is not as it was, in words, and where it shows."""

    case: str
    party: Party
    what: str
    differences: Sequence[Difference]


def moves(
    snapshots: Sequence[Snapshot],
    results: Sequence[Result],
    present: Party,
    known: Collection[str] = (),
) -> Iterator[Move]:
    """Yield what has moved, by the snapshots of each case, which are sorted by day.

    `results` are of today's cases and of the server as it is now, which `present` says whose it is.
    `known` are the names of all cases, also of those that were not asked for.
    """
    of_case: dict[str, list[Snapshot]] = {}
    for each in snapshots:
        of_case.setdefault(each.name, []).append(each)
    by_name = {each.name: each for each in results}
    for name, recorded in of_case.items():
        for earlier, later in pairwise(recorded):
            found = _between(_answers(earlier), _answers(later))
            if found:
                days = f"between {earlier.recorded_on} and {later.recorded_on}"
                yield Move(name, Party.SERVICE, f"answers have changed {days}", found)
        if name in by_name:
            yield from _of_case(recorded[-1], by_name[name], present)
        elif known and name not in known:
            yield Move(name, Party.CONTRACT, "it has no such case any more", [])


def _of_case(snapshot: Snapshot, result: Result, present: Party) -> Iterator[Move]:
    day = snapshot.recorded_on
    then, today = replayed(snapshot, snapshot.case), replayed(snapshot, result.case)
    if then.state is State.BROKEN:
        what = f"what it answered on {day} was not what the contract said then"
        yield Move(snapshot.name, Party.SERVICE, what, _differences(then))
    elif today.state is State.BROKEN:
        what = f"it says now what the service did not answer on {day}"
        yield Move(snapshot.name, Party.CONTRACT, what, _differences(today))
    if result.state is State.NOT_RUN:
        return
    if result.state is State.BROKEN:
        what = "it does not answer as the contract says"
        yield Move(snapshot.name, present, what, _differences(result))
    elif present is Party.FAKE and today.state is State.BROKEN:
        # It follows today's contract, so it has to differ, and somebody else has been named.
        return
    elif found := _between(_answers(snapshot), result.received):
        what = f"it answers in another shape than the service did on {day}"
        yield Move(snapshot.name, present, what, found)


def _answers(snapshot: Snapshot) -> Sequence[Received]:
    return [Received(each.step, each.path, each.to_answer()) for each in snapshot.answers]


def _between(then: Sequence[Received], now: Sequence[Received]) -> list[Difference]:
    found: list[Difference] = []
    for first, second in zip(then, now, strict=False):
        found += (
            each._replace(place=f"step {first.step}, {each.place}")
            for each in moved(first.answer, second.answer)
        )
    if len(then) != len(now):
        found.append(Difference("answers", str(len(then)), str(len(now))))
    return found


def _differences(result: Result) -> list[Difference]:
    return [each for check in result.checks for each in check.differences]
