"""`fake_apimart.testing`: the names of `fake_apimart_testing`, where they stood first."""

from __future__ import annotations

from fake_apimart_testing import *  # noqa: F403
from fake_apimart_testing import __all__  # noqa: F401
