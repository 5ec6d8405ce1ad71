"""The socket that a server listens on: a new one, or one that listens already."""

from __future__ import annotations

import errno
import socket
import sys

from fake_apimart.common.addresses import local_url, url_at
from fake_apimart.common.redaction import redacted_text
from fake_apimart.common.texts import one_line
from fake_apimart.settings.names import flag_of, variable_of
from fake_apimart.settings.reading import InvalidSettings
from fake_apimart.settings.settings import Settings

BACKLOG = 2048
_PROBE_SECONDS = 1.0
"""How long who has taken the port may take to say who it is."""
_MAX_SHOWN_CHARACTERS = 60


def listener_of(settings: Settings, listen_fd: int | None) -> socket.socket:
    """Return the socket that listens already, or a new one. Raises InvalidSettings."""
    return listen(settings) if listen_fd is None else inherited(listen_fd)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises InvalidSettings."""
    try:
        addresses = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidSettings(f"{variable_of('host')}={settings.host}: {reason}") from None
    family, _, _, _, address = addresses[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            # On Windows the same option would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidSettings(_bind_problem(settings, error)) from None
    return listener


def inherited(descriptor: int) -> socket.socket:
    """Return the listening socket that this process was started with. Raises InvalidSettings."""
    try:
        listener = socket.socket(fileno=descriptor)
        listener.getsockname()
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it does not listen")
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidSettings(f"--listen-fd {descriptor}: {reason}") from None
    return listener


def _bind_problem(settings: Settings, error: OSError) -> str:
    problem = (
        f"{variable_of('host')}={settings.host}, {variable_of('port')}={settings.port}: "
        f"cannot listen there: {error.strerror or error}"
    )
    if error.errno != errno.EADDRINUSE:
        return problem
    url = local_url(url_at(settings.host, settings.port))
    flag = flag_of("port")
    return f"{problem} by {_who_is_at(url)}; name another by {flag}, or take a free one by {flag} 0"


def _who_is_at(url: str) -> str:
    """Return in words what is known of who listens at a URL already."""
    # Imported here since hardly a start asks, and a client of HTTP would slow all of them.
    from fake_apimart import probe

    try:
        reply = probe.ask(url, _PROBE_SECONDS)
    except probe.NoReply:
        return "a program that does not answer HTTP"
    if reply.version:
        return f"another fake-apimart (version {_short(reply.version)})"
    return f"another server{f' ({_short(reply.server)})' if reply.server else ''}"


def _short(text: str) -> str:
    return one_line(redacted_text(text))[:_MAX_SHOWN_CHARACTERS]


def url_of(listener: socket.socket) -> str:
    """Return the URL of the address that `listener` is bound to."""
    return url_at(*listener.getsockname()[:2])
