"""Prints what CHANGELOG.md says of a version, as the notes of its release.

`python -m tools.release_notes 0.2.0` prints the section; exit status 1 says why there is none.
"""

from __future__ import annotations

import re
import sys

from tools.project import ROOT, SOURCE, ReleaseError, with_absolute_links

HEADING = re.compile(r"^## \[([^]]+)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def main(version: str) -> None:
    """Print the notes of a version."""
    try:
        notes = notes_of(version, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    except ReleaseError as error:
        sys.exit(str(error))
    sys.stdout.write(with_absolute_links(notes, SOURCE, version) + "\n")


def notes_of(version: str, changelog: str) -> str:
    """Return the text below the heading of a version.

    Raises ReleaseError where there is no such heading, no date in it, or nothing below it.
    """
    headings = list(HEADING.finditer(changelog))
    found = [at for at, heading in enumerate(headings) if heading[1] == version]
    if len(found) != 1:
        there = ", ".join(heading[1] for heading in headings) or "none"
        raise ReleaseError(
            f"CHANGELOG.md has {len(found)} sections of version {version}, not one: "
            f"it needs a line `## [{version}] - YYYY-MM-DD` (sections: {there})"
        )
    heading = headings[found[0]]
    if heading[2] is None:
        raise ReleaseError(f"CHANGELOG.md does not say the day of version {version}: {heading[0]}")
    after = headings[found[0] + 1 :]
    notes = changelog[heading.end() : after[0].start() if after else None].strip()
    if not notes:
        raise ReleaseError(f"CHANGELOG.md says nothing of version {version}")
    return notes


if __name__ == "__main__":
    main(*sys.argv[1:])
