"""The parts of one server put together, and their life: who answers which operation."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.common.settings import Settings
from fake_apimart.files.get import Files
from fake_apimart.files.index import FileIndex
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.dispatch import Handler
from fake_apimart.gateway.health import Health
from fake_apimart.generation.catalogue import Catalogue
from fake_apimart.generation.create import Generations
from fake_apimart.generation.idempotency import Idempotency
from fake_apimart.generation.planning import Planner
from fake_apimart.pictures.references import ReferenceReader
from fake_apimart.service.reset import Reset
from fake_apimart.tasks.accounts import Accounts
from fake_apimart.tasks.callbacks import Webhooks
from fake_apimart.tasks.polls import Tasks
from fake_apimart.tasks.results import Results
from fake_apimart.tasks.store import TaskStore
from fake_apimart.uploads.create import Uploads
from fake_apimart.worlds.registry import Worlds

DRAWING_THREADS = 2


class Backend:
    """Everything behind the routes, on one storage and one clock."""

    def __init__(
        self, settings: Settings, storage: Storage, clock: Clock, randomness: Randomness
    ) -> None:
        self._drawing = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="drawing")
        self.settings = settings
        self.storage = storage
        self.worlds = Worlds(settings, storage, clock, watched=settings.control)
        self.index = FileIndex(storage)
        self.task_store = TaskStore(storage, clock)
        idempotency = Idempotency(storage, clock)
        self.reset = Reset(storage, self.worlds, self.index, self.task_store, idempotency)
        self.accounts = Accounts(self.task_store)
        admission = Admission(settings.api_keys, takes_fakes=settings.control)
        references = ReferenceReader(storage, self.worlds, self._drawing)
        results = Results(storage, clock, self._drawing, references)
        self.tasks = Tasks(settings, admission, self.task_store, results)
        self._webhooks = Webhooks(self.tasks.ended)
        self._uploads = Uploads(settings, storage, clock, randomness, admission, self.index)
        self._files = Files(storage, self.worlds, settings.delivery)
        self._health = Health(storage)
        self._catalogue = Catalogue(settings, admission, self.accounts)
        self._generations = Generations(
            settings,
            admission,
            self.task_store,
            self.accounts,
            idempotency,
            Planner(settings, randomness, references),
            self._webhooks,
        )

    def handlers(self) -> dict[str, Handler]:
        """Who answers which operation."""
        return {
            "uploads.create": self._uploads.create,
            "files.get": self._files.get,
            "generations.create": self._generations.create,
            "tasks.get": self.tasks.get,
            "tasks.get:page": self.tasks.get_generation,
            "tasks.batch": self.tasks.batch,
            "models.list": self._catalogue.models,
            "models.schema": self._catalogue.schema,
            "balance.get": self._catalogue.balance,
            "health": self._health.get,
        }

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """From the server's start to its end, when callbacks and drawings end too."""
        await self.worlds.open()
        yield
        await self._webhooks.close()
        self._drawing.shutdown(cancel_futures=True)
