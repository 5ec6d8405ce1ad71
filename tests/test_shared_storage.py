"""A storage that is not one server's alone: other servers' files, and other people's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_apimart.cli import announce
from fake_apimart.settings.settings import Settings

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, JPEG, ServerThread
from tests.keeping_store import KeepingStore, Kept
from tests.stores import environment

TASK = {"model": "gpt-image-2", "prompt": "a cat"}
ALL = {"Content-Type": "application/json"}
FOREIGN = ("image/photo.jpg", "image/My file.pdf", "image/照片.png", "task/notes", "world/readme")


@pytest.fixture
def keeping() -> Iterator[KeepingStore]:
    with KeepingStore() as running, environment(running.store.env):
        yield running


@pytest.fixture(params=["dir", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the location of a storage that has files of other programs too."""
    if request.param == "dir":
        for key in FOREIGN:
            path = tmp_path / "objects" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        return f"dir:{tmp_path}"
    keeping: KeepingStore = request.getfixturevalue("keeping")
    keeping.objects.update({f"fake-apimart/{key}": Kept(b"x", {}) for key in FOREIGN})
    return "s3://bucket"


def upload(server: ServerThread, name: str = "a.jpg") -> str:
    files = {"file": (name, JPEG)}
    answer = httpx.post(f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files=files)
    return str(answer.raise_for_status().json()["url"])


def uploads_of(server: ServerThread) -> list[str]:
    answer = httpx.get(f"{server.url}/_fake/uploads", headers=AUTHORIZED)
    return [each["filename"] for each in answer.raise_for_status().json()["uploads"]]


def reset(server: ServerThread, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{server.url}/_fake/reset", headers=headers, json={}, timeout=30)
    answer.raise_for_status()


def test_reset_of_all_deletes_what_another_server_has_stored_and_nothing_of_other_programs(
    location: str, start_server: StartServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    one, other = (start_server(storage=location) for _ in range(2))
    upload(one, "1.jpg")
    assert uploads_of(other) == ["1.jpg"]
    url = upload(one, "2.jpg")
    reset(other, ALL)
    assert httpx.get(url).status_code == 403
    assert uploads_of(one) == uploads_of(other) == []
    if location.startswith("dir:"):
        root = tmp_path / "objects"
        left = {str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()}
    else:
        stored = request.getfixturevalue("keeping").objects
        left = {key.removeprefix("fake-apimart/") for key in stored}
    assert left >= set(FOREIGN)
    assert {key for key in left if key.startswith(("image/", "task/"))} <= set(FOREIGN)


def test_reset_of_a_world_deletes_what_each_server_of_a_shared_state_has_stored(
    location: str, redis_url: str, start_server: StartServer
) -> None:
    one, other = (start_server(storage=location, state=redis_url, task_seconds=0) for _ in range(2))
    urls = [upload(one, "1.jpg"), upload(other, "2.jpg"), upload(one, "3.jpg")]
    assert uploads_of(one) == uploads_of(other) == ["1.jpg", "2.jpg", "3.jpg"]
    created = httpx.post(f"{one.url}/v1/images/generations", headers=AUTHORIZED, json=TASK)
    task = f"/v1/tasks/{created.json()['data'][0]['task_id']}"
    done = httpx.get(one.url + task, headers=AUTHORIZED).json()["data"]
    urls += [upload(one, "4.jpg"), *done["result"]["images"][0]["url"]]
    reset(other, AUTHORIZED)
    assert [httpx.get(url).status_code for url in urls] == [403] * 5
    assert uploads_of(one) == uploads_of(other) == []


def test_reset_of_a_world_deletes_its_results_and_tasks(
    location: str, start_server: StartServer
) -> None:
    server = start_server(storage=location, task_seconds=0)
    created = httpx.post(f"{server.url}/v1/images/generations", headers=AUTHORIZED, json=TASK)
    task = f"/v1/tasks/{created.json()['data'][0]['task_id']}"
    done = httpx.get(server.url + task, headers=AUTHORIZED).json()["data"]
    (url,) = done["result"]["images"][0]["url"]
    assert httpx.get(url).status_code == 200
    assert uploads_of(server) == []
    reset(server, AUTHORIZED)
    assert httpx.get(url).status_code == 403
    assert httpx.get(server.url + task, headers=AUTHORIZED).status_code == 400


def test_reset_and_list_cost_few_requests(keeping: KeepingStore, start_server: StartServer) -> None:
    server = start_server(storage="s3://bucket")
    for _ in range(30):
        upload(server)
    keeping.asked.clear()
    assert len(uploads_of(server)) == 30
    assert (len(keeping.asked), keeping.counted("HEAD")) == (31, 30)
    assert keeping.counted("GET", "list-type") == 1
    keeping.asked.clear()
    reset(server, AUTHORIZED)
    assert not [key for key in keeping.objects if "/image/" in key]
    assert keeping.counted("HEAD") == 0
    assert len(keeping.asked) < 20
    for _ in range(30):
        upload(server)
    keeping.asked.clear()
    reset(server, ALL)
    assert not keeping.objects
    assert keeping.counted("HEAD") == 0
    assert len(keeping.asked) < 20


def test_server_that_was_started_anew_reads_a_description_once(
    keeping: KeepingStore, start_server: StartServer
) -> None:
    first = start_server(storage="s3://bucket")
    for _ in range(20):
        upload(first)
    second = start_server(storage="s3://bucket")
    keeping.asked.clear()
    assert len(uploads_of(second)) == 20
    assert keeping.counted("HEAD") == 20
    keeping.asked.clear()
    reset(second, AUTHORIZED)
    assert keeping.counted("HEAD") == 0
    assert uploads_of(second) == []


def test_storage_is_told_with_the_prefix_that_the_setting_leaves_out(
    keeping: KeepingStore, start_server: StartServer
) -> None:
    for setting, told in (
        ("s3://bucket", "s3://bucket/fake-apimart"),
        ("s3://bucket/.", "s3://bucket/."),
    ):
        server = start_server(storage=setting)
        assert httpx.get(f"{server.url}/_fake/health").json()["storage"] == told


def test_announcement_tells_the_prefix_that_the_setting_leaves_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    announce("http://127.0.0.1:8080", Settings(storage="s3://bucket"))
    assert "(storage: s3://bucket/fake-apimart)\n" in capsys.readouterr().out
