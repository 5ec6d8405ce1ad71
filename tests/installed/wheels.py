"""What `make dist` has built: what is in it, and how it stands for the names of the packages."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

from tests.pages import ROOT
from tools.project import SOURCE, VERSION

SERVER = ROOT / "dist" / f"fake_apimart-{VERSION}-py3-none-any.whl"
TESTING = ROOT / "dist" / f"fake_apimart_testing-{VERSION}-py3-none-any.whl"
SDIST = ROOT / "dist" / f"fake_apimart-{VERSION}.tar.gz"
PAGE = ROOT / "server" / "fake_apimart" / "page"
"""Templates, catalogues and what browsers load are a part of the package, like its modules."""
TOP_LEVEL = {
    SERVER: {"fake_apimart", "fake_apimart_storage"},
    TESTING: {"fake_apimart_testing"},
}


def check() -> None:
    """Check for our packages alone, typed, with our licence and those of third-party assets."""
    for wheel, top_level in TOP_LEVEL.items():
        names = zipfile.ZipFile(wheel).namelist()
        assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == top_level
        for package in top_level:
            assert f"{package}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert metadata_of(wheel)["Metadata-Version"] == "2.4"
    check_assets(zipfile.ZipFile(SERVER).namelist())
    with tarfile.open(SDIST) as sdist:
        check_assets([name.partition("/server/")[2] for name in sdist.getnames()])
    check_description()


def check_assets(names: list[str]) -> None:
    for font in ("DejaVuSans", "DroidSansFallback", "NotoEmoji", "NotoSansThai"):
        assert f"fake_apimart/pictures/fonts/{font}.ttf" in names
        assert f"fake_apimart/pictures/fonts/{font}-LICENSE.txt" in names
    assert "fake_apimart/pictures/fonts/coverage.txt" in names
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"):
        assert f"fake_apimart/openapi/swagger_ui/{name}" in names
    for path in filter(Path.is_file, PAGE.rglob("*")):
        if "__pycache__" not in path.parts:
            assert f"fake_apimart/page/{path.relative_to(PAGE).as_posix()}" in names


def check_description() -> None:
    """Check that PyPI shows the README, whose links lead to files of the release."""
    description = metadata_of(SERVER).get_payload()
    assert isinstance(description, str)
    there = f"{SOURCE}/blob/v{VERSION}/"
    readme = (ROOT / "README.md").read_text("utf-8")
    assert description.replace(f"]({there}", "](").strip() == readme.strip()
    links = re.findall(r"\]\(([^)]+)", description)
    ours = [link.removeprefix(there) for link in links if link.startswith(there)]
    assert len(ours) > 10
    assert all((ROOT / path.partition("#")[0]).exists() for path in ours)
    assert all(re.match(r"https?:", link) for link in links)


def metadata_of(wheel: Path) -> Message:
    """Return what an index is told of a wheel, and its description."""
    folder = "-".join(wheel.name.split("-")[:2])
    return Parser().parsestr(
        zipfile.ZipFile(wheel).read(f"{folder}.dist-info/METADATA").decode("utf-8")
    )


def stand_ins(constraints: Path) -> Path:
    """Write constraints: these wheels wherever their names are asked for, the rest as tested."""
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    ours = f"fake-apimart @ {SERVER.as_uri()}\nfake-apimart-testing @ {TESTING.as_uri()}\n"
    constraints.write_text(pins + ours, "utf-8")
    return constraints
