"""Who may call, whose world a request is in, and which rule it meets there.

The order is key, world, rules, balance, rate. A key that is refused reads nothing from the
storage: its request is journaled in its world all the same, and meets the rules of the whole
server alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from fake_apimart_storage import StorageError

from fake_apimart.common.waits import pause, pausing
from fake_apimart.contract import api_key, errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.operations import KEY
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.http import socket_faults
from fake_apimart.observability.log import logger_of
from fake_apimart.worlds import magic_keys
from fake_apimart.worlds.faults import AnswerOverridden, Rule, Step
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.world import World, as_label

LABEL_HEADER = "X-Fake-Label"
"""Says in any request with a key what the world of the key is to be called."""
_HEADER = api_key.HEADER.encode()
_LABEL = LABEL_HEADER.lower().encode()

logger = logger_of(__name__)


class Admission:
    """Lets requests in.

    `require_balance` raises `insufficient_balance` where a world has hardly anything left.
    Any key is good where `api_keys` has none. Those that can be no real ones are always good, and
    `X-Fake-Label` is read, unless `control_enabled` is off. Delays end once `stopping` is set.
    """

    def __init__(
        self,
        worlds: Worlds,
        require_balance: Callable[[World], Awaitable[None]],
        api_keys: Collection[str],
        *,
        control_enabled: bool,
        stopping: asyncio.Event,
    ) -> None:
        self._worlds = worlds
        self._require_balance = require_balance
        # A header's value is read as one character for each byte, whatever the bytes mean.
        self._api_keys = frozenset(key.encode().decode("latin-1") for key in api_keys)
        self._control_enabled = control_enabled
        self._stopping = stopping

    async def admit(self, exchange: Exchange) -> None:
        """Let a request in by its key.

        Raises `invalid_api_key`, whatever is wrong with the key (live), `insufficient_balance`,
        `rate_limited`, what a rule says (ApiError, AnswerOverridden, Abandoned), StorageError.
        """
        exchange.key = key = _key_of(exchange)
        if not self._is_good(key):
            await self.refuse(exchange, exchange.operation.name)
            raise errors.invalid_api_key()
        await self.enter(exchange, self._worlds.of_key(key))
        exchange.fire(Step.KEY)
        try:
            await self._check_means(exchange)
        except ApiError:
            await self.settle(exchange, is_admitted=False)
            raise
        exchange.fire(Step.RATE)

    async def _check_means(self, exchange: Exchange) -> None:
        """Check balance and rate. Raises `insufficient_balance`, `rate_limited`."""
        if exchange.operation.needs_balance:
            if exchange.rule is not None:
                exchange.fire(Step.BALANCE, token_id=exchange.world.token_id)
            await self._require_balance(exchange.world)
        if exchange.operation.is_rated:
            await self._check_rate(exchange.world)

    async def is_offered(self, exchange: Exchange) -> bool:
        """Return whether a request's operation is there in the dialect of its key's world.

        Where the key is not good, the server's own counts. Raises StorageError, StateError.
        """
        key = _key_of(exchange)
        world = await self._worlds.by_key(key) if self._is_good(key) else self._worlds.server
        return world.settings.dialect in exchange.operation.dialects

    async def _check_rate(self, world: World) -> None:
        """Count a request against the rate of its world. Raises `rate_limited`."""
        rate = world.settings.rate_limit
        wait = await self._worlds.state.take(world, rate) if rate else 0
        if wait:
            raise errors.rate_limited(wait)

    async def refuse(self, exchange: Exchange, operation: str = "") -> None:
        """Put a request that is refused into the world of its key, for the journal.

        It meets the rules that the whole server has for `operation`. Raises as `enter` does.
        """
        key = exchange.key or _key_of(exchange)
        world = self._worlds.of_key(key) if key else self._worlds.server
        await self._enter(exchange, world, operation, is_refused=True)

    def _is_good(self, key: str) -> bool:
        if not api_key.may_be_good(key, self._api_keys):
            return False
        if not self._api_keys or key in self._api_keys:
            return True
        return self._control_enabled and magic_keys.is_fake(key)

    async def enter(self, exchange: Exchange, world: World | None = None) -> None:
        """Put a request into `world`, the server's own by default, and under its rules.

        A world's own rules come before the server's. Raises what the rule says that the request
        meets on arrival: an ApiError, AnswerOverridden, Abandoned.
        """
        await self._enter(exchange, world or self._worlds.server, exchange.operation.name)

    async def _enter(
        self, exchange: Exchange, world: World, operation: str, *, is_refused: bool = False
    ) -> None:
        world, met = await self._worlds.enter(world, operation, is_refused=is_refused)
        exchange.move_to(world)
        exchange.take(met)
        if _LABEL in exchange.headers and exchange.key and not is_refused:
            await self._take_label(exchange)
        if exchange.undecided is not None:
            exchange.facts.is_complete = is_refused
            exchange.decide = self._meet_late
            await self._decide(exchange)
        if exchange.rule is not None:
            await self._meet(exchange, exchange.rule)

    async def _take_label(self, exchange: Exchange) -> None:
        """Call the world of a key as the request says; what goes wrong changes no answer."""
        world, label = exchange.world, as_label(exchange.headers[_LABEL])
        if not self._control_enabled or label in ("", world.label):
            return
        try:
            await self._worlds.state.change(world, lambda: setattr(world, "label", label))
        except (StorageError, StateError) as error:
            logger.warning("world %s is not called %s: %s", world.name, label, error)
        exchange.record.label = world.label

    async def settle(self, exchange: Exchange, *, is_admitted: bool = True) -> None:
        """Decide which rule a request meets of which no more will be known.

        Raises what the rule says, where the real error would have come before.
        """
        if exchange.undecided is not None:
            exchange.facts.is_complete = True
            await self._meet_late(exchange, is_admitted=is_admitted)

    async def _decide(self, exchange: Exchange) -> None:
        """Go on through the rules, up to the first whose conditions are not known yet."""
        while (undecided := exchange.undecided) is not None:
            verdicts: dict[int, bool] = {}
            async for rule_id, where in pausing(undecided.conditions, 1):
                verdict = exchange.facts.verdict(where)
                if verdict is None:
                    break
                verdicts[rule_id] = verdict
            if not verdicts:
                return
            exchange.take(await self._worlds.state.meet(exchange.world, undecided, verdicts))

    async def _meet_late(self, exchange: Exchange, *, is_admitted: bool = True) -> None:
        """Meet a rule with conditions once they are known, and the steps that are behind already.

        A fault that would have come at one of these comes now.
        """
        await self._decide(exchange)
        if exchange.rule is None:
            return
        await self._meet(exchange, exchange.rule)
        if exchange.operation.world == KEY:
            exchange.fire(Step.KEY)
            exchange.fire(Step.BALANCE, token_id=exchange.world.token_id)
            if is_admitted:
                exchange.fire(Step.RATE)

    async def _meet(self, exchange: Exchange, rule: Rule) -> None:
        """Wait as long as a rule says, and raise what it says of an arrival."""
        if rule.delay:
            # Counted and journaled at once: a client that gives up meanwhile has met it too.
            exchange.note_fired()
            await self._worlds.record(exchange.world, exchange.entry)
            await pause(rule.delay, self._stopping)
        if rule.step is Step.ARRIVAL:
            await self._meet_on_arrival(exchange, rule)

    async def _meet_on_arrival(self, exchange: Exchange, rule: Rule) -> None:
        exchange.fire(Step.ARRIVAL, operation=exchange.operation.name)
        exchange.note_fired()
        if rule.answer is not None:
            raise AnswerOverridden(rule.answer)
        if rule.socket is not None:
            await self._worlds.record(exchange.world, exchange.entry)
            connection = exchange.connection
            end = exchange.receive if connection is None else connection.wait_for_end
            await socket_faults.refuse(rule.socket, exchange.receive, end, self._stopping)


def _key_of(exchange: Exchange) -> str:
    """Return the key that a request is sent with, as text of one character for each byte."""
    authorization = exchange.header(_HEADER)
    if authorization:
        return api_key.key_of(authorization)
    if api_key.is_read_in_query(exchange.paths.path):
        in_query = exchange.query(api_key.QUERY) or ""
        return in_query.encode("utf-8", "surrogateescape").decode("latin-1")
    return ""
