"""A worker: lives through one world after another, each from its first upload to its reset."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from soak.load import control_actions, task_actions, upload_actions
from soak.load.receiver import Receiver
from soak.load.scene import NoAnswer, Scene, client_of
from soak.load.tenant import Tenant
from soak.load.verification import finish_tasks, verify, verify_expiry, verify_lists, verify_reset
from soak.record.ledger import World

Action = Callable[[Tenant], Awaitable[None]]

ACTIONS: dict[Action, int] = {
    upload_actions.upload: 30,
    upload_actions.upload_refused: 10,
    upload_actions.download_part: 15,
    upload_actions.pipeline: 4,
    upload_actions.read_slowly_or_leave: 5,
    task_actions.create: 8,
    task_actions.create_refused: 4,
    task_actions.create_once: 3,
    task_actions.replay: 5,
    task_actions.poll: 10,
    task_actions.batch: 4,
    control_actions.change_settings: 3,
    control_actions.check_settings: 2,
    control_actions.advance_clock: 3,
    control_actions.check_clock: 2,
    control_actions.meet_rule: 2,
    control_actions.meet_socket_fault: 2,
    control_actions.wait_in_journal: 2,
    control_actions.check_balance: 2,
    verify_lists: 2,
}
"""The actions, and how often each is taken in proportion to the others."""

ACTIONS_OF_A_LIFE = (20, 80)
EXPIRES = 0.4


async def work(scene: Scene, number: int, receiver: Receiver, room: int) -> None:
    """Live through worlds until the scene ends; each may hold `room` bytes of uploads."""
    rng = random.Random(f"{scene.seed}-{number}")
    life = 0
    while not scene.ending.is_set():
        life += 1
        world = World(f"soak-{number}-{life}")
        scene.worlds[world.key] = world
        with client_of(scene, world.key) as client:
            await _live(Tenant(scene, world, client, receiver, rng, room))
        del scene.worlds[world.key]
        scene.tally.verified["worlds"] += 1


async def _live(tenant: Tenant) -> None:
    actions, weights = list(ACTIONS), list(ACTIONS.values())
    for _ in range(tenant.rng.randint(*ACTIONS_OF_A_LIFE)):
        if tenant.scene.ending.is_set():
            break
        [action] = tenant.rng.choices(actions, weights)
        try:
            await action(tenant)
        except NoAnswer:
            # Explained, or noted. Wait a moment: whatever disturbs the server may go on.
            await asyncio.sleep(0.1)
    try:
        await finish_tasks(tenant)
        await verify(tenant)
        if tenant.rng.random() < EXPIRES:
            await verify_expiry(tenant)
        await verify_reset(tenant)
    except NoAnswer:
        tenant.expect(False, "the world could not be verified to its end", "hang")
