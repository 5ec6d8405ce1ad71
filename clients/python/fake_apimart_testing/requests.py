"""`apimart.requests`: the requests that clients have sent, and waiting for them."""

from __future__ import annotations

from fake_apimart_testing.arguments import check_integer, check_number, check_text
from fake_apimart_testing.records import Request
from fake_apimart_testing.world.listing import Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_testing.control import Control
    from fake_apimart_testing.names import Operation

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

MAX_SHOWN = 10
"""How many requests an assertion message shows."""


class Requests(Listing[Request]):
    """The journal of a world, newest last; each access reads it from the server."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def _read(self) -> list[Request]:
        return self.matching()

    def matching(
        self, operation: Operation | str | None = None, status: int | None = None
    ) -> list[Request]:
        """Return the requests to this operation, answered with this status. Raises ControlError."""
        answer = self._control.call("GET", f"requests?{_query(operation, status)}")
        return [Request(fields) for fields in answer["requests"]]

    def clear(self) -> None:
        """Clear the journal. Raises ControlError."""
        self._control.call("POST", "reset/journal")

    def wait_for(
        self,
        operation: Operation | str | None = None,
        count: int = 1,
        timeout: float = 5,
        *,
        status: int | None = None,
    ) -> list[Request]:
        """Wait until `count` requests match, and return all that do.

        Raises AssertionError after `timeout` seconds, with the requests that came instead, and
        ControlError.
        """
        check_integer("count", count)
        check_number("timeout", timeout)
        query = f"{_query(operation, status)}&count={count}&timeout={timeout}"
        answer = self._control.wait(f"requests/wait?{query}", timeout)
        if not answer["satisfied"]:
            condition = " ".join(
                ([operation] if operation else []) + ([f"answered {status}"] if status else [])
            )
            raise AssertionError(
                f"waited {timeout:g} s for {count} request(s) {condition or 'of any kind'}, "
                f"{len(answer['requests'])} came. {self.nearest(operation)}"
            )
        return [Request(fields) for fields in answer["requests"]]

    async def wait_for_async(
        self,
        operation: Operation | str | None = None,
        count: int = 1,
        timeout: float = 5,  # noqa: ASYNC109
        *,
        status: int | None = None,
    ) -> list[Request]:
        """Do the same as `wait_for` without blocking the event loop, of asyncio or of Trio."""
        from fake_apimart_testing.threads import in_thread

        return await in_thread(lambda: self.wait_for(operation, count, timeout, status=status))

    def nearest(self, operation: str | None) -> str:
        """Describe the latest requests: those to the same operation, or any if there are none."""
        sent = self.matching()
        if not sent:
            return "Nothing was sent with this key."
        nearest = [each for each in sent if each.operation == operation] or sent
        shown = "\n  ".join(repr(each) for each in nearest[-MAX_SHOWN:])
        return f"Nearest were:\n  {shown}"


def _query(operation: str | None, status: int | None) -> str:
    from urllib.parse import urlencode

    check_text("operation", operation, optional=True)
    check_integer("status", status, optional=True)
    parameters = {"operation": operation, "status": status}
    return urlencode({name: value for name, value in parameters.items() if value is not None})
