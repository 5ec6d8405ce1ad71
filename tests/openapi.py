"""Runs Schemathesis against a server's own OpenAPI document: `python -m tests.openapi`.

Not a test of the suite, since it takes a minute: `make openapi-test` runs it. Schemathesis imports
this module too, for the hooks at its end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import schemathesis
from fake_apimart.control import requests
from hypothesis import strategies as st
from schemathesis.core.failures import Failure

from tests.generating import create, task_id_of, upload
from tests.harness import AUTHORIZED, JPEG, KEY, PDF, PNG, ServerProcess

ROOT = Path(__file__).parents[1]

SEED = 20260919
MAX_EXAMPLES = 25
"""How many requests are made up for an operation, in each phase and mode."""
TIMEOUT_SECONDS = 300
"""How long one run may take; 10 seconds are usual."""
REQUEST_SECONDS = 10
LONGEST_WAIT_SECONDS = 0.05

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "positive_data_acceptance",
    "negative_data_rejection",
    "ignored_auth",
)
CHECKS_LEFT_OUT = {
    "unsupported_method": "the vendor answers 404 where no operation is, never 405 (live)",
    "allow_header_conformance": "there is no 405 whose Allow it could look at",
    "missing_required_header": "no header is required but the key, which ignored_auth looks at",
    "use_after_free": "a world begins anew when its key is used again, so nothing stays deleted",
    "ensure_resource_availability": "a task that was created is polled by its id, not by a URL",
    "object_level_authorization": "needs users that share objects; tests/test_worlds.py does it",
}
"""The other checks, and why they would say nothing or something wrong."""
ALL_CHECKS = (*CHECKS, *CHECKS_LEFT_OUT)


class Run(NamedTuple):
    """Operations that are tested together, on a server of their own.

    A rule or a clock of the control API would have the operations answer what nobody documented.
    """

    title: str
    filters: tuple[str, ...]
    has_links: bool
    """Whether an answer leads to another operation, which is then called."""


RUNS = (
    Run("The vendor's operations", ("--exclude-tag-regex", "^control: "), True),
    Run("The control API: contents", ("--include-tag", "control: contents"), True),
    Run("The control API: all else", ("--include-tag-regex", "^control: (?!contents)"), False),
)


class Accepted(NamedTuple):
    """A failure that is none: by operation, check, status, and what the body says."""

    operations: str
    """A regular expression that the operation's id matches."""
    check: str
    status: int
    text: str
    """A regular expression that is found in the answer's body."""
    why: str


_REJECTED = "positive_data_acceptance"
_TAKEN = "negative_data_rejection"

ACCEPTED = (
    Accepted(
        "generations_create",
        "not_a_server_error",
        500,
        "build_request_failed: (invalid )?size",
        "the vendor's own documented answer to a size that gpt-image-2 does not have",
    ),
    Accepted(
        "generations_create",
        _REJECTED,
        400,
        "size .* (is not allowed|must have sides)",
        "ratios and sides that are too steep or too long: no schema says so",
    ),
    Accepted(
        "uploads_create",
        _REJECTED,
        400,
        "unsupported image type",
        "bytes made up at random are no picture: no schema says so",
    ),
    Accepted(
        "generations_create",
        _REJECTED,
        400,
        "must be an http or https URL",
        "hosts that no URL can have, such as `[`: the pattern looks at the scheme alone",
    ),
    Accepted(
        "generations_create",
        _REJECTED,
        400,
        "(n|seed) must be an integer",
        "2.0 is an integer by JSON Schema, and none by Go's encoding/json",
    ),
    Accepted(
        "uploads_create",
        _REJECTED,
        400,
        "malformed MIME header",
        "names of further fields that Go does not read either",
    ),
    Accepted(
        "files_get.*",
        _REJECTED,
        412,
        "PreconditionFailed|^$",
        "which ETag and time a file has: no schema says so",
    ),
    Accepted(
        "tasks_get(_page)?",
        _REJECTED,
        400,
        "无效的任务ID|Invalid task ID",
        "the vendor answers 400 to an unknown id, not 404 (docs)",
    ),
    Accepted(
        "control_(add_fault|change_clock)",
        _REJECTED,
        400,
        "exclude each other|expected one of|goes with no other|needs? a status|has no body"
        "|unknown error",
        "fields that go with others or not: said in words",
    ),
    Accepted(
        "control_add_fault",
        _REJECTED,
        400,
        "header's name|printable ASCII|server's own",
        "headers that cannot be sent: said in words",
    ),
    Accepted(
        "control_change_clock",
        _REJECTED,
        400,
        "the clock ends|advance: Input should be less than",
        "where a clock ends depends on where it is",
    ),
    Accepted(
        "control_change_world",
        _REJECTED,
        400,
        "expected a rate such as|expected characters that print|expected at most 200",
        "how rates and labels are written: said in words",
    ),
    Accepted(
        "control_add_upload",
        _REJECTED,
        400,
        "unsupported image type",
        "which bytes are an image: no schema says so",
    ),
    Accepted(
        "control_(add_fault|change_world)",
        _REJECTED,
        400,
        "Input should be a valid integer",
        "2.0 is an integer by JSON Schema, and none to pydantic's strict mode",
    ),
    Accepted(
        "control_.*",
        _REJECTED,
        400,
        "expected a key, whose world the call is about, or `world`: not both",
        "each request here has a key, beside which no call names a world: said in words",
    ),
)
"""What is left out, one by one."""


def main() -> None:
    """Exit with status 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description="Try the operations as the document has them.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--max-examples", type=int, default=MAX_EXAMPLES)
    given = parser.parse_args()
    passed = failed = 0
    for run in RUNS:
        sys.stdout.write(f"{run.title}\n")
        sys.stdout.flush()
        cases = list(_report(run, given.seed, given.max_examples).iter("testcase"))
        broken = [case for case in cases if len(case)]
        passed += len(cases) - len(broken)
        failed += len(broken)
    sys.stdout.write(f"{passed} passed, {failed} failed\n")
    sys.exit(1 if failed or not passed else 0)


def _report(run: Run, seed: int, max_examples: int) -> ET.Element:
    """Return what Schemathesis reports of a run, in JUnit's form: a case for each operation.

    An operation that failed, or could not be tested, says so within its case.
    """
    flags = ("--storage", "memory://", "--api-keys", KEY, "--no-access-log", "--task-seconds", "0")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ServerProcess(*flags))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config, report = folder / "schemathesis.toml", folder / "report.xml"
        config.write_text(_config(server, seed, max_examples, run.has_links), "utf-8")
        program = Path(sys.executable).with_name("schemathesis")
        command = [str(program), "--config-file", str(config), "run", *run.filters, "--no-color"]
        command += ["--report", "junit", "--report-junit-path", str(report)]
        command += [f"{server.url}/openapi.json"]
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.openapi"}
        subprocess.run(command, env=env, cwd=ROOT, timeout=TIMEOUT_SECONDS, check=False)
        return ET.parse(report).getroot()


def _config(server: ServerProcess, seed: int, max_examples: int, has_links: bool) -> str:
    """Return a configuration by which half of all ids and names are those of something real."""
    url = upload(server, JPEG)
    task_id = task_id_of(create(server, image_urls=[url]))
    checks = [f"{name}.enabled = {str(name in CHECKS).lower()}" for name in ALL_CHECKS]
    return "\n".join(
        [
            f"seed = {seed}",
            "continue-on-failure = true",
            f"request-timeout = {REQUEST_SECONDS}",
            f'headers.Authorization = "{AUTHORIZED["Authorization"]}"',
            f"generation = {{ max-examples = {max_examples}, database = 'none' }}",
            f"phases.stateful.enabled = {str(has_links).lower()}",
            "cache.enabled = false",
            "[checks]",
            *checks,
            "[dictionaries]",
            f"names.values = ['{url.rpartition('/')[2]}']",
            f"tasks.values = ['{task_id}']",
            "[parameters]",
            "'path.name' = { dictionary = 'names', probability = 0.5 }",
            "'path.task_id' = { dictionary = 'tasks', probability = 0.5 }",
            "'body.task_ids[*]' = { dictionary = 'tasks', probability = 0.5 }",
        ]
    )


schemathesis.openapi.format("binary", st.sampled_from([JPEG, PNG, PDF]) | st.binary())


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Wait shortly, where a valid time is given or none: what is waited for never comes."""
    if case.operation.path != "/_fake/requests/wait":
        return
    with contextlib.suppress(TypeError, ValueError):
        if LONGEST_WAIT_SECONDS < float(case.query.get("timeout", 1)) <= requests.MAX_WAIT_SECONDS:
            case.query["timeout"] = LONGEST_WAIT_SECONDS


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> bool:
    """Say whether a failure is one."""
    operation = case.operation.definition.raw["operationId"]
    return not any(
        re.fullmatch(each.operations, operation)
        and each.check in failure.checks
        and each.status == response.status_code
        and re.search(each.text, response.text)
        for each in ACCEPTED
    )


if __name__ == "__main__":
    main()
