"""What lies in a run's directory is text to be shown and never orders; deleting one touches nothing beside it."""

import ast
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

import adam_tui
from adam_tui.cli import main
from adam_tui.training.recipes import make_spec
from adam_tui.training.rundir import Run, create
from adam_tui.training.status import Status
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState

EVIL = "[red]x\x1b[31m\x07"


@pytest.fixture
def evil(tmp_path):
    """A finished run whose directory, reason and log hold markup and control characters."""
    run = create(make_spec("adam", {}), tmp_path / "runs")
    run.write_status(Status("failed", 1, "host", reason=EVIL))
    (run.path / "worker.log").write_bytes(b"Traceback (most recent call last)\n\x1b[31mboom[/nothing]\x07\n")
    return Run(run.path.rename(run.path.parent / EVIL))


def program(run, *arguments):
    runner = CliRunner(env={"ADAM_TUI_RUNS": str(run.path.parent)})
    return runner.invoke(main, arguments, prog_name="adam-tui", color=True)


@pytest.mark.parametrize("arguments", [["runs"], ["runs", "show", "[red]x"]])
def test_control_characters_in_files_do_not_reach_the_terminal(evil, arguments):
    result = program(evil, *arguments)
    assert result.exit_code == 0
    assert "[red]x?[31m?" in result.stdout
    assert all(line.isprintable() for line in result.stdout.splitlines())


async def test_the_app_shows_markup_as_it_stands(evil):
    app = AdamApp(PlaygroundState(), mode="train", runs=evil.path.parent)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        for key in ("h", "space", "x", "L", "escape", "u", "escape", "d", "escape", "c", "escape"):
            await pilot.press(key)
            await pilot.pause(0.02)
            assert app._exception is None, key


def test_a_link_in_a_run_is_not_followed_when_it_is_deleted(evil, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (evil.path / "folder").symlink_to(outside)
    (evil.path / "checkpoint.pt").symlink_to(outside / "kept")
    assert program(evil, "runs", "rm", "[red]x").exit_code == 0
    assert not evil.path.exists()
    assert (outside / "kept").exists()


def test_a_run_that_is_a_link_out_of_the_directory_is_not_emptied(evil, tmp_path):
    other = create(make_spec("lion", {}), tmp_path / "other")
    other.write_status(Status("finished", 1, "host"))
    (evil.path.parent / "linked").symlink_to(other.path)
    program(evil, "runs", "rm", "linked")
    assert (other.path / "spec.json").exists()


def test_directories_and_files_are_the_owners_alone(tmp_path):
    run = create(make_spec("adam", {}), tmp_path / "new" / "runs")
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.path.parent.stat().st_mode) == 0o700


def test_nothing_evaluates_text_or_starts_a_shell():
    forbidden = {"eval", "exec", "system", "popen", "getoutput", "loads_pickle", "__import__"}
    for file in Path(adam_tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
                assert not {"pickle", "marshal", "shelve", "dill"} & set(names), file
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden, (file, node.lineno)
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                called = (node.func.value.id, node.func.attr)
                assert called[0] != "os" or called[1] not in forbidden, (file, node.lineno)
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("shell", "False") == "False", (file, node.lineno)
                if called == ("torch", "load"):
                    assert given.get("weights_only") == "True", (file, node.lineno)
                if called == ("np", "load"):
                    assert given.get("allow_pickle") == "False", (file, node.lineno)
