"""Looking up host names, in threads that delay neither other names nor the server's end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading

MAX_LOOKUPS = 64
"""How many names may be looked up at the same time."""
MAX_ADDRESSES = 8
"""How many addresses of a host are tried."""

_Lookup = asyncio.Future[list[str]]


class Resolver:
    """Finds the addresses of hosts.

    The event loop's own threads are few, and shared: names that nobody answers for would hold all
    of them, for longer than anybody waits, and the interpreter would wait for them at its end.
    """

    def __init__(self) -> None:
        self._lookups: dict[str, _Lookup] = {}

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a host name or address. Raises OSError.

        Those who ask for a name that is being looked up get the same answer. A look-up that is
        not waited for any more goes on in its thread.
        """
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return [host]
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._begin(host)
        return await asyncio.shield(lookup)

    def _begin(self, host: str) -> _Lookup:
        if len(self._lookups) >= MAX_LOOKUPS:
            raise OSError(f"{MAX_LOOKUPS} names are being looked up already")
        loop = asyncio.get_running_loop()
        lookup: _Lookup = loop.create_future()
        try:
            threading.Thread(target=_look_up, args=(host, loop, lookup), daemon=True).start()
        except RuntimeError as error:
            raise OSError(str(error)) from error
        self._lookups[host] = lookup
        lookup.add_done_callback(lambda _: self._end(host, lookup))
        return lookup

    def _end(self, host: str, lookup: _Lookup) -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            # Where nobody waits any more, an error that nobody takes would be logged.
            lookup.exception()


def _look_up(host: str, loop: asyncio.AbstractEventLoop, lookup: _Lookup) -> None:
    addresses: list[str] = []
    problem: OSError | None = None
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))[:MAX_ADDRESSES]
    except (OSError, ValueError) as error:
        problem = error if isinstance(error, OSError) else OSError(str(error))
    # The loop may have ended meanwhile.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, lookup, addresses, problem)


def _settle(lookup: _Lookup, addresses: list[str], problem: OSError | None) -> None:
    if problem is None:
        lookup.set_result(addresses)
    else:
        lookup.set_exception(problem)
