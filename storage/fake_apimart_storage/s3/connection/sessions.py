"""Sessions of HTTP beside boto3's own, with which its requests are sent where that must be ours."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_s3 import S3Client

UNSENT_BYTES = 128 * 1024
"""How much the kernel holds of a body beside what is under way."""

_WITH_BODIES = ("PutObject", "UploadPart")


def session(
    core: Session, endpoint: str, connections: int, connect: float, read: float
) -> URLLib3Session:
    """Return a session for `endpoint` as boto3 itself would make it, with these timeouts.

    `connect` is also the timeout of each block that is sent. The kernel would take megabytes of a
    body at once, so that on a slow line it would look as if the store were silent for the time that
    they take; it takes little more than what is under way.
    """
    # Its annotations are narrower than what it takes.
    options: dict[str, Any] = {
        "verify": core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE"),
        "timeout": (connect, read),
        "socket_options": _socket_options(),
    }
    return URLLib3Session(
        **{name: value for name, value in options.items() if value is not None},
        proxies=get_environ_proxies(endpoint),
        max_pool_connections=connections,
    )


def send_bodies_by(client: S3Client, bodies: URLLib3Session) -> None:
    """Let `client` send objects and parts by a session of their own."""

    def send(request: Any, **_: Any) -> Any:
        return bodies.send(request)

    for operation in _WITH_BODIES:
        client.meta.events.register(f"before-send.s3.{operation}", send)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    # Windows has no such option, and holds little by itself.
    unsent = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    return options if unsent is None else [*options, (socket.IPPROTO_TCP, unsent, UNSENT_BYTES)]
