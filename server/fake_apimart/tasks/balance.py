"""`GET /v1/balance` and its aliases: what a key has left and what it has spent."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fake_apimart.contract.amounts import credits_for, round_amount
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.tasks.accounts import Accounts, left


class Balance:
    """The operation `balance.get` (docs, live)."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def get(self, exchange: Exchange) -> Response:
        """Answer with both amounts, in currency and in credits. Raises StorageError, StateError."""
        spent = await self._accounts.spent(exchange.world)
        return JSONResponse(balance_answer(left(exchange.world, spent), spent))


def balance_answer(remaining: float, spent: float) -> dict[str, Any]:
    """Return both as amounts and as credits (docs, live)."""
    return {
        "success": True,
        "remain_balance": round_amount(remaining),
        "remain_credits": credits_for(remaining),
        "used_balance": round_amount(spent),
        "used_credits": credits_for(spent),
        "unlimited_quota": False,
    }
