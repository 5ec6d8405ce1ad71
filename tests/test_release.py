"""What a tag releases: the checks before it, its notes, and the workflow that publishes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.go_programs import BY_NAME
from tools import release_check
from tools.pages.node import NODE_VERSION
from tools.project import (
    IMAGE,
    ROOT,
    SOURCE,
    VERSION,
    ReleaseError,
    semantic,
    with_absolute_links,
)
from tools.release_check import check_files, check_repository, check_version
from tools.release_notes import notes_of

CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

- Not yet.

## [0.3.0]

- Of a day that nobody wrote down.

## [0.2.0] - 2026-11-30

### Fixed

- Uploads ([docs](docs/storage.md)).

## [0.2.0rc1] - 2026-11-29

## [0.1.0] - 2026-11-27

- The first.
"""
WORKFLOWS = ROOT / ".github" / "workflows"
RELEASE = yaml.safe_load((WORKFLOWS / "release.yml").read_text("utf-8"))
JOBS: dict[str, dict[str, Any]] = RELEASE["jobs"]


def test_notes_are_the_section_of_the_version() -> None:
    assert notes_of("0.2.0", CHANGELOG) == "### Fixed\n\n- Uploads ([docs](docs/storage.md))."
    assert notes_of("0.1.0", CHANGELOG) == "- The first."


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.4.0", r"needs a line `## \[0\.4\.0\] - YYYY-MM-DD` \(sections: Unreleased, 0\.3\.0, 0"),
        ("0.2", "has 0 sections of version 0.2, not one"),
        ("0.3.0", "does not say the day of version 0.3.0"),
        ("0.2.0rc1", "says nothing of version 0.2.0rc1"),
    ],
)
def test_version_without_notes_is_refused(version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        notes_of(version, CHANGELOG)


def test_version_with_two_sections_is_refused() -> None:
    with pytest.raises(ReleaseError, match="has 2 sections"):
        notes_of("0.1.0", f"{CHANGELOG}\n## [0.1.0] - 2026-11-28\n\n- Again.\n")


def test_command_says_in_one_line_what_is_missing() -> None:
    command = [sys.executable, "-m", "tools.release_notes", "99.0.0"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("CHANGELOG.md has 0 sections of version 99.0.0")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md#b)", "[a](https://example.com/r/blob/v1.2.3/docs/a.md#b)"),
        ("[a](https://apimart.ai) [b](http://x) [c](#d)",) * 2,
        ("`call(x)` and [text] (docs/a.md)",) * 2,
    ],
)
def test_links_to_files_lead_to_the_release(text: str, expected: str) -> None:
    assert with_absolute_links(text, "https://example.com/r", "1.2.3") == expected


@pytest.mark.parametrize("version", ["0.2.0", "10.20.30", "0.2.0rc1", "1.0.0a12", "1.0.0b2"])
def test_tag_of_the_version_is_taken(version: str) -> None:
    check_version(f"v{version}", version)


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("v0.2.1", "0.2.0", "the tag v0.2.1 is not v0.2.0"),
        ("0.2.0", "0.2.0", "the tag 0.2.0 is not v0.2.0"),
        ("v0.2.0-rc.1", "0.2.0-rc.1", "no version of a release"),
        ("v0.2", "0.2", "no version of a release"),
        ("v0.2.0.dev1", "0.2.0.dev1", "no version of a release"),
        ("v0.2.0.post1", "0.2.0.post1", "no version of a release"),
        ("v0.2.0\n", "0.2.0\n", "no version of a release"),
    ],
)
def test_other_tag_is_refused(tag: str, version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        check_version(tag, version)


def test_repository_of_another_name_is_refused() -> None:
    check_repository("some-one/a-fake", "https://github.com/some-one/a-fake")
    with pytest.raises(ReleaseError, match="but this is some-one/a-fake"):
        check_repository("some-one/a-fake", SOURCE)


def test_exactly_what_is_built_is_released(tmp_path: Path) -> None:
    for name in ("fake_apimart", "fake_apimart_testing"):
        for ending in (".tar.gz", "-py3-none-any.whl"):
            (tmp_path / f"{name}-0.2.0{ending}").touch()
    (tmp_path / "fake-apimart-0.2.0.tgz").touch()
    check_files(tmp_path, "0.2.0")
    with pytest.raises(
        ReleaseError,
        match=r"lacks \['fake-apimart-0\.3\.0\.tgz', 'fake_apimart-0\.3\.0-py3-none-any\.whl",
    ):
        check_files(tmp_path, "0.3.0")
    (tmp_path / "fake_apimart-0.1.0.tar.gz").touch()
    with pytest.raises(ReleaseError, match=r"has \['fake_apimart-0\.1\.0\.tar\.gz'\] too"):
        check_files(tmp_path, "0.2.0")


@pytest.mark.parametrize(("version", "prerelease"), [("1.2.3", "false"), ("1.2.3rc4", "true")])
def test_check_prints_what_the_workflow_reads(
    version: str,
    prerelease: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(f"## [{version}] - 2026-11-30\n\n- A change.\n")
    for project in release_check.PROJECTS:
        for ending in (".tar.gz", "-py3-none-any.whl"):
            (tmp_path / "dist").mkdir(exist_ok=True)
            (tmp_path / "dist" / f"{project}-{version}{ending}").touch()
    (tmp_path / "dist" / f"fake-apimart-{semantic(version)}.tgz").touch()
    monkeypatch.setattr(release_check, "ROOT", tmp_path)
    monkeypatch.setattr(release_check, "VERSION", version)
    release_check.main(f"v{version}", SOURCE.removeprefix("https://github.com/"))
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert lines == {
        "version": version,
        "semantic": semantic(version),
        "image": IMAGE,
        "prerelease": prerelease,
    }
    outputs = JOBS["build"]["outputs"]
    assert outputs == {name: f"${{{{ steps.check.outputs.{name} }}}}" for name in lines}


@pytest.mark.parametrize(
    ("version", "spelled"),
    [
        ("0.1.0", "0.1.0"),
        ("0.2.0rc1", "0.2.0-rc.1"),
        ("1.0.0a12", "1.0.0-alpha.12"),
        ("1.0.0b2", "1.0.0-beta.2"),
    ],
)
def test_version_is_spelled_as_npm_and_go_do(version: str, spelled: str) -> None:
    assert semantic(version) == spelled


def test_image_is_named_as_the_repository_in_small_letters() -> None:
    assert SOURCE.lower().replace("https://github.com", "ghcr.io") == IMAGE


def test_every_page_names_this_image_and_version() -> None:
    pages = [
        *(ROOT / "README.md", *(ROOT / "clients").glob("*/README.md")),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("examples/*/*.yml"),
    ]
    texts = [page.read_text("utf-8") for page in pages]
    images = re.compile(
        r"ghcr\.io/[\w./-]*\bfake-apimart\b|image: (?:.*/)?fake-apimart$", re.MULTILINE
    )
    assert {image for text in texts for image in images.findall(text)} == {IMAGE}
    pinned = re.compile(
        rf"(?:fake-apimart(?:-testing)?(?:\[\w+\])?(?:@|==)|{re.escape(IMAGE)}:)(\d[\w.]*\w)"
    )
    assert {each for text in texts for each in pinned.findall(text)} == {VERSION}


def test_pages_start_no_image_that_a_reader_has_not() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").glob("*/*.md")]
    for page in pages:
        text = page.read_text("utf-8")
        runs = re.findall(r"docker (?:run|create) (?:[^`\n]*\\\n)*[^`\n]*", text)
        named = {word for run in runs for word in run.split() if word.endswith("/fake-apimart")}
        local = [run for run in runs if "fake-apimart" in run.split()]
        assert named <= {IMAGE}
        assert not local or "docker build --tag fake-apimart ." in text, (page.name, local)


def test_page_of_installing_has_all_extras_of_users() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "installing.md").read_text("utf-8")
    listed = re.findall(r"^\| `fake-apimart\[(\w+)\]` \|", page, re.MULTILINE)
    assert set(listed) == set(project["optional-dependencies"]) - {"dev", "fuzz"}


def test_both_packages_say_the_same_of_what_they_share() -> None:
    one, other = (ROOT, ROOT / "clients" / "python")
    assert (one / "LICENSE").read_bytes() == (other / "LICENSE").read_bytes()
    first, second = (
        tomllib.loads((folder / "pyproject.toml").read_text("utf-8")) for folder in (one, other)
    )
    for name in ("requires-python", "license", "license-files", "authors", "urls"):
        assert first["project"][name] == second["project"][name]
    versions = [
        target["core-metadata-version"]
        for project in (first, second)
        for target in project["tool"]["hatch"]["build"]["targets"].values()
    ]
    assert versions == ["2.4"] * 4


def test_package_for_node_says_the_same_of_what_it_shares() -> None:
    folder = ROOT / "clients" / "node"
    package = json.loads((folder / "package.json").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert package["license"] == project["license"]
    assert [{"name": package["author"]}] == project["authors"]
    assert package["repository"]["url"] == f"git+{SOURCE}.git"
    assert package["bugs"] == project["urls"]["Issues"]
    assert package["version"] == NODE_VERSION
    example = json.loads((ROOT / "examples" / "vitest" / "package.json").read_text("utf-8"))
    assert example["devDependencies"]["fake-apimart"] == NODE_VERSION
    assert example["devDependencies"]["vitest"] == package["devDependencies"]["vitest"]


@pytest.mark.parametrize("name", ["package-lock.json", ".npmrc"])
def test_package_for_node_names_no_registry(name: str) -> None:
    for folder in ("clients/node", "examples/vitest"):
        assert not (ROOT / folder / name).exists()


def test_nothing_is_allowed_but_what_each_job_needs() -> None:
    assert RELEASE["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "tests": {"contents": "read"},
        "build": {"contents": "read"},
        "image": {"contents": "read", "packages": "write"},
        "pypi": {"id-token": "write", "attestations": "write"},
        "npm": {"id-token": "write"},
        "go": {"contents": "write"},
        "release": {"contents": "write"},
    }


def test_nothing_is_published_before_all_that_can_be_checked() -> None:
    def before(name: str) -> set[str]:
        needs = JOBS[name].get("needs", [])
        return set(needs).union(*map(before, needs))

    assert before("image") == {"tests", "build"}
    assert before("pypi") == {"tests", "build", "image"}
    for name in ("npm", "go"):
        assert before(name) == {"tests", "build", "image"}
    assert before("release") == {"tests", "build", "image", "pypi", "npm", "go"}


def test_test_package_is_published_before_what_requires_it() -> None:
    strategy = JOBS["pypi"]["strategy"]
    assert strategy["max-parallel"] == 1
    projects = [each["project"] for each in strategy["matrix"]["include"]]
    assert projects == sorted(release_check.PROJECTS, reverse=True)


def test_npm_publishes_a_file_and_no_repository() -> None:
    """`npm publish dist/a.tgz` asks GitHub for a repository of that name."""
    (publish,) = (step["run"] for step in JOBS["npm"]["steps"] if "run" in step)
    assert 'npm publish "./dist/fake-apimart-$VERSION.tgz"' in publish


def test_no_workflow_waits_for_one_that_it_calls() -> None:
    texts = {path.name: path.read_text("utf-8") for path in WORKFLOWS.glob("*.yml")}
    workflows = {name: yaml.safe_load(text) for name, text in texts.items()}
    calls = [
        (caller, name)
        for caller, text in texts.items()
        for name in re.findall(r"uses: \./\.github/workflows/(\S+)", text)
    ]
    assert calls == [("release.yml", "ci.yml")]
    for caller, called in calls:
        # In both, `github.workflow` is the name of the caller; groups are compared in any case.
        name = workflows[caller]["name"]
        groups = [
            workflows[each]["concurrency"]["group"].replace("${{ github.workflow }}", name).lower()
            for each in (caller, called)
        ]
        assert groups[0] != groups[1]


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
@pytest.mark.parametrize(("tagged", "status"), [("main", 0), ("main~1", 0), ("other", 1)])
def test_commit_that_is_not_on_the_main_branch_is_not_released(
    tagged: str, status: int, tmp_path: Path
) -> None:
    def git(*words: str) -> None:
        names = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        subprocess.run(["git", *names, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    for branch in ("main", "main", "other"):
        git("checkout", "-B", branch)
        git("commit", "--allow-empty", "--message", branch)
    git("update-ref", "refs/remotes/origin/main", "main")
    git("checkout", "--detach", tagged)
    (step,) = (step for step in JOBS["build"]["steps"] if "MAIN" in step.get("env", {}))
    ran = subprocess.run(
        # As a runner does where no shell is named.
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, "MAIN": "main", "GITHUB_REF_NAME": "v0.2.0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == status, ran.stderr
    assert ("v0.2.0 is no commit of main" in ran.stdout) == (status == 1)


def test_releases_are_made_without_a_secret_or_a_cache() -> None:
    text = (WORKFLOWS / "release.yml").read_text("utf-8")
    assert "secrets." not in text
    assert not re.search(r"^ +cache:|cache-from|cache: true", text, re.MULTILINE)


def test_packages_are_published_by_the_uv_that_is_tested() -> None:
    steps = JOBS["pypi"]["steps"]
    (uv,) = (step["with"] for step in steps if "setup-uv" in step.get("uses", ""))
    assert f"uv=={uv['version']}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_each_action_has_one_commit_in_all_workflows() -> None:
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS.glob("*.yml"):
        for action, pin in re.findall(r"uses: ([\w-]+/[\w-]+)@(.+)", workflow.read_text("utf-8")):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), (workflow.name, action)
            pins.setdefault(action, set()).add(pin)
    assert {action: len(found) for action, found in pins.items()} == dict.fromkeys(pins, 1)


def test_both_kinds_of_continuous_integration_check_what_contributors_are_told() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    told = set(re.findall(r"^\| `make ([\w-]+)` \|", page, re.MULTILINE))
    run = (ROOT / ".ci" / "run").read_text()
    assert set(re.findall(r"^make ([\w-]+)", run, re.MULTILINE)) == told
    jobs = yaml.safe_load((WORKFLOWS / "ci.yml").read_text("utf-8"))["jobs"]
    assert set(jobs["checks"]["strategy"]["matrix"]["target"]) == told | {"audit"}
    assert {"workflows", "wheel-test", "docker-test"} <= told
    assert re.search(r"^wheel-test: dist$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "actionlint" in BY_NAME
