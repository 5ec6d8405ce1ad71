"""Build the image, run it as the pages say, start the compose files, run the pages' commands."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.containers import compose, image, page, published, recipes, stores


def main() -> None:
    """Run all checks; exit with status 0 if they pass."""
    image.check()
    published.check()
    recipes.check()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stand_ins = stores.build(folder)
        for file in compose.STORE_FILES:
            compose.check(file, stand_ins, folder)
        page.check(stand_ins, folder)
    sys.stdout.write("the image and the compose files serve the vendor page's workflow\n")


if __name__ == "__main__":
    main()
