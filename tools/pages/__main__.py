"""Write all pages anew: `make docs`."""

from __future__ import annotations

from tools.pages import PAGES
from tools.project import ROOT


def main() -> None:
    """Write all pages anew."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
