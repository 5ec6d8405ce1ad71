"""What the build adds to pyproject.toml: a dependency of our own version, and the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

TESTING = "fake-apimart-testing"
TO_A_FILE = re.compile(r"(?<=\]\()(?![a-z]+:|#)")


def with_absolute_links(markdown: str, source: str, version: str) -> str:
    """Let links to files lead to the release of `version` in the repository at the URL `source`."""
    return TO_A_FILE.sub(f"{source}/blob/v{version}/", markdown)


class Metadata(MetadataHookInterface):
    """Adds the test package of the same version, which stands in one place alone, and the README.

    The README is shown where there are no files beside it, so its links are made absolute.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies: those of the hook's configuration, and the test package."""
        others: list[str] = self.config["dependencies"]
        version: str = metadata["version"]
        metadata["dependencies"] = [f"{TESTING}=={version}", *others]
        readme = Path(self.root, "README.md").read_text("utf-8")
        text = with_absolute_links(readme, metadata["urls"]["Source"], version)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
