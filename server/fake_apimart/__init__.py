"""fake-apimart: a self-hosted emulator of APIMart's image upload API.

What is exported here is imported when it is first asked for: the pytest plugin, which every test
run loads, must not import a server.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_storage import Storage
    from fake_apimart_testing.version import __version__

    from fake_apimart.app import Application
    from fake_apimart.common.clock import Clock
    from fake_apimart.common.randomness import Randomness
    from fake_apimart.settings.settings import Settings

__all__ = ["Settings", "__version__", "create_app"]


def create_app(
    settings: Settings | None = None,
    storage: Storage | None = None,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
) -> Application:
    """Return a fake APIMart as an application, as `fake_apimart.app.create_app` describes.

    Not left to `__getattr__`: hypercorn evaluates `create_app()` in this module's dictionary.
    """
    from fake_apimart import app

    return app.create_app(settings, storage, clock, randomness)


def __getattr__(name: str) -> object:
    if name == "Settings":
        from fake_apimart.settings.settings import Settings

        return Settings
    if name == "__version__":
        from fake_apimart_testing.version import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
