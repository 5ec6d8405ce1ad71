"""Actions with the control API: settings, clock, rules, the journal; and faults of rules."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlencode

from soak.http_client import Answer, BrokenConnection, Connection, Request
from soak.load.scene import NoAnswer, client_of
from soak.load.tenant import Tenant, json_request
from soak.load.upload_actions import download_part

WAIT_SECONDS = 20
CLOCK_TOLERANCE_SECONDS = 2.0
"""Between what the server read off its clock, and our reading; the request's own time is added."""
_NEVER_READS = ("close_before_reading", "reset_after_reading", "end_after_headers", "cut_in_body")
_ERRORS = {"rate_limited": 429, "bad_gateway": 502, "service_unavailable": 503, "forbidden": 403}


async def change_settings(tenant: Tenant) -> None:
    """Change settings of the world."""
    rng = tenant.rng
    change = {"balance": float(rng.randint(50, 500)), "task_seconds": rng.choice((0.0, 0.5, 2.0))}
    body = json.dumps(change).encode()
    try:
        answer = await tenant.ask("control.world", json_request("PATCH", "/_fake/world", body))
    except NoAnswer as unknown:
        if unknown.may_be_done:
            tenant.world.doubt_settings(change, of_store=unknown.status is not None)
        return
    if answer is not None:
        tenant.world.change_settings(change)
        tenant.scene.tally.acknowledged["settings"] += 1


async def check_settings(tenant: Tenant) -> None:
    """Compare the settings of the world with what was acknowledged last. Raises NoAnswer."""
    answer = await tenant.client.insist("control.world", Request("GET", "/_fake/world"))
    told = answer.json()["own_settings"]
    known = [*tenant.world.settings]
    is_possible = tenant.world.see_settings(told)
    tenant.expect(is_possible, f"settings are {told}, not one of {known}", "lost")
    tenant.scene.tally.verified["settings"] += 1


async def advance_clock(tenant: Tenant) -> None:
    """Move the clock of the world ahead, by far less than what a file lives for."""
    seconds = float(tenant.rng.randint(60, 600))
    body = json.dumps({"advance": seconds}).encode()
    try:
        answer = await tenant.ask("control.clock", json_request("POST", "/_fake/clock", body))
    except NoAnswer as unknown:
        if unknown.may_be_done:
            tenant.world.doubt_advance(seconds, of_store=unknown.status is not None)
        return
    if answer is not None:
        tenant.world.advance_clock(seconds)
        see_clock(tenant, answer)
        tenant.scene.tally.acknowledged["clocks"] += 1


async def check_clock(tenant: Tenant) -> None:
    """Compare the clock of the world with what was acknowledged last. Raises NoAnswer."""
    see_clock(tenant, await tenant.client.insist("control.clock", Request("GET", "/_fake/clock")))
    tenant.scene.tally.verified["clocks"] += 1


def see_clock(tenant: Tenant, answer: Answer) -> None:
    """Compare what the clock is said to be with what it may be."""
    told = answer.json()
    known = [round(time.time() + each, 3) for each in tenant.world.clocks_ahead]
    tolerance = CLOCK_TOLERANCE_SECONDS + answer.seconds
    is_possible = tenant.world.see_clock(told["now"], tolerance)
    tenant.expect(is_possible, f"the clock is {told}, not one of {known}", "lost")


async def meet_rule(tenant: Tenant) -> None:
    """Add a rule with an error for two polls of the balance, and meet it."""
    error = tenant.rng.choice(list(_ERRORS))
    rule = {"operation": "balance.get", "error": error, "times": 2}
    incarnation = await _add_rule(tenant, rule)
    for _ in range(2 if incarnation else 0):
        answer = await tenant.client.ask(
            "balance.get", Request("GET", "/v1/balance"), frozenset({_ERRORS[error]})
        )
        if incarnation == tenant.scene.server.incarnation:
            tenant.expect(answer.status == _ERRORS[error], f"{rule} gave {answer.status}")
    await _remove_rules(tenant)


async def meet_socket_fault(tenant: Tenant) -> None:
    """Add a rule that breaks a connection, and meet it on a connection of its own."""
    rule = {"operation": "balance.get", "socket": tenant.rng.choice(_NEVER_READS), "times": 1}
    if not await _add_rule(tenant, rule):
        return
    server = tenant.scene.server
    authorization = {"Authorization": f"Bearer {tenant.world.key}"}
    try:
        connection = await Connection.open(server.address, f"127.0.0.1:{server.port}")
        try:
            request = Request("GET", "/v1/balance", headers=authorization)
            async with asyncio.timeout(WAIT_SECONDS):
                await connection.exchange(request)
        finally:
            connection.close()
    except BrokenConnection:
        tenant.scene.tally.answers["balance.get", "broken by a rule"] += 1
    except TimeoutError:
        pass
    await _remove_rules(tenant)


async def _add_rule(tenant: Tenant, rule: dict[str, Any]) -> int:
    """Add a rule; return the incarnation of the server that has it, or 0."""
    incarnation = tenant.scene.server.incarnation
    body = json.dumps(rule).encode()
    answer = await tenant.ask("control.faults", json_request("POST", "/_fake/faults", body))
    return incarnation if answer is not None else 0


async def _remove_rules(tenant: Tenant) -> None:
    request = json_request("DELETE", "/_fake/faults")
    await tenant.client.insist("control.faults", request)


async def wait_in_journal(tenant: Tenant) -> None:
    """Wait for a request by a long poll, send it, and find it in what the wait returns."""
    if not tenant.world.files:
        return
    incarnation = tenant.scene.server.incarnation
    latest = await tenant.ask("control.requests", Request("GET", "/_fake/requests?limit=1"))
    entries = latest.json()["requests"] if latest else []
    query = urlencode(
        {
            "operation": "files.get",
            "since": entries[-1]["id"] if entries else 0,
            "timeout": WAIT_SECONDS,
        }
    )
    with client_of(tenant.scene, tenant.world.key) as other:
        waiting = asyncio.create_task(
            other.ask("control.wait", Request("GET", f"/_fake/requests/wait?{query}"))
        )
        outcomes = await asyncio.gather(waiting, download_part(tenant), return_exceptions=True)
    waited = outcomes[0]
    if not isinstance(waited, Answer) or isinstance(outcomes[1], BaseException):
        return
    if incarnation == tenant.scene.server.incarnation:
        tenant.expect(waited.json()["satisfied"], "a download is not in the journal")


async def check_balance(tenant: Tenant) -> None:
    """Compare what is used with the costs of the tasks that were seen to complete."""
    costs = [float((each.final or {}).get("cost", 0)) for each in tenant.world.tasks.values()]
    answer = await tenant.client.insist("balance.get", Request("GET", "/v1/balance"))
    told = answer.json()
    text = f"used {told.get('used_balance')}, but tasks of {sum(costs)} have completed"
    tenant.expect(told.get("used_balance", 0) >= sum(costs) - 1e-6, text, "lost")
    tenant.scene.tally.verified["balances"] += 1
