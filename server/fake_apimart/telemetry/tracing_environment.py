"""Whether requests are to be traced: OpenTelemetry's own variables say so, and nothing of ours.

Without them nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fake_apimart.common.clock import Clock
from fake_apimart.observability.log import logger_of

if TYPE_CHECKING:
    from fake_apimart.telemetry.tracing import Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
DISABLED = "OTEL_SDK_DISABLED"

_OTLP = "otlp"
_NONE = "none"
_HTTP = "http/protobuf"
_EXTRA = "pip install 'fake-apimart[otel]'"

logger = logger_of(__name__)


def tracing_of(environment: Mapping[str, str], clock: Clock) -> Tracing | None:
    """Return what traces requests as the variables say, or None where they ask for nothing.

    What they ask for and is not to be had is a line of the log: a server without traces is one all
    the same.
    """
    if not _is_wanted(environment):
        return None
    protocol = _first(environment, PROTOCOLS)
    if protocol not in ("", _HTTP):
        logger.warning("no traces: of the protocols of OTLP only %s is known", _HTTP)
        return None
    try:
        from fake_apimart.telemetry.tracing import Tracing

        return Tracing(environment, clock)
    except ImportError:
        logger.warning("no traces, although OTEL_… variables ask for them: %s", _EXTRA)
    except Exception as error:  # noqa: BLE001
        # The SDK reads dozens of variables, and raises whatever it finds.
        logger.warning("no traces: %s: %s", type(error).__name__, error)
    return None


def _is_wanted(environment: Mapping[str, str]) -> bool:
    if environment.get(DISABLED, "").strip().lower() == "true":
        return False
    exporters = {each.strip() for each in environment.get(EXPORTER, "").split(",")} - {""}
    unknown = exporters - {_OTLP, _NONE}
    if unknown:
        logger.warning("%s: only %s and %s are known", EXPORTER, _OTLP, _NONE)
    if exporters:
        return _OTLP in exporters
    return bool(_first(environment, ENDPOINTS))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the value of the first of the variables that has one."""
    return next(filter(None, (environment.get(name, "").strip() for name in names)), "")
