"""Which module imports what: the contracts of pyproject.toml, and what a fresh interpreter has loaded afterwards."""

import graphlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import adam_tui

ROOT = Path(__file__).parents[1]
PACKAGE = Path(adam_tui.__file__).parent
TORCH = {"torch", "torchvision"}
RAY = {"ray"}
TERMINAL = {"textual", "rich"}
HEAVY = TORCH | RAY | TERMINAL | {"numpy", "sympy", "contourpy", "plotext", "scipy", "matplotlib", "pandas"}


def imported(code, *names):
    """The modules of `HEAVY` loaded at each call of `loaded()` in `code` and at its end, in a fresh interpreter."""
    before = f"import sys\nmoments = []\ndef loaded(): moments.append(sorted(set(sys.modules) & {HEAVY!r}))\n"
    after = "\nloaded()\nimport json\nprint(json.dumps(moments))"
    done = subprocess.run(
        [sys.executable, "-c", before + code + after, *names], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [set(moment) for moment in json.loads(done.stdout)]


def modules(folder):
    package = f"adam_tui.{folder}"
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules([str(PACKAGE / folder)])]


def test_the_command_line_alone_loads_nothing_heavy():
    assert imported("import adam_tui.cli.app") == [set()]


def test_help_and_a_wrong_command_load_nothing_heavy():
    code = (
        "from click.testing import CliRunner\nfrom adam_tui.cli.app import main\n"
        "for arguments in (['--help'], ['path', '--help'], ['nonsense'], ['--version'], ['runs', 'list']):\n"
        "    CliRunner().invoke(main, arguments)\n"
    )
    assert imported(code) == [set()]


def test_paths_and_pictures_need_no_terminal_library():
    code = (
        "from click.testing import CliRunner\nfrom adam_tui.cli.app import main\n"
        "assert CliRunner().invoke(main, ['path']).exit_code == 0\nloaded()\n"
        "assert CliRunner().invoke(main, ['path', '--function', 'x**2 + sin(y)']).exit_code == 0\nloaded()\n"
        "assert CliRunner().invoke(main, ['plot']).exit_code == 0\n"
    )
    assert imported(code) == [{"numpy"}] * 3


@pytest.mark.parametrize("folder", ["engine", "draw"])
def test_the_engine_and_the_drawings_load_numpy_alone(folder):
    names = modules(folder)
    assert len(names) > 10
    [loaded] = imported("\n".join(f"import {name}" for name in names))
    assert loaded == {"numpy"}


@pytest.mark.parametrize("name", ["runs.protocol", "runs.directory", "training.journal"])
def test_a_run_can_be_read_with_the_standard_library_alone(name):
    assert imported(f"import adam_tui.{name}") == [set()]


def test_the_command_train_loads_no_torch_itself():
    code = "import adam_tui.cli.follow, adam_tui.runs.recipes, adam_tui.history.samples"
    assert imported(code) == [{"numpy"}]


def test_the_process_of_a_sweep_on_ray_loads_no_ray_itself(tmp_path):
    code = (
        "from click.testing import CliRunner\nfrom adam_tui.cli.app import main\n"
        "import adam_tui.sweeps.ray_executor, adam_tui.cli.sweep_progress\n"
        "flags = ['sweep', '--on', 'ray', '--address', '127.0.0.1:1', '--runs', sys.argv[1]]\n"
        "assert CliRunner().invoke(main, flags).exit_code == 2\n"
    )
    assert imported(code, str(tmp_path)) == [{"numpy"}]


def test_a_slot_on_a_node_knows_no_ray():
    [loaded] = imported("import adam_tui.training.node_slot")
    assert not loaded & RAY


def test_the_command_landscape_loads_no_torch_itself():
    names = ["adam_tui.cli.landscape", "adam_tui.draw.landscape_plot", *modules("landscape")]
    [loaded] = imported("\n".join(f"import {name}" for name in names))
    assert loaded == {"numpy"}


def test_the_training_process_has_torch_and_no_terminal_library():
    [loaded] = imported("import adam_tui.training.trainer")
    assert "torch" in loaded
    assert not loaded & TERMINAL


def test_the_first_picture_is_painted_before_textual_is_loaded():
    assert imported("import adam_tui.ui.first_picture") == [{"numpy"}]


def test_the_contour_is_drawn_before_plotext_is_loaded():
    code = (
        "import adam_tui.ui.app\nfrom adam_tui.draw.palette import DARK\n"
        "from adam_tui.ui.playground.view import contour\n"
        "from adam_tui.ui.playground.state import PlaygroundState\n"
        "loaded()\ncontour(PlaygroundState(), 80, 30, DARK)\n"
    )
    at_import, after_the_first_picture = imported(code)
    assert at_import == after_the_first_picture == {"numpy", "textual", "rich"}


def test_the_app_never_loads_torch_and_the_rest_only_when_needed(tmp_path):
    code = (
        "import asyncio\nfrom pathlib import Path\nfrom adam_tui.ui.app import AdamApp\n"
        "from adam_tui.ui.playground.state import PlaygroundState\n"
        "async def go():\n"
        "    app = AdamApp(PlaygroundState(playing=True), runs=Path(sys.argv[1]))\n"
        "    async with app.run_test(size=(120, 40)) as pilot:\n"
        "        await pilot.pause()\n        loaded()\n"
        "        await pilot.press('f')\n        await pilot.pause()\n        loaded()\n"
        "        await pilot.press('2')\n        await pilot.pause(0.3)\n"
        "asyncio.run(go())"
    )
    running, with_lines, training = imported(code, str(tmp_path))
    assert running == {"numpy", "textual", "rich", "plotext"}
    assert with_lines == running | {"contourpy"}
    assert training == with_lines


def test_package_files_are_empty():
    paths = list(PACKAGE.rglob("__init__.py"))
    assert len(paths) > 10
    assert [path for path in paths if path.read_bytes()] == []


def test_no_module_imports_itself_by_way_of_others():
    """Imports for types and inside functions count as well."""
    graph = grimp.build_graph("adam_tui", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="the contracts are in a checkout")
def test_the_contracts_of_the_imports_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
