"""One request on its way to an answer: everything that handlers and middleware know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from fake_apimart.common.addresses import authority_at
from fake_apimart.common.clock import Clock
from fake_apimart.contract import response_version
from fake_apimart.contract.operations import Operation
from fake_apimart.gateway.paths import Paths
from fake_apimart.gateway.public_base import Arrival
from fake_apimart.go.url import parse_query
from fake_apimart.http.early_answers import after_body
from fake_apimart.http.request_body import Body, StreamedBody
from fake_apimart.http.request_head import text_of
from fake_apimart.http.transaction import EXTENSION, Transaction
from fake_apimart.net_http.request import first_values
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.worlds.conditions import Facts
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.faults import Rule, Step
from fake_apimart.worlds.state.rules import Met, Reservation, Undecided
from fake_apimart.worlds.world import World

SCOPE_KEY = "fake_apimart.exchange"

_NO_PARAMETERS: Mapping[str, str] = {}


class Exchange:
    """One request, made by the outermost middleware under whatever ASGI server.

    `headers` has one value for each lower-case name. `body` is the request's, None where it surely
    has none. `connection` is there under our own protocol alone. The rest is set on the way:
    `added_headers` (of the answer's head) by the gateway, `operation` and `parameters` (of its
    path) by the look-up, `record` (what will be told of it) and `key`, `world`, `entry` (of the
    journal) and `reservation` (of the rule that the request meets) by the dispatch. While it is
    `undecided` which rule that is, `decide` tries again.
    """

    __slots__ = (
        "_all_headers",
        "_client",
        "_facts",
        "_has_fired",
        "_scheme",
        "_server",
        "added_headers",
        "body",
        "connection",
        "decide",
        "entry",
        "headers",
        "key",
        "method",
        "operation",
        "parameters",
        "paths",
        "query_string",
        "receive",
        "record",
        "request_id",
        "reservation",
        "send",
        "undecided",
        "world",
    )

    operation: Operation
    entry: Entry
    world: World

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, clock: Clock
    ) -> None:
        extensions: Mapping[str, Any] = scope.get("extensions") or {}
        connection: Transaction | None = extensions.get(EXTENSION)
        self.connection = connection
        self.body: Body | None
        if connection is not None:
            self.headers, self.body = connection.headers, connection.body
            self.receive, self.send, self.record = receive, send, connection.record
        else:
            # uvicorn with httptools goes on to append the trailers of the body to its list.
            scope["headers"] = [*scope["headers"]]
            self.headers = first_values(scope["headers"])
            self.record = record = _record_of(scope, clock)
            self.body = body = StreamedBody(_recorded_input(record, receive))
            self.receive = body.receive
            expects_continue = self.headers.get(b"expect", b"").lower() == b"100-continue"
            send = _recorded_output(record, send)
            self.send = after_body(body, send, expects_continue=expects_continue)
        self.method: str = scope["method"]
        self.query_string: bytes = scope["query_string"]
        self.paths = Paths(scope)
        self.request_id = request_id
        self.parameters = _NO_PARAMETERS
        self.added_headers: list[tuple[bytes, bytes]] = []
        self.key = ""
        self.reservation: Reservation | None = None
        self.undecided: Undecided | None = None
        self.decide: Callable[[Exchange], Awaitable[None]] | None = None
        self._facts: Facts | None = None
        self._has_fired = False
        self._scheme: str = scope.get("scheme", "http")
        self._server: tuple[str, int | None] | None = scope.get("server")
        self._client: tuple[str, int] | None = scope.get("client")
        self._all_headers: Sequence[tuple[bytes, bytes]] = scope["headers"]

    def header(self, name: bytes) -> str | None:
        """Return the value of the header `name` (lower case), or None if it is missing."""
        return text_of(self.headers, name)

    def query(self, name: str) -> str | None:
        """Return the first value of the query's parameter `name` (go), or None if it is missing.

        Bytes that are not UTF-8 are lone surrogates in it.
        """
        if not self.query_string:
            return None
        wanted = name.encode()
        found = (value for each, value in parse_query(self.query_string) if each == wanted)
        value = next(found, None)
        return None if value is None else value.decode("utf-8", "surrogateescape")

    @property
    def accepts_html(self) -> bool:
        """Whether the answer may be shown as a page: browsers that navigate ask for HTML."""
        return "text/html" in (self.header(b"accept") or "")

    @property
    def is_versioned(self) -> bool:
        """Whether the answer takes the form of `X-APIMart-Response-Version`."""
        return self.operation.is_versioned and response_version.is_asked_in(self.headers)

    @property
    def arrival(self) -> Arrival:
        """How the request came in, and by which URL its client reaches us."""
        host, root = self.header(b"host") or "", self.paths.root
        server, peer = authority_at(self._server), self._client[0] if self._client else ""
        return Arrival(self._scheme, host, root, server, peer, self._all_headers)

    def begin(self, world: World, entry: Entry) -> None:
        """Belong to `world` at first, with `entry` for the journal; `leave` must follow."""
        self.entry = entry
        self.world = world
        world.running += 1
        self.record.world = world.name
        self.record.label = world.label

    def move_to(self, world: World) -> None:
        """Belong to `world` from now on."""
        self.world.running -= 1
        self.world = world
        world.running += 1
        world.used_ns = self.entry.started_ns
        self.record.world = world.name
        self.record.label = world.label

    async def leave(self) -> None:
        """Leave the world; a rule that did not fire is free for the next request."""
        self.world.running -= 1
        if self.reservation is not None and not self._has_fired:
            await self.reservation.give_back()

    @property
    def rule(self) -> Rule | None:
        """The rule that the request meets, if it meets one."""
        return None if self.reservation is None else self.reservation.rule

    @property
    def facts(self) -> Facts:
        """What is known so far of what rules may ask."""
        if self._facts is None:
            self._facts = Facts(self.header)
        return self._facts

    async def learn(self, **facts: Any) -> None:
        """Take note of what rules may ask (`Facts.learn`), and meet the rule that waited for it.

        Raises what that rule says: an ApiError, AnswerOverridden, Abandoned; and StateError.
        """
        self.facts.learn(facts)
        if self.undecided is not None and self.decide is not None:
            await self.decide(self)

    def take(self, met: Met) -> None:
        """Take note of the rule that the request meets, or of what is still undecided."""
        self.undecided = met if isinstance(met, Undecided) else None
        self.reservation = None if isinstance(met, Undecided) else met

    def fire(self, step: Step, **facts: Any) -> None:
        """Raise the ApiError of the rule that waits for this step, if one does."""
        rule = self.rule
        if rule is not None and rule.error is not None and rule.step is step:
            self.note_fired()
            raise rule.error_of(**facts)

    def note_fired(self) -> None:
        """Count the rule as used, once, and name it in the journal."""
        if self.reservation is None or self._has_fired:
            return
        self.reservation.count()
        self._has_fired = True
        self.entry.fault = self.record.reason = self.reservation.rule.name

    @property
    def rule_of_answer(self) -> Rule | None:
        """The rule whose socket fault breaks the answer, if there is one."""
        rule = self.rule
        return rule if rule is not None and rule.step is Step.ANSWER else None


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange that a request is."""
    exchange: Exchange = scope[SCOPE_KEY]
    return exchange


def _record_of(scope: Scope, clock: Clock) -> RequestRecord:
    """Return what is known at first of a request that a foreign ASGI server has received."""
    client = scope.get("client")
    return RequestRecord(
        clock.time_ns(),
        (client[0], client[1]) if client else None,
        scope["method"],
        scope["path"],
        scope["query_string"],
        scope.get("http_version", "1.1"),
        scope.get("scheme", "http"),
    )


def _recorded_input(record: RequestRecord, receive: Receive) -> Receive:
    """Return a `receive` that counts what comes by it."""

    async def receive_recorded() -> Message:
        message = await receive()
        record.bytes_in += len(message.get("body", b""))
        return message

    return receive_recorded


def _recorded_output(record: RequestRecord, send: Send) -> Send:
    """Return a `send` for a foreign ASGI server that notes what leaves by it."""
    record.is_cut = True

    async def send_recorded(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.start":
            record.status = message["status"]
        elif message["type"] == "http.response.body":
            record.bytes_out += len(message.get("body", b""))
            record.is_cut = message.get("more_body", False)

    return send_recorded
