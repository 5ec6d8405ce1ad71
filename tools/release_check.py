"""Says whether what `make dist` has built may be released by a tag, before anything is published.

`python -m tools.release_check v0.2.0 OWNER/NAME` prints what the workflow needs to know, as lines
`name=value`; exit status 1 says what does not fit.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.project import IMAGE, ROOT, SOURCE, VERSION, ReleaseError, semantic
from tools.release_notes import notes_of

PROJECTS = ("fake_apimart", "fake_apimart_testing")
"""The Python projects."""
NODE_PACKAGE = "fake-apimart"
PRERELEASE = re.compile(r"(?:a|b|rc)[0-9]+$")
"""How a version ends that is not for everybody: as Python spells it, `0.2.0rc1`."""
A_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?")


def main(tag: str, repository: str) -> None:
    """Check everything, and print the lines."""
    try:
        check_version(tag, VERSION)
        check_repository(repository, SOURCE)
        check_files(ROOT / "dist", VERSION)
        notes_of(VERSION, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    except ReleaseError as error:
        sys.exit(str(error))
    prerelease = "true" if PRERELEASE.search(VERSION) else "false"
    outputs = {
        "version": VERSION,
        "semantic": semantic(VERSION),
        "image": IMAGE,
        "prerelease": prerelease,
    }
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in outputs.items()))


def check_version(tag: str, version: str) -> None:
    """Raise ReleaseError unless the version is one of a release, and the tag names it."""
    if not A_VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version of a release, such as 0.2.0 or 0.2.0rc1")
    if tag != f"v{version}":
        raise ReleaseError(f"the tag {tag} is not v{version}, which version.py says")


def check_repository(repository: str, source: str) -> None:
    """Raise ReleaseError if the packages and pages name another repository than `OWNER/NAME`."""
    if source != f"https://github.com/{repository}":
        raise ReleaseError(
            f"pyproject.toml says that the source is {source}, but this is {repository}: "
            "correct it there, and the tests say where else"
        )


def check_files(folder: Path, version: str) -> None:
    """Raise ReleaseError unless the folder has what is released, and nothing else.

    That is the sdist and the wheel of each Python project, and the package for Node.
    """
    wanted = {
        f"{project}-{version}{ending}"
        for project in PROJECTS
        for ending in (".tar.gz", "-py3-none-any.whl")
    }
    wanted.add(f"{NODE_PACKAGE}-{semantic(version)}.tgz")
    found = {path.name for path in folder.glob("*")}
    if found != wanted:
        missing, more = sorted(wanted - found), sorted(found - wanted)
        raise ReleaseError(
            f"{folder.name}/ lacks {missing} and has {more} too: run `make dist dist-node`"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
