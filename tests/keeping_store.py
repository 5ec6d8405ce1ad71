"""A small S3 store that keeps what it is given to the byte, and remembers what it was asked.

Stores of the tests that are real change rules, refuse odd keys, and answer too fast to see what
runs at the same time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.stores import Store

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_LONG_AGO = "<Initiated>2020-01-01T00:00:00.000Z</Initiated>"
_TRANSITION = "x-amz-transition-default-minimum-object-size"


@dataclass
class Kept:
    """An object: its bytes, headers that came with it, and when it was written."""

    body: bytes
    headers: dict[str, str]
    written: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Asked:
    """A request: `query` has the names of its parameters, also those without a value."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]


Refusal = Callable[[Asked], tuple[int, str] | None]
"""What status and error code a request is answered with, if it is to be refused."""


def refuses_nothing(asked: Asked) -> tuple[int, str] | None:
    del asked
    return None


class KeepingStore(ThreadingHTTPServer):
    """One bucket, of any name.

    `rules` is its lifecycle document; `page` how many keys a list has at most. It lists all keys
    where no `is_prefix_known`. `refuses` is asked first, and may wait.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Kept] = {}
        self.rules: bytes | None = None
        self.transition = ""
        self.asked: list[Asked] = []
        self.refuses: Refusal = refuses_nothing
        self.page = 1000
        self.is_prefix_known = True
        self.unfinished: list[str] = []
        self.undeletable: set[str] = set()
        self.says_what_is_deleted = True
        self.delay = 0.0
        self.lock = threading.Lock()
        self._serving = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def store(self) -> Store:
        return Store(f"http://127.0.0.1:{self.server_address[1]}")

    def counted(self, method: str, parameter: str | None = None) -> int:
        """Return how many requests came of a method, with a parameter in their query."""
        with self.lock:
            return sum(
                each.method == method and (parameter is None or parameter in each.query)
                for each in self.asked
            )

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: KeepingStore

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Log nothing."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        key = unquote(url.path).removeprefix("/").partition("/")[2]
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, key, query, headers)
        with self.server.lock:
            self.server.asked.append(asked)
        time.sleep(self.server.delay)
        refusal = self.server.refuses(asked)
        if refusal is not None:
            self._refuse(*refusal)
        elif not key:
            self._answer_of_bucket(asked, body)
        else:
            self._answer_of_object(asked, body)

    def _answer_of_bucket(self, asked: Asked, body: bytes) -> None:
        if "lifecycle" in asked.query:
            self._lifecycle(asked, body)
        elif "delete" in asked.query:
            self._delete_many(body)
        elif "list-type" in asked.query:
            self._say(200, self._list(asked.query))
        elif "uploads" in asked.query:
            found = "".join(
                f"<Upload><Key>{key}</Key><UploadId>1</UploadId>{_LONG_AGO}</Upload>"
                for key in self.server.unfinished
            )
            self._say(
                200, f"<ListMultipartUploadsResult>{found}</ListMultipartUploadsResult>".encode()
            )
        else:
            self._say(200)

    def _lifecycle(self, asked: Asked, body: bytes) -> None:
        server = self.server
        if asked.method == "GET":
            if server.rules is None:
                self._refuse(404, "NoSuchLifecycleConfiguration")
                return
            headers = {_TRANSITION: server.transition} if server.transition else {}
            self._say(200, server.rules, headers)
            return
        server.rules = body if asked.method == "PUT" else None
        server.transition = asked.headers.get(_TRANSITION, "")
        self._say(200 if asked.method == "PUT" else 204)

    def _list(self, query: dict[str, str]) -> bytes:
        after = query.get("continuation-token", "")
        with self.server.lock:
            keys = sorted(key for key in self.server.objects if self._is_asked_for(key, query))
        keys = [key for key in keys if key > after]
        most = min(self.server.page, int(query.get("max-keys", "1000")))
        page, is_cut = keys[:most], len(keys) > most
        contents = "".join(map(self._listed, page))
        token = (
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
        )
        return (
            f'<ListBucketResult xmlns="{NAMESPACE}"><EncodingType>url</EncodingType>'
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        ).encode()

    def _is_asked_for(self, key: str, query: dict[str, str]) -> bool:
        return not self.server.is_prefix_known or key.startswith(query["prefix"])

    def _listed(self, key: str) -> str:
        kept = self.server.objects[key]
        written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(kept.written))
        return (
            f"<Contents><Key>{quote(key)}</Key><LastModified>{written}</LastModified>"
            f"<ETag>e</ETag><Size>{len(kept.body)}</Size></Contents>"
        )

    def _delete_many(self, body: bytes) -> None:
        server = self.server
        names = [each.text or "" for each in ET.fromstring(body).iter(f"{{{NAMESPACE}}}Key")]
        said = ""
        with server.lock:
            for name in names:
                if name in server.undeletable:
                    said += f"<Error><Key>{escape(name)}</Key><Code>AccessDenied</Code></Error>"
                    continue
                server.objects.pop(name, None)
                if server.says_what_is_deleted:
                    said += f"<Deleted><Key>{escape(name)}</Key></Deleted>"
        self._say(200, f'<DeleteResult xmlns="{NAMESPACE}">{said}</DeleteResult>'.encode())

    def _answer_of_object(self, asked: Asked, body: bytes) -> None:
        objects, key = self.server.objects, asked.key
        if asked.method == "PUT":
            names = ("content-type", "x-amz-meta-")
            sent = {n: value for n, value in asked.headers.items() if n.startswith(names)}
            with self.server.lock:
                objects[key] = Kept(body, sent)
            self._say(200, headers={"ETag": '"e"'})
        elif asked.method == "DELETE":
            with self.server.lock:
                objects.pop(key, None)
            self._say(204)
        elif (kept := objects.get(key)) is None:
            self._refuse(404, "NoSuchKey")
        else:
            self._say(200, kept.body, {**kept.headers, "ETag": '"e"'})

    def _refuse(self, status: int, code: str) -> None:
        self._say(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def _say(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        lines = {"Date": formatdate(usegmt=True), "Content-Length": str(len(body))}
        self.send_response_only(status)
        for name, value in {**lines, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            if self.command != "HEAD":
                self.wfile.write(body)
