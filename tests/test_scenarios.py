"""What all fixtures do alike, whatever language they are for: here Python's."""

from __future__ import annotations

from typing import Any

import pytest
from fake_apimart_testing import FakeAPIMart

from tests.harness import ServerThread
from tests.scenarios import DOES, SCENARIOS, SENDS, Run


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each["name"])
def test_scenario(server: ServerThread, scenario: dict[str, Any]) -> None:
    world = FakeAPIMart(server.url)
    world.open()
    try:
        run = Run(world)
        for step in scenario["steps"]:
            run.step(step)
    finally:
        world.close()


def test_each_verb_stands_in_a_scenario() -> None:
    steps = [step for each in SCENARIOS for step in each["steps"]]
    assert {step["do"] for step in steps if "do" in step} == DOES.keys()
    assert {step["send"] for step in steps if "send" in step} == SENDS.keys()
