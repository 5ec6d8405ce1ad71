"""S3 stores that the tests start: moto's server, and a real MinIO and VersityGW, if there."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.go_programs import MINIO, VERSITYGW
from tests.harness import DEADLINE_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """A running store, and the environment variables with which AWS tools reach it."""

    endpoint: str

    @property
    def env(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": REGION,
            # The user's own AWS configuration must not be read.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> S3Client:
        """Return an S3 client independent of the one under test."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def keys(self, bucket: str) -> list[str]:
        """List the keys of all objects in a bucket."""
        listed = self.client().list_objects_v2(Bucket=bucket)
        return [each["Key"] for each in listed.get("Contents", ())]

    def unfinished(self, bucket: str) -> list[str]:
        """List the keys of all multipart uploads that are neither completed nor aborted."""
        listed = self.client().list_multipart_uploads(Bucket=bucket)
        return [each["Key"] for each in listed.get("Uploads", ())]

    def unfinished_parts(self, bucket: str, key: str) -> int:
        """Count the stored parts of an unfinished multipart upload."""
        client = self.client()
        listed = client.list_multipart_uploads(Bucket=bucket)
        uploads = [each for each in listed.get("Uploads", ()) if each["Key"] == key]
        parts = (
            client.list_parts(Bucket=bucket, Key=key, UploadId=each["UploadId"]).get("Parts", ())
            for each in uploads
        )
        return sum(map(len, parts))


class StoreProcess:
    """A store in a separate process that can be killed and restarted on the same port."""

    def __init__(self, command: list[str], port: int, path: str, env: Mapping[str, str]) -> None:
        self.store = Store(f"http://127.0.0.1:{port}")
        self._command = command
        self._path = path
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, f"{self._command[0]} did not start"
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            health = httpx.get(self.store.endpoint + self._path)
            # A MinIO that calls itself ready may still answer that it is not initialized.
            refusal = httpx.get(self.store.endpoint)
            return health.is_success and refusal.status_code < httpx.codes.INTERNAL_SERVER_ERROR
        return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def moto() -> StoreProcess:
    """Return moto's server, not started. It accepts any signature, and its URLs never expire."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return StoreProcess(command, port, "/moto-api/", {})


def minio(
    folder: Path, port: int | None = None, secret_key: str = SECRET_KEY, region: str = REGION
) -> StoreProcess:
    """Return a MinIO with its data in `folder`, not started. Skip the test without a binary."""
    port = port or free_port()
    address = f"127.0.0.1:{port}"
    command = [str(MINIO.path()), "server", str(folder), "--address", address, "--quiet"]
    env = {
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": secret_key,
        "MINIO_SITE_REGION": region,
        "MINIO_BROWSER": "off",
    }
    return StoreProcess(command, port, "/minio/health/ready", env)


def versitygw(folder: Path) -> StoreProcess:
    """Return a VersityGW with its data in `folder`, not started. Skip the test without a binary."""
    port = free_port()
    address = ("--port", f"127.0.0.1:{port}", "--health", "/health", "--quiet")
    folder.mkdir(exist_ok=True)
    command = [str(VERSITYGW.path()), *address, "posix", str(folder)]
    env = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
    return StoreProcess(command, port, "/health", env)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the duration of the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
