"""Receivers of callbacks that behave as a test says, on sockets of this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What is done with a connection whose request was read, until the event says that all ends."""


class Request:
    """A request that a receiver has read."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines[1:])
        }
        self.data: Any = json.loads(body)


class Receiver:
    """Accepts connections, reads a request on each, and then does as `behaviours` say in turn.

    The last of them is for all further connections. With a certificate it speaks TLS.
    """

    def __init__(self, *behaviours: Behaviour, certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._behaviours = list(behaviours)
        self._ended = threading.Event()
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                behave = self._behaviours[0]
                if len(self._behaviours) > 1:
                    del self._behaviours[0]
                threading.Thread(target=self._serve, args=(accepted, behave), daemon=True).start()

    def _serve(self, accepted: socket.socket, behave: Behaviour) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(accepted).settimeout(20)
            if self._tls is not None:
                accepted = self._tls.wrap_socket(accepted, server_side=True)
                stack.enter_context(accepted)
            if not getattr(behave, "reads_nothing", False):
                self.requests.append(_read(accepted))
            behave(accepted, self._ended)


def _read(accepted: socket.socket) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(accepted)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")
    )
    while len(body) < length:
        body += _some(accepted)
    return Request(head, body)


def _some(accepted: socket.socket) -> bytes:
    chunk = accepted.recv(65536)
    if not chunk:
        raise ConnectionResetError
    return chunk


def sends(*chunks: bytes, endlessly: bytes = b"", then_waits: bool = False) -> Behaviour:
    """Return a behaviour: send chunks, then one without end, or wait, or close."""

    def behave(accepted: socket.socket, ended: threading.Event) -> None:
        for chunk in chunks:
            accepted.sendall(chunk)
        while endlessly and not ended.is_set():
            accepted.sendall(endlessly)
        if then_waits:
            ended.wait()

    return behave


def answers(status: int, *headers: str) -> Behaviour:
    """Return a behaviour: answer with a status and an empty body."""
    lines = [f"HTTP/1.1 {status} X", "Content-Length: 0", *headers, "", ""]
    return sends("\r\n".join(lines).encode())


hangs = sends(then_waits=True)


def closes(accepted: socket.socket, ended: threading.Event) -> None:
    """Close at once, before anything is read."""


closes.reads_nothing = True  # type: ignore[attr-defined]


def echoes(accepted: socket.socket, ended: threading.Event) -> None:
    """Send back what comes, as an echo does."""
    while chunk := accepted.recv(65536):
        accepted.sendall(chunk)


echoes.reads_nothing = True  # type: ignore[attr-defined]


@contextlib.contextmanager
def deaf(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Yield the URL of a port that accepts no connection, since its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://{host}:{address[1]}"


def self_signed(folder: Path, host: str) -> Path:
    """Return a file with a new key and a certificate for `host` that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
