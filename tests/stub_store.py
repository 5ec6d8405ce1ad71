"""A small S3 store in this process, which can be told to answer anything to any operation."""

from __future__ import annotations

import hashlib
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from xml.sax.saxutils import escape

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_BUCKET_QUERIES = {
    ("GET", "location"): "GetBucketLocation",
    ("GET", "lifecycle"): "GetBucketLifecycleConfiguration",
    ("PUT", "lifecycle"): "PutBucketLifecycleConfiguration",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "object-lock"): "GetObjectLockConfiguration",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "list-type"): "ListObjectsV2",
    ("POST", "delete"): "DeleteObjects",
}
_KEY_QUERIES = {
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
_BUCKET_METHODS = {"HEAD": "HeadBucket", "PUT": "CreateBucket"}
_KEY_METHODS = {
    "PUT": "PutObject",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
}
OPERATIONS = sorted(
    {
        *_BUCKET_QUERIES.values(),
        *_KEY_QUERIES.values(),
        *_BUCKET_METHODS.values(),
        *_KEY_METHODS.values(),
    }
)


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return a whole answer, which says another length than it has where `length` is given."""
    size = len(body) if length is None else length
    head = "".join(
        f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {size}", *lines)
    )
    return f"{head}\r\n".encode("latin-1") + body


def xml(root: str, content: str = "", *lines: str, status: str = "200 OK") -> bytes:
    """Return an answer whose body is an XML document."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {_NAMESPACE}>{content}</{root}>'
    return answer(text.encode(), "Content-Type: application/xml", *lines, status=status)


def error(status: str, code: str, message: str = "", *lines: str) -> bytes:
    """Return an error as S3 sends it."""
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return answer(body.encode(), "Content-Type: application/xml", *lines, status=status)


@dataclass
class Request:
    """A request as it came, and what it is in S3's words."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    host: str = ""
    bucket: str = ""
    key: str = ""
    query: dict[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        queries, methods = (
            (_KEY_QUERIES, _KEY_METHODS) if self.key else (_BUCKET_QUERIES, _BUCKET_METHODS)
        )
        named = (queries.get((self.method, name)) for name in self.query)
        return next(filter(None, named), methods.get(self.method, ""))


class StubStore(socketserver.ThreadingTCPServer):
    """A store with one bucket that is there; `said` has the answers that it gives instead.

    With a `domain` it takes only requests that have the bucket in the host name, and is reached as
    an HTTP proxy.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, domain: str = "") -> None:
        self.said: dict[str, bytes] = {}
        self.domain = domain
        self.requests: list[Request] = []
        self.sent: dict[str, int] = {}
        self.objects: dict[str, tuple[bytes, list[str]]] = {}
        self._parts: dict[str, list[str]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def endpoint(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment variables with which AWS tools reach it."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL_S3": f"http://{self.domain}" if self.domain else self.endpoint,
            "AWS_REGION": "us-east-1",
            **dict.fromkeys(("HTTP_PROXY", "http_proxy"), self.endpoint if self.domain else ""),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
        }

    def operations(self) -> list[str]:
        """Return the operations that were asked for, in order."""
        return [each.operation for each in self.requests]

    def reply(self, request: Request) -> bytes:
        request.host = request.headers.get("host", "").partition(":")[0]
        url = urllib.parse.urlsplit(request.target)
        path = urllib.parse.unquote(url.path).removeprefix("/")
        request.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if self.domain and request.host != self.domain:
            request.bucket, request.key = request.host.removesuffix(f".{self.domain}"), path
        else:
            request.bucket, _, request.key = path.partition("/")
        self.requests.append(request)
        if self.domain and request.host == self.domain:
            return error("403 Forbidden", "SecondLevelDomainForbidden", "use virtual hosts")
        said = self.said.get(request.operation)
        return self._answer(request) if said is None else said

    def _answer(self, request: Request) -> bytes:
        handler = getattr(self, f"_{request.operation}", None)
        if handler is None:
            return answer(b"") if request.method == "HEAD" else xml("Empty")
        reply: bytes = handler(request)
        return reply

    def _GetBucketLocation(self, _: Request) -> bytes:  # noqa: N802
        return xml("LocationConstraint")

    def _GetBucketLifecycleConfiguration(self, _: Request) -> bytes:  # noqa: N802
        return error("404 Not Found", "NoSuchLifecycleConfiguration")

    def _GetBucketVersioning(self, _: Request) -> bytes:  # noqa: N802
        return xml("VersioningConfiguration")

    def _GetObjectLockConfiguration(self, _: Request) -> bytes:  # noqa: N802
        return error("404 Not Found", "ObjectLockConfigurationNotFoundError")

    def _ListMultipartUploads(self, request: Request) -> bytes:  # noqa: N802
        listed = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId></Upload>"
            for upload_id, (key, *_) in self._parts.items()
        )
        return xml("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{listed}")

    def _ListObjectsV2(self, request: Request) -> bytes:  # noqa: N802
        keys = [key for key in self.objects if key.startswith(request.query.get("prefix", ""))]
        listed = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
        return xml("ListBucketResult", f"<Name>b</Name><IsTruncated>false</IsTruncated>{listed}")

    def _PutObject(self, request: Request) -> bytes:  # noqa: N802
        etag = f'ETag: "{hashlib.md5(request.body, usedforsecurity=False).hexdigest()}"'
        lines = [f"{k}: {v}" for k, v in request.headers.items() if k.startswith("x-amz-meta-")]
        kind = request.headers.get("content-type", "")
        self.objects[request.key] = request.body, [*lines, etag, f"Content-Type: {kind}"]
        return answer(b"", etag)

    def _CreateMultipartUpload(self, request: Request) -> bytes:  # noqa: N802
        upload_id = f"upload-{len(self._parts)}"
        self._parts[upload_id] = [request.key]
        return xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")

    def _UploadPart(self, _: Request) -> bytes:  # noqa: N802
        return answer(b"", 'ETag: "part"')

    def _CompleteMultipartUpload(self, request: Request) -> bytes:  # noqa: N802
        self._parts.pop(request.query["uploadId"], None)
        return xml("CompleteMultipartUploadResult", '<ETag>"whole-1"</ETag>')

    def _AbortMultipartUpload(self, request: Request) -> bytes:  # noqa: N802
        self._parts.pop(request.query["uploadId"], None)
        return answer(b"", status="204 No Content")

    def _GetObject(self, request: Request) -> bytes:  # noqa: N802
        if request.key not in self.objects:
            return error("404 Not Found", "NoSuchKey", "The specified key does not exist.")
        content, lines = self.objects[request.key]
        wanted = request.headers.get("range", "")
        if not wanted:
            return answer(content, *lines)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1]
        span = f"Content-Range: bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return answer(part, *lines, span, status="206 Partial Content")

    def _DeleteObject(self, request: Request) -> bytes:  # noqa: N802
        self.objects.pop(request.key, None)
        return answer(b"", status="204 No Content")


def _is_whole(reply: bytes) -> bool:
    head, _, body = reply.partition(b"\r\n\r\n")
    return f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


class _Handler(socketserver.StreamRequestHandler):
    server: StubStore

    def handle(self) -> None:
        while (request := self._read()) is not None:
            reply = self.server.reply(request)
            sent = self.server.sent
            operation = request.operation
            for start in range(0, len(reply), 65_536):
                piece = reply[start : start + 65_536]
                try:
                    self.wfile.write(piece)
                except OSError:
                    return
                sent[operation] = sent.get(operation, 0) + len(piece)
            if not _is_whole(reply):
                # The client must see that nothing follows.
                return

    def _read(self) -> Request | None:
        line = self.rfile.readline(65_536).decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = dict(self._headers())
        body = b""
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length := int(headers.get("content-length", 0)):
            body = self.rfile.read(length)
        return Request(line[0], line[1], headers, body)

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline(65_536).decode("latin-1").strip():
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()
