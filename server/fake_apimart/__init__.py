"""fake-apimart: a self-hosted emulator of APIMart's image upload API.

`create_app` is imported when it is first asked for: the pytest plugin, which every test run loads,
must not import a server.
"""

from __future__ import annotations

from fake_apimart.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart.app import create_app

__all__ = ["__version__", "create_app"]


def __getattr__(name: str) -> object:
    if name == "create_app":
        from fake_apimart.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
