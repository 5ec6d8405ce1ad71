"""The whole server as a FastAPI application, for whatever ASGI server runs it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fake_apimart_storage import Storage, StorageError, storage_at
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from fake_apimart.common.clock import Clock, SystemClock
from fake_apimart.common.randomness import Randomness
from fake_apimart.common.redaction import redacted_text
from fake_apimart.contract.operations import OPERATIONS, Operation
from fake_apimart.control import api as control
from fake_apimart.control.documentation import CONTROL
from fake_apimart.gateway.dispatch import Dispatch
from fake_apimart.gateway.gateway import Gateway
from fake_apimart.gateway.routes import OperationRoute
from fake_apimart.observability.access_log import LoggedRequests
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.log_form import FORMS
from fake_apimart.openapi.document import describe
from fake_apimart.page import routes as page
from fake_apimart.service.documentation import DOCUMENTATION
from fake_apimart.service.expiry import lifetimes
from fake_apimart.service.own_keys import is_own
from fake_apimart.service.service import Service
from fake_apimart.settings.names import variable_of
from fake_apimart.settings.reading import InvalidSettings, read_settings
from fake_apimart.settings.settings import Settings
from fake_apimart.state.location import state_at
from fake_apimart.state.shared import SharedState
from fake_apimart.telemetry.collectors import running
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.worlds.state.failure import StateError

OTHERS = (
    "another server uses %s: files and tasks are the same for both, but rules, journals, waits for "
    "requests, rates, and what is from now on set of clocks and settings, reset, polled or spent "
    "is not; with %s=redis://HOST:PORT/0 all is"
)

logger = logger_of(__name__)


def create_app(
    settings: Settings | None = None,
    storage: Storage | None = None,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
) -> Application:
    """Return a fake APIMart as an application, which its lifespan starts and ends.

    Without `settings` they are read from the environment. Without `storage` the one that they name
    is opened and closed by the lifespan; a storage that is given must be open, and stays so.
    Without a clock and a source of randomness it has the system's time, and names that differ from
    run to run. Raises InvalidSettings.
    """
    return Application(
        settings or read_settings(), storage, clock or SystemClock(), randomness or Randomness()
    )


@functools.cache
def _route_options(operation: Operation, method: str, path: str) -> dict[str, Any]:
    """Return what FastAPI is given for a route, which no application changes.

    Most of the time that an application is made in went into rendering its errors anew, and test
    suites make one for each test.
    """
    return DOCUMENTATION[operation.handler].route_options(operation, method, path)


class Application(FastAPI):
    """FastAPI with the vendor's gateway as its outermost middleware.

    `service` is there while the lifespan runs. `telemetry` is told what happens.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage | None,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        super().__init__(
            title="fake-apimart",
            lifespan=Application._live,
            redirect_slashes=False,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
        )
        self.service: Service | None = None
        self.settings = settings
        self._storage = storage
        self._clock = clock
        self._randomness = randomness
        self._dispatch = Dispatch()
        form = FORMS[settings.log_format]
        self.telemetry = Telemetry(LoggedRequests(form) if settings.access_log else None)
        routes = [
            OperationRoute(
                method,
                path,
                each,
                _route_options(each, method, path),
                self._dispatch,
                is_documented=settings.dialect in each.dialects,
            )
            for each in OPERATIONS
            for path in each.paths
            for method in each.methods
        ]
        self.router.routes += routes
        if settings.control:
            control.add_to(self)
            page.add_to(self)
        self._gateway = Gateway(
            super().__call__,
            routes,
            self._dispatch,
            control.is_served if settings.control else lambda exchange: False,
            settings,
            clock,
            randomness,
            self.telemetry,
        )

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document of all that is served."""
        if not self.openapi_schema:
            self.openapi_schema = describe(self, [CONTROL] if self.settings.control else [])
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the gateway answer; what is no path of the vendor's, FastAPI does."""
        await self._gateway(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        """Open the storage and run the service. Raises InvalidSettings."""
        async with contextlib.AsyncExitStack() as stack:
            storage = self._storage
            if storage is None:
                storage = await stack.enter_async_context(_opened(self.settings))
            await stack.enter_async_context(running(self.telemetry, self.settings))
            storage = self.telemetry.observed(storage)
            if self.settings.control:
                await control.prepare()
            shared = await stack.enter_async_context(
                _opened_state(self.settings, storage, self._clock)
            )
            if storage.has_others and not shared.state.is_shared:
                logger.warning(OTHERS, storage.location, variable_of("state"))
            service = Service(self.settings, storage, shared, self._randomness, self.telemetry)
            with _failures_of_the_start(self.settings):
                self._dispatch.running = await stack.enter_async_context(service.run())
            self.service = service
            try:
                yield
            finally:
                self.service = self._dispatch.running = None


def storage_of(settings: Settings) -> Storage:
    """Return the storage that the settings name, not yet open."""
    return storage_at(
        settings.storage,
        memory_limit=settings.max_memory_bytes,
        public_endpoint=settings.s3_public_endpoint,
        fsync=settings.fsync,
        s3_addressing=settings.s3_addressing,
        s3_patience_seconds=settings.s3_patience_seconds,
    )


@contextlib.contextmanager
def _failures_of_the_start(settings: Settings) -> Iterator[None]:
    """Raise InvalidSettings, in one line, where the storage or the state fails in the block."""
    try:
        yield
    except StateError as error:
        raise InvalidSettings(f"{variable_of('state')}: {error}") from None
    except StorageError as error:
        where, problem = redacted_text(settings.storage), redacted_text(str(error))
        raise InvalidSettings(f"{variable_of('storage')}={where}: {problem}") from None


@contextlib.asynccontextmanager
async def _opened_state(
    settings: Settings, storage: Storage, clock: Clock
) -> AsyncIterator[SharedState]:
    """Open the state that the settings name. Raises InvalidSettings."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            with _failures_of_the_start(settings):
                shared = await stack.enter_async_context(state_at(settings.state, storage, clock))
        except ModuleNotFoundError as error:
            raise InvalidSettings(
                f"{variable_of('state')}: no module {error.name}: "
                "install it by pip install 'fake-apimart[redis]'"
            ) from None
        yield shared


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Storage]:
    """Open the storage that the settings name. Raises InvalidSettings."""
    storage = storage_of(settings)
    with _failures_of_the_start(settings):
        await storage.open(lifetimes(settings.url_ttl_seconds), is_own)
    try:
        yield storage
    finally:
        await storage.close()
