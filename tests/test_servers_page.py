"""Every block of docs/servers.md, run as its reader would."""

from __future__ import annotations

import re
import shlex

import pytest
from fake_apimart.settings.names import PREFIX as PREFIX_OF_VARIABLES
from fake_apimart.settings.settings import Settings
from fake_apimart_testing import FakeAPIMart

from tests.asgi_servers import BLOCKS, OUTER, PAGE, PREFIX, Process, mounted_in_uvicorn
from tests.harness import JPEG, PNG
from tests.inner_runs import without_plugins
from tests.stores import environment
from tests.worlds import upload_url

COMMANDS = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
TESTS = [code for language, code in BLOCKS if language == "python" and code != OUTER]


def test_no_block_is_left_unread() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python", "nginx", "yaml"}
    assert (len(COMMANDS), len(TESTS)) == (6, 2)
    assert all("def test_" in code for code in TESTS)


def test_proxies_state_what_counts_and_settings_are_known() -> None:
    (nginx,) = (code for language, code in BLOCKS if language == "nginx")
    stated = re.findall(r"proxy_set_header (X-\S+)", nginx)
    assert stated == ["X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"]
    (compose,) = (code for language, code in BLOCKS if language == "yaml")
    given = re.findall(r"^ +(FAKE_APIMART_\w+): ([^$\n]+)", compose, re.MULTILINE)
    assert len(given) == 3
    values = {name.removeprefix(PREFIX_OF_VARIABLES).lower(): value for name, value in given}
    settings = Settings.model_validate(values)
    assert set(values) == settings.model_fields_set
    named = re.findall(r"`(FAKE_APIMART_\w+)", PAGE)
    assert {name.removeprefix(PREFIX_OF_VARIABLES).lower() for name in named} <= {
        *Settings.model_fields,
    }


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda line: re.sub(r"\W+", "-", line.partition(" ")[2])
)
def test_command_serves(command: str) -> None:
    words = shlex.split(command.replace("8000", "{port}"))
    settings = dict(word.split("=", 1) for word in words if word.startswith("FAKE_APIMART_"))
    with environment(settings):
        server = Process(words[len(settings) :])
    try:
        server.wait_for("/_fake/health")
        document = server.get("/openapi.json").json()
    finally:
        server.stop()
    assert document["servers"] == [{"url": PREFIX if PREFIX in command else "/"}]


@pytest.mark.subprocess
def test_class_for_testers_drives_a_mounted_server() -> None:
    with (
        environment({"FAKE_APIMART_STORAGE": "memory://"}),
        mounted_in_uvicorn() as server,
        FakeAPIMart(server.base) as apimart,
    ):
        url = upload_url(apimart)
        (uploaded,) = apimart.uploads
        assert (uploaded.url, uploaded.read()) == (url, JPEG)
        apimart.clock.advance(hours=72)
        assert server.get(url).status_code == 403


def test_tests_on_the_page_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("\n\n".join(TESTS))
    (pytester.path / "photo.png").write_bytes(PNG)
    result = pytester.runpytest_subprocess(*without_plugins(), "-W", "error")
    result.assert_outcomes(passed="".join(TESTS).count("def test_"))
