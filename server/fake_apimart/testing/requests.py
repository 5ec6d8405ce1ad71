"""`apimart.requests`: what clients have sent, and waiting until they do."""

from __future__ import annotations

from fake_apimart.testing.records import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_apimart.testing.control import Control

MOST_SHOWN = 10


class Requests:
    """The journal of a world, asked anew each time; newest last."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def __iter__(self) -> Iterator[Request]:
        return iter(self.matching())

    def __len__(self) -> int:
        return len(self.matching())

    def __getitem__(self, position: int) -> Request:
        return self.matching()[position]

    def __repr__(self) -> str:
        return repr(self.matching())

    def matching(self, operation: str | None = None, status: int | None = None) -> list[Request]:
        """Those to this operation, answered with this status. Raises ControlError."""
        found = self._control.call("GET", f"requests?{_query(operation, status)}")
        return [Request(fields) for fields in found["requests"]]

    def clear(self) -> None:
        """Forget what was sent so far."""
        self._control.call("POST", "reset/journal")

    def wait_for(
        self,
        operation: str | None = None,
        count: int = 1,
        timeout: float = 5,
        *,
        status: int | None = None,
    ) -> list[Request]:
        """The same, once there are `count` of them.

        Raises AssertionError after `timeout` seconds, and shows what came instead.
        """
        query = f"{_query(operation, status)}&count={count}&timeout={timeout}"
        found = self._control.wait(f"requests/wait?{query}", timeout)
        if not found["satisfied"]:
            wanted = " ".join(
                ([operation] if operation else []) + ([f"answered {status}"] if status else [])
            )
            raise AssertionError(
                f"waited {timeout:g} s for {count} request(s) {wanted or 'of any kind'}, "
                f"{len(found['requests'])} came. {self._nearest(operation)}"
            )
        return [Request(fields) for fields in found["requests"]]

    async def wait_for_async(
        self,
        operation: str | None = None,
        count: int = 1,
        timeout: float = 5,  # noqa: ASYNC109
        *,
        status: int | None = None,
    ) -> list[Request]:
        """`wait_for` that lets other coroutines run meanwhile."""
        import asyncio

        return await asyncio.to_thread(self.wait_for, operation, count, timeout, status=status)

    def _nearest(self, operation: str | None) -> str:
        """The latest requests, those to the same operation first."""
        sent = self.matching()
        if not sent:
            return "Nothing was sent with this key."
        near = [each for each in sent if each.operation == operation] or sent
        shown = "\n  ".join(repr(each) for each in near[-MOST_SHOWN:])
        return f"Nearest were:\n  {shown}"


def _query(operation: str | None, status: int | None) -> str:
    from urllib.parse import urlencode

    asked = {"operation": operation, "status": status}
    return urlencode({name: value for name, value in asked.items() if value is not None})
