"""What collects metrics and traces while a server runs, loaded only where it is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from fake_apimart.settings.settings import Settings
from fake_apimart.telemetry.metrics_table import SHARED_FOLDER
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.telemetry.tracing_environment import tracing_of

REFRESH_SECONDS = 1.0
"""How old what a process tells the others may be, where several share their metrics."""


@contextlib.asynccontextmanager
async def running(telemetry: Telemetry, settings: Settings) -> AsyncIterator[None]:
    """Collect what the settings and OpenTelemetry's variables ask for, until the block ends."""
    telemetry.tracing = tracing = tracing_of(os.environ, telemetry.clock)
    refreshing = None
    if settings.metrics and settings.control and telemetry.metrics is None:
        # Imported here because the library takes a tenth of the start.
        from fake_apimart.telemetry.metrics import Metrics

        telemetry.metrics = Metrics()
    if telemetry.metrics is not None and telemetry.metrics.is_shared:
        refreshing = asyncio.create_task(_refresh(telemetry))
    try:
        yield
    finally:
        if refreshing is not None:
            refreshing.cancel()
        if telemetry.metrics is not None:
            telemetry.metrics.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


async def _refresh(telemetry: Telemetry) -> None:
    while telemetry.metrics is not None:
        telemetry.metrics.refresh()
        await asyncio.sleep(REFRESH_SECONDS)


def forget_process(process_id: int | None) -> None:
    """Leave out the gauges of a process of this machine that has died, where metrics add up."""
    if SHARED_FOLDER in os.environ:
        # Imported here because the library takes a tenth of the start.
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(process_id)  # type: ignore[no-untyped-call]
