"""All parts of one server put together: what answers which operation, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage

from fake_apimart.callbacks.callbacks import Callbacks
from fake_apimart.common.randomness import Randomness
from fake_apimart.files.get import Files
from fake_apimart.files.index import FileIndex
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.dispatch import Handler, Running
from fake_apimart.gateway.health import Health
from fake_apimart.gateway.json_body import JSONBodies
from fake_apimart.generation.catalogue import Catalogue
from fake_apimart.generation.create import Generations
from fake_apimart.generation.idempotency import Idempotency
from fake_apimart.generation.planning import Planner
from fake_apimart.image_workers.decoders import Decoders
from fake_apimart.pictures.references import ReferenceReader
from fake_apimart.service.expiry import expire_files, make_room
from fake_apimart.service.known_worlds import KnownWorlds
from fake_apimart.service.reset import Reset
from fake_apimart.settings.settings import Settings
from fake_apimart.state.shared import SharedState
from fake_apimart.tasks.accounts import Accounts
from fake_apimart.tasks.balance import Balance
from fake_apimart.tasks.ending import Ending
from fake_apimart.tasks.polls import Tasks
from fake_apimart.tasks.results import Results
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.uploads.create import Uploads
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World


class Service:
    """Everything behind the routes, on one open storage and one state.

    `stopping` is set once no more requests are taken, for those that would wait for long.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        shared: SharedState,
        randomness: Randomness,
        telemetry: Telemetry,
    ) -> None:
        self.decoders = Decoders(settings.decode_seconds, telemetry)
        self._clock = clock = shared.clock
        self._state = state = shared.state
        self.stopping = asyncio.Event()
        self.settings = settings
        self.storage = storage
        self.worlds = Worlds(settings, state, clock, control_enabled=settings.control)
        telemetry.sample("worlds", lambda: len(self.worlds))
        self.index = FileIndex(storage, is_shared=state.is_shared)
        self.task_store = TaskStore(storage, clock, state)
        idempotency = Idempotency(storage, clock, self.task_store, state, shared.locks)
        ledger = shared.ledger(self.task_store)
        self.accounts = Accounts(ledger)
        self._admission = Admission(
            self.worlds,
            self.accounts.require,
            settings.api_keys,
            control_enabled=settings.control,
            stopping=self.stopping,
        )
        self.ending = Ending(self.task_store, ledger, state, shared.locks)
        references = ReferenceReader(storage, self.worlds, self.decoders)
        self._results = results = Results(
            storage, clock, state, shared.locks, self.index, references, telemetry
        )
        bodies = JSONBodies()
        self.tasks = Tasks(settings, bodies, self.task_store, ledger, results, self._note_poll)
        self.callbacks = Callbacks(
            storage,
            clock,
            self.worlds,
            shared.locks,
            self.task_store,
            self.tasks.finished_data,
            telemetry,
        )
        self.reset = Reset(
            storage,
            self.worlds,
            self.index,
            self.task_store,
            results,
            idempotency,
            self.callbacks,
        )
        self.uploads = Uploads(
            settings, storage, clock, randomness, state, self.index, self.decoders
        )
        planner = Planner(randomness, references)
        self._generations = Generations(
            settings, bodies, ledger, idempotency, planner, self.callbacks
        )

    @functools.cached_property
    def known(self) -> KnownWorlds:
        """The worlds that are known, for those who may see all of them."""
        return KnownWorlds(self.worlds, self.index, self.task_store)

    def _note_poll(self, task: Task, world: World) -> None:
        self.callbacks.note_poll(task, world)

    def _handlers(self) -> dict[str, Handler]:
        """Return what answers each operation."""
        files = Files(
            self.storage, self.worlds, self._admission, self._clock, self.settings.delivery
        )
        health = Health(self.storage, self._state, self.stopping)
        catalogue = Catalogue(self.settings)
        return {
            "uploads.create": self.uploads.create,
            "files.get": files.get,
            "generations.create": self._generations.create,
            "tasks.get": self.tasks.get,
            "tasks.get:page": self.tasks.get_generation,
            "tasks.batch": self.tasks.batch,
            "models.list": catalogue.models,
            "models.get": catalogue.model,
            "models.schema": catalogue.schema,
            "models.docs": catalogue.docs,
            "balance.get": Balance(self.accounts).get,
            "health": health.get,
            "ready": health.ready,
        }

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Running]:
        """Run until the block ends, when expiry, callbacks, decoding and drawings end too.

        Raises StorageError where the storage cannot be read.
        """
        await self.worlds.open()
        self.storage.when_full(lambda: make_room(self.storage, self.worlds, self._clock))
        expiring = asyncio.create_task(
            expire_files(self.storage, self.settings.url_ttl_seconds, self._clock)
        )
        self.callbacks.start()
        try:
            yield Running(
                self._handlers(), self.worlds, self._admission, self._clock, self.stopping
            )
        finally:
            self.stopping.set()
            expiring.cancel()
            await asyncio.wait([expiring])
            await self.callbacks.close()
            await self._state.close()
            self.decoders.close()
            self.uploads.close()
            await self._results.close()
