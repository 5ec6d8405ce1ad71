"""Build the wheel, install it into an empty environment, and test it there.

It is used as a server, and as the pytest fixture of another project. This is not part of the test
suite, because it installs packages: `make wheel-test` runs it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import venv
import zipfile
from pathlib import Path

from tests.harness import AUTHORIZED, FORM_TYPE, JPEG, form

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {"fake_apimart", "fake_apimart_storage"}
TESTING = ROOT / "clients" / "python"
"""The project of the test package, on which the wheel depends."""
MOST_PACKAGES = 40
MOST_BYTES = 125_000_000
"""Of a plain installation with its bytecode: docs/architecture.md says what takes how much."""


def main() -> None:
    """Run all checks; exit with status 0 if they pass."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel, testing = build(folder / "server", ROOT), build(folder / "testing", TESTING)
        check_contents(wheel)
        bin_folder = install(folder / "env", testing, wheel)
        check_size(bin_folder)
        check_extra(bin_folder)
        check_upload(bin_folder)
        check_cases(bin_folder)
        check_example(bin_folder, folder / "example")
    sys.stdout.write(f"{wheel.name} serves an upload, and the example's tests, from nothing else\n")


def build(folder: Path, project: Path) -> Path:
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(project)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """Check for our two packages alone, typed, with our licence and those of third-party assets."""
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == TOP_LEVEL, packages
    for package in TOP_LEVEL:
        assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for font in ("DejaVuSans", "DroidSansFallback"):
        assert f"fake_apimart/pictures/fonts/{font}.ttf" in names
        assert f"fake_apimart/pictures/fonts/{font}-LICENSE.txt" in names
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"):
        assert f"fake_apimart/openapi/swagger_ui/{name}" in names


def install(env: Path, *wheels: Path) -> Path:
    venv.create(env, with_pip=True)
    bin_folder = env / ("Scripts" if sys.platform == "win32" else "bin")
    constraints = ROOT / "constraints.txt"
    pip = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-c", str(constraints), *map(str, wheels)], check=True)
    return bin_folder


def check_size(bin_folder: Path) -> None:
    """Check that what pip has installed, beside itself, is no more than it may be."""
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    python = [str(bin_folder / "python")]
    libraries = Path(subprocess.check_output([*python, "-c", script], text=True).strip())
    packages = [
        path for path in libraries.iterdir() if not path.name.startswith(("pip", "setuptools"))
    ]
    found = sum(path.suffix == ".dist-info" for path in packages)
    files = (file for path in packages for file in (path, *path.rglob("*")) if file.is_file())
    size = sum(file.stat().st_size for file in files)
    assert found <= MOST_PACKAGES, f"{found} packages"
    assert size <= MOST_BYTES, f"{size} bytes"


def check_extra(bin_folder: Path) -> None:
    """Check that S3 is refused with what to install, since boto3 is an extra."""
    command = [str(bin_folder / "fake-apimart"), "serve", "--port", "0", "--storage", "s3://bucket"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, refused
    assert refused.stderr.endswith(
        "no module boto3: install it by pip install 'fake-apimart[s3]'\n"
    ), refused.stderr


def check_upload(bin_folder: Path) -> None:
    command = [str(bin_folder / "fake-apimart"), "serve", "--port", "0", "--storage", "memory://"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split("listening on ")[1].split(" ")[0]
        request = urllib.request.Request(
            f"{url}/v1/uploads/images", form(JPEG), {**AUTHORIZED, **FORM_TYPE}
        )
        with urllib.request.urlopen(request) as answer:
            uploaded = json.load(answer)
        with urllib.request.urlopen(uploaded["url"]) as answer:
            assert answer.read() == JPEG
        server.terminate()
        assert server.wait(20) == 0


def check_cases(bin_folder: Path) -> None:
    """Run all cases of the contract, which are data in the wheel."""
    subprocess.run([str(bin_folder / "fake-apimart"), "verify"], check=True)


def check_example(bin_folder: Path, project: Path) -> None:
    """Run the tests of `examples/pytest` with its requirements, serially and in parallel."""
    shutil.copytree(ROOT / "examples" / "pytest", project)
    pip = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet"]
    requirements = ["-r", str(project / "requirements.txt"), "pytest-xdist"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), *requirements], check=True)
    pytest = [str(bin_folder / "pytest"), "-q", "-W", "error"]
    for workers in ((), ("-n", "2")):
        subprocess.run([*pytest, *workers], cwd=project, check=True)


if __name__ == "__main__":
    main()
