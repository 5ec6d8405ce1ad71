"""`http.client` as the standard library has it, whatever a test's libraries do to the public one.

Libraries that record, mock or forbid requests replace classes and functions of `http.client` and
`socket`. A test is about the requests of its client, and not about those of the fixture, which
therefore uses copies of these two modules under names of their own.
"""

from __future__ import annotations

import sys

# Importing `threading` takes longer than importing this whole package.
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_PREFIX = "_fake_apimart_"
_lock = allocate_lock()


def http_client() -> Any:
    """Return the copy of `http.client`; it is made at the first call, in some milliseconds."""
    with _lock:
        name = f"{_PREFIX}http.client"
        if name not in sys.modules:
            copy = _copy("http.client", name)
            copy.socket = _copy("socket", f"{_PREFIX}socket")  # type: ignore[attr-defined]
        return sys.modules[name]


def _copy(original: str, name: str) -> ModuleType:
    """Execute the module `original` a second time, as the module `name`."""
    import importlib.util

    found = importlib.util.find_spec(original)
    assert found is not None
    assert found.origin is not None
    spec = importlib.util.spec_from_file_location(name, found.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where `socket` looks for itself while it makes its enumerations.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
