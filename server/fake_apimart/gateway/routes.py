"""The vendor's operations as routes of a FastAPI application: documented there, run without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.types import Receive, Scope, Send

from fake_apimart.contract.operations import Operation
from fake_apimart.gateway.dispatch import Dispatch
from fake_apimart.gateway.exchange import exchange_of

ANYTHING = "anything"
"""The convertor of parameters that may hold anything, as paths of operations name it."""


class _AnythingConvertor(PathConvertor):
    """Anything at all: a name may hold a line end, which `path` does not match."""

    regex = "(?s:.*)"


register_url_convertor(ANYTHING, _AnythingConvertor())


class OperationRoute(APIRoute):
    """One method at one path of an operation. Its `app` is the raw ASGI dispatch of the operation.

    FastAPI's own layers around a route cost as much as a poll, and its request models would answer
    with refusals of their own. What it knows of the operation, for the OpenAPI document, is in
    `options`.
    """

    def __init__(
        self,
        method: str,
        path: str,
        operation: Operation,
        options: Mapping[str, Any],
        dispatch: Dispatch,
        *,
        is_documented: bool,
    ) -> None:
        super().__init__(
            path,
            _described,
            methods=[method],
            name=operation.name,
            response_model=None,
            include_in_schema=is_documented,
            **options,
        )
        self.method = method
        self.operation = operation
        self._dispatch = dispatch
        self.app = self._run

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        exchange.operation = self.operation
        exchange.record.operation = self.operation.name
        exchange.parameters = scope.get("path_params", exchange.parameters)
        await self._dispatch(exchange, scope, receive, send)


async def _described() -> None:
    """Stand in for the handler, whose one argument is no parameter of the request."""
