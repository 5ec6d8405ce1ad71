"""S3: small files read through the server, by boto3 alone, and by bare GETs of presigned URLs.

Run `python -m benchmarks.stores.s3_reads`. It needs a MinIO: CONTRIBUTING.md says where to get one.

All three read the same object of 50 KB from the same MinIO, in turns, over eight connections at a
time. boto3's `get_object` runs in as many threads of this process, with one client for all.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from benchmarks.load import once, read_response, request, upload_request
from benchmarks.servers.running import BUCKET, RunningServer
from benchmarks.stores.s3 import running_store
from tests.stores import REGION, Store

SIZE = 50_000
CONNECTIONS = 8
_PER_CONNECTION = 60

Read = Callable[[], None]


@dataclass(frozen=True)
class ReadsFigure:
    """Milliseconds of wall time per GET, through the fake, by boto3 alone, and bare, by round."""

    fake: tuple[float, ...]
    boto3: tuple[float, ...]
    bare: tuple[float, ...]

    def __str__(self) -> str:
        to_boto3, to_bare = (
            sorted(fake / other for fake, other in zip(self.fake, others, strict=True))
            for others in (self.boto3, self.bare)
        )
        return (
            f"50 KB x 8 from S3: {statistics.median(self.fake):.2f} ms through the fake, "
            f"{statistics.median(self.boto3):.2f} ms by boto3's get_object, "
            f"{statistics.median(self.bare):.2f} ms by bare GETs; ratio to boto3 "
            f"{statistics.median(to_boto3):.2f} ({to_boto3[0]:.2f} to {to_boto3[-1]:.2f}, "
            f"target 1.35), to bare {statistics.median(to_bare):.2f}"
        )


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stores.s3_reads", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=9)
    with running_store() as store:
        print(measure(store, parser.parse_args().rounds))


def measure(store: Store, rounds: int) -> ReadsFigure:
    """Measure all three in turns."""
    with RunningServer("fake s3:") as server:
        path = once(upload_request(SIZE), server.port).split(b"/f/image/")[1].split(b'"')[0]
        name = path.decode()
        client = boto3.client(
            "s3", region_name=REGION, config=Config(max_pool_connections=CONNECTIONS)
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        key = next(each for each in keys if each.endswith(name))
        target = {"Bucket": BUCKET, "Key": key}
        presigned = urlsplit(client.generate_presigned_url("get_object", Params=target))
        bare = request(b"GET", f"{presigned.path}?{presigned.query}".encode()).replace(
            b"Host: 127.0.0.1\r\nAuthorization: Bearer bench", f"Host: {presigned.netloc}".encode()
        )

        def by_boto3() -> Read:
            def read() -> None:
                assert len(client.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == SIZE

            return read

        makers = (
            lambda: _over_a_socket(server.port, request(b"GET", b"/f/image/" + path)),
            by_boto3,
            lambda: _over_a_socket(presigned.port or 80, bare),
        )
        for make in makers:
            _time(make)
        figures = [tuple(_time(make) for make in makers) for _ in range(rounds)]
    return ReadsFigure(*zip(*figures, strict=True))


def _over_a_socket(port: int, sent: bytes) -> Read:
    connection = socket.create_connection(("127.0.0.1", port))
    scratch = bytearray(65_536)

    def read() -> None:
        connection.sendall(sent)
        assert read_response(connection, scratch).startswith(b"HTTP/1.1 200")

    return read


def _time(make: Callable[[], Read]) -> float:
    """Return the milliseconds per read, of eight at a time."""
    reads = [make() for _ in range(CONNECTIONS)]

    def run(read: Read) -> None:
        for _ in range(_PER_CONNECTION):
            read()

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(run, reads))
    return (time.perf_counter() - started) * 1000 / (CONNECTIONS * _PER_CONNECTION)


if __name__ == "__main__":
    main()
