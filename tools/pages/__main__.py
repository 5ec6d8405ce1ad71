"""Write all pages anew, and the pictures on them: `make docs`."""

from __future__ import annotations

from tools.pages import PAGES, RESULTS
from tools.project import ROOT


def main() -> None:
    """Write all pages anew, and the pictures on them."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), "utf-8")
    for name, result in RESULTS.items():
        (ROOT / name).write_bytes(result())


if __name__ == "__main__":
    main()
