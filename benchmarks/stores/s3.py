"""S3: uploads of 20 MB through the server compared with boto3 alone, and memory.

Run `python -m benchmarks.stores.s3`. It needs a MinIO: CONTRIBUTING.md says where to get one.

The baseline is `upload_fileobj` of one boto3 client with its defaults (parts of 8 MiB, 10 threads,
checksums) in this process. The server gets the same bytes over a raw keep-alive socket. Both write
in turns to the same MinIO, whose data is in memory.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import io
import json
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import boto3

from benchmarks.load import read_response, upload_request
from benchmarks.servers.running import RunningServer, scratch_folder
from tests.stores import REGION, Store, environment, minio
from tests.tcp_proxy import TCPProxy

SIZE = 20_000_000
CONCURRENT = 32
_MEGABYTE = 1_000_000
_PER_ROUND = 5


@dataclass(frozen=True)
class S3Figure:
    """Seconds per upload, through the fake and with boto3 alone, round by round."""

    fake: tuple[float, ...]
    boto3: tuple[float, ...]

    def __str__(self) -> str:
        ratios = sorted(fake / direct for fake, direct in zip(self.fake, self.boto3, strict=True))
        return (
            f"20 MB to S3: {statistics.median(self.fake) * 1000:.0f} ms through the fake, "
            f"{statistics.median(self.boto3) * 1000:.0f} ms by boto3's upload_fileobj; ratio "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, target 1.3)"
        )


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores.s3", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with running_store() as store:
        print(measure(store, rounds))
        with TCPProxy(store.endpoint) as proxy:
            for hangs in (False, True):
                _measure_memory(proxy, hangs)


@contextlib.contextmanager
def running_store() -> Iterator[Store]:
    """Run a MinIO with its data in memory, and set the environment variables that lead to it."""
    folder = scratch_folder()
    try:
        with minio(folder) as running, environment(running.store.env):
            yield running.store
    finally:
        shutil.rmtree(folder)


def empty(bucket: str) -> None:
    """Delete all objects of a bucket, to free memory for the other runs."""
    client = boto3.client("s3", region_name=REGION)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": each["Key"]} for each in page.get("Contents", ())]
        if keys:
            client.delete_objects(Bucket=bucket, Delete={"Objects": keys})  # type: ignore[typeddict-item]
    client.close()


def measure(store: Store, rounds: int) -> S3Figure:
    """Measure both in turns, with several uploads per round."""
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket="direct")
    request = upload_request(SIZE)
    body = request[-SIZE:]
    with (
        RunningServer("fake s3:") as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        scratch = bytearray(65536)

        def through_the_fake() -> None:
            sock.sendall(request)
            assert read_response(sock, scratch).startswith(b"HTTP/1.1 200")

        def direct() -> None:
            client.upload_fileobj(io.BytesIO(body), "direct", "file")

        for warm_up in (through_the_fake, direct):
            _time(warm_up)
        pairs = [(_time(through_the_fake), _time(direct)) for _ in range(rounds)]
    return S3Figure(*zip(*pairs, strict=True))


def _time(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(_PER_ROUND):
        action()
    return (time.perf_counter() - started) / _PER_ROUND


def _measure_memory(proxy: TCPProxy, hangs: bool) -> None:
    with environment({"AWS_ENDPOINT_URL_S3": proxy.endpoint}), RunningServer("fake s3:") as server:
        _upload(server.port, upload_request(SIZE))
        before = server.memory("VmRSS")
        if hangs:
            proxy.hang()
        request = upload_request(SIZE)
        started = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(CONCURRENT) as clients:
            jobs = [clients.submit(_upload, server.port, request) for _ in range(CONCURRENT)]
        statuses = sorted({job.result() for job in jobs})
        rise = (server.memory("VmHWM") - before) / _MEGABYTE
        proxy.pass_on()
        print(
            f"{CONCURRENT} uploads of 20 MB at once, store {'hangs' if hangs else 'answers'}: "
            f"{before / _MEGABYTE:.0f} MB before, rise {rise:.0f} MB, answers {statuses} "
            f"within {time.perf_counter() - started:.1f} s"
        )


def _upload(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        head, _, body = read_response(sock, bytearray(65536)).partition(b"\r\n\r\n")
        json.loads(body)
        return int(head.split(b" ")[1])


if __name__ == "__main__":
    main()
