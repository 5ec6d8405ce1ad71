"""Playwright, for modules of tests: without it they are skipped and say so."""

from __future__ import annotations

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: make test has it")
expect = sync_api.expect
