"""The pages that are made, wholly or in part, from tables in the code: a module for each of them.

`make docs` writes them, and a test holds them to it. What a page says of a table belongs here; the
table itself stands in the code that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fake_apimart.fidelity import page as fidelity_page

from tools.pages import architecture, control, go_names, node, observability, settings, tasks
from tools.pages.pinned import PINNING, with_this_version
from tools.pages.results import RESULTS

__all__ = ["PAGES", "RESULTS"]

PAGES: dict[str, Callable[[], str]] = {
    **{name: partial(with_this_version, name) for name in PINNING},
    "clients/go/names.go": go_names.source,
    **{
        name: partial(node.with_npm_version, name)
        for name in ("clients/node/package.json", "examples/vitest/package.json")
    },
    "clients/node/src/version.ts": partial(node.version_module, "clients/node/src/version.ts"),
    "compose.server.yml": settings.compose_file,
    "docs/architecture.md": architecture.page,
    "docs/control.md": control.page,
    "docs/observability.md": observability.page,
    "docs/fidelity.md": fidelity_page.markdown,
    "docs/settings.md": settings.page,
    "docs/tasks.md": tasks.page,
}
"""By the file's path below the root: what makes its text."""
