"""fake-apimart: a self-hosted emulator of APIMart's image upload API.

What is exported here is imported when it is first asked for: the pytest plugin, which every test
run loads, must not import a server.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart.app import create_app
    from fake_apimart.version import __version__

__all__ = ["__version__", "create_app"]


def __getattr__(name: str) -> object:
    if name == "create_app":
        from fake_apimart.app import create_app

        return create_app
    if name == "__version__":
        from fake_apimart.version import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
