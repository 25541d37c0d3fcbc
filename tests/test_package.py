"""The wheel holds every file of the package and nothing else, and runs from the folder that it is unpacked into."""

import os
import re
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = "adam_tui/data/mnist"
MNIST = (  # training/test_data.py checks their contents
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="a wheel is built from a checkout")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata(wheel, name):
    [path] = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_it_is_pure_python(wheel):
    assert Path(wheel.filename).name == "adam_tui-0.1.0-py3-none-any.whl"


def test_mnists_licence_is_beside_its_data(wheel):
    text = wheel.read(f"{DATA}/README.md").decode()
    assert "LeCun" in text
    assert "creativecommons.org/licenses/by-sa/3.0" in text


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel):
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "adam_tui").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == sources
    assert {"adam_tui/ui/adam.tcss", *(f"{DATA}/{name}.xz" for name in MNIST)} < packed
    assert [name for name in packed if wheel.read(name) != (ROOT / name).read_bytes()] == []


def test_it_brings_the_command(wheel):
    scripts = ConfigParser()
    scripts.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"adam-tui": "adam_tui.__main__:main"}


def test_it_names_its_licence_and_its_dependencies(wheel):
    fields = Parser().parsestr(metadata(wheel, "METADATA"))
    assert fields["License-Expression"] == "MIT"
    assert "MIT License" in metadata(wheel, "licenses/LICENSE")
    assert metadata(wheel, "licenses/adam_tui/data/mnist/README.md") == wheel.read(f"{DATA}/README.md").decode()
    needed = {re.match(r"[\w-]+", line)[0] for line in fields.get_all("Requires-Dist") if "extra ==" not in line}
    assert needed == {"textual", "numpy", "plotext", "torch", "torchvision", "platformdirs", "click", "contourpy"}
    assert set(fields.get_all("Provides-Extra")) == {"test", "gpu", "ray", "tpe", "serve", "tensorboard"}


def test_it_runs_from_the_folder_that_it_is_unpacked_into(wheel, tmp_path):
    wheel.extractall(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def printed(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert printed("-c", "import adam_tui; print(adam_tui.__file__)").startswith(str(tmp_path))
    assert printed("-m", "adam_tui", "--version") == "adam-tui 0.1.0\n"
    assert printed("-m", "adam_tui", "path", "--steps", "1").count("\n") == 3
