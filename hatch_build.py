"""What the build adds to pyproject.toml: a dependency whose version is our own."""

from __future__ import annotations

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

TESTING = "fake-apimart-testing"


class Dependencies(MetadataHookInterface):
    """Adds the test package of the same version, which stands in one place alone."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies: those of the hook's configuration, and the test package."""
        others: list[str] = self.config["dependencies"]
        metadata["dependencies"] = [f"{TESTING}=={metadata['version']}", *others]
