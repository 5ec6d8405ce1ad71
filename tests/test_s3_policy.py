"""The policy of docs/storage.md is enough for a server, as far as MinIO knows policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG
from tests.stores import REGION, Store, environment

PAGE = Path(__file__).parents[1] / "docs" / "storage.md"
ROLE = "arn:aws:iam::123456789012:role/test"


def policy(bucket: str, prefix: str) -> str:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (text,) = [block for block in blocks if "s3:GetObject" in block]
    json.loads(text)
    return str(text).replace("BUCKET", bucket).replace("PREFIX", prefix)


@pytest.fixture(params=[False, True], ids=["new bucket", "versioned bucket"])
def store(request: pytest.FixtureRequest, minio_store: Store, bucket: str) -> Iterator[Store]:
    """Yield a MinIO, in whose environment are temporary credentials with the page's policy."""
    if request.param:
        client = minio_store.client()
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with environment(minio_store.env):
        sts = boto3.client("sts", endpoint_url=minio_store.endpoint, region_name=REGION)
        made = sts.assume_role(
            RoleArn=ROLE, RoleSessionName="test", Policy=policy(bucket, "p"), DurationSeconds=900
        )["Credentials"]
        variables = {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }
        with environment({**minio_store.env, **variables}):
            yield minio_store


def test_server_has_all_it_needs_by_the_policy(
    store: Store,
    bucket: str,
    start_server: StartServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = start_server(storage=f"s3://{bucket}/p", delivery="redirect")
    for size in (0, 9_000_000):
        files = {"file": ("a.png", PNG + bytes(size))}
        url = f"{server.url}/v1/uploads/images"
        file = httpx.post(url, headers=AUTHORIZED, files=files, timeout=60).json()["url"]
        assert httpx.get(file, follow_redirects=True).content == PNG + bytes(size)
    assert httpx.post(f"{server.url}/_fake/reset", json={}).is_success
    server.stop()
    assert store.keys(bucket) == []
    listed = store.client().list_object_versions(Bucket=bucket)
    assert not [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
    lines = caplog.text + capfd.readouterr().err
    assert [line for line in lines.splitlines() if " WARNING " in line or " ERROR " in line] == []
