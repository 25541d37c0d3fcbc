"""What the README says is so: the keys, the examples, the settings, and the code to copy."""

import lzma
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from readme_keys import TABLES, table

import adam_tui.cli.follow
from adam_tui.cli import serve
from adam_tui.cli.app import main
from adam_tui.engine import classic_rules, surfaces
from adam_tui.engine.optimizers import OPTIMIZERS, expand
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import trajectories
from adam_tui.ui import config
from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.keymap import check_keys
from adam_tui.ui.learn.pages import read_page
from adam_tui.ui.playground import events
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update
from adam_tui.ui.theme import themes

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LONGEST_RECIPE = 30  # lines


def section(title, level="##"):
    """The text below a heading, to the next one of its level or a higher one."""
    start = TEXT.index(f"\n{level} {title}\n")
    end = re.compile(rf"^#{{2,{len(level)}}} ", re.MULTILINE).search(TEXT, start + len(level) + 2)
    return TEXT[start : end.start() if end else None]


def blocks(language, text=TEXT):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


EXAMPLES = [line for block in blocks("console", section("Command line")) for line in block.splitlines()]


@pytest.mark.parametrize("mode", TABLES)
def test_the_keys_of_a_mode_are_those_that_it_has(mode):
    assert table(TABLES[mode]) in section(mode, "###"), "write them anew with `python tests/readme_keys.py`"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works(example, tmp_path, monkeypatch):
    program, *arguments = shlex.split(example)
    assert program == "adam-tui"
    asked = []
    monkeypatch.setattr(adam_tui.cli.follow, "train", lambda *given: asked.append(given) or 0)
    monkeypatch.setattr(serve, "serve", lambda *given: asked.append(given))
    result = CliRunner().invoke(main, arguments, env={"ADAM_TUI_RUNS": str(tmp_path)})
    if arguments[:1] in (["train"], ["serve"]):
        assert asked, result.output
    elif arguments[:1] in (["path"], ["plot"], ["runs"], ["--version"]):
        assert result.exit_code == 0, result.output
        assert result.stdout
    else:  # the app, which there is no terminal for: its flags were read before that was said
        assert "this is not a terminal" in result.stderr


def test_the_examples_show_every_command():
    assert set(main.commands) <= {word for example in EXAMPLES for word in example.split()}


def test_what_the_first_minute_shows_is_so():
    slow, fast = (trajectories(Scenario(lanes=(Lane.parse(f"adam:lr={lr}"),)))[0] for lr in (0.1, 0.5))
    assert round(fast.positions[:, 0].max() / slow.positions[:, 0].max()) == 9
    assert "nine times as far" in section("A tour")
    state = update(update(PlaygroundState(), events.Arrow(1, 0)), events.Arrow(1, 0))
    assert state.chosen_lane["lr"] == 0.5
    assert update(state, events.CycleSurface(1)).surface.name == "ravine"
    along, across = np.linalg.eigvalsh(SURFACES["ravine"].hessian(np.zeros(2)))
    assert across / along == 50


def test_the_first_two_lines_are_those_of_a_fresh_machine():
    install, tests = blocks("console", section("Install and start"))
    assert install == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/adam-tui\n"
    assert tests == ".venv/bin/pip install '.[test]' && .venv/bin/pytest\n"


def test_the_settings_can_be_copied():
    [text] = blocks("toml")
    settings = config.parse(text)
    assert {line.split(" ")[0] for line in text.split("[keys]")[0].splitlines() if line} == {
        "theme",
        "palette",
        "fps",
        "runs",
        "hints",
    }
    assert check_keys(settings.keys, SHARED_ACTIONS) == (dict(settings.keys), [])
    assert all(theme.name.removeprefix("adam-") in section("Settings") for theme in themes())


def test_the_lines_that_read_a_run_read_one(tmp_path, monkeypatch):
    run = Path(__file__).parent / "data" / "adam-50-epochs" / "metrics.jsonl.xz"
    (tmp_path / "metrics.jsonl").write_bytes(lzma.decompress(run.read_bytes()))
    monkeypatch.chdir(tmp_path)
    [code] = [block for block in blocks("python") if "metrics.jsonl" in block]
    (tmp_path / "read.py").write_text(code)
    found = runpy.run_path(str(tmp_path / "read.py"))
    assert len(found["losses"]) == 50 * 938
    assert max(found["accuracies"]) == 0.9932
    assert code.count("\n") <= 4


def recipe(start):
    [code] = [block for block in blocks("python") if block.startswith(start)]
    assert code.count("\n") < LONGEST_RECIPE
    return code


def test_the_optimizer_to_copy_is_one():
    names = dict(vars(classic_rules))
    exec(recipe("class SignState"), names)
    rule = names["SIGN"]
    assert rule.name not in OPTIMIZERS
    hyper = expand(rule.defaults())
    x = np.array([0.3, -0.2])
    state = rule.init(x, hyper)
    for _ in range(25):
        delta, state, terms = rule.update(2 * x, state, x, hyper)
        x = x + delta
    assert state.step == 25
    assert np.abs(x).max() == pytest.approx(0.05)
    assert terms["g"].shape == (2,)


def test_the_surface_to_copy_is_one():
    names = dict(vars(surfaces))
    exec(recipe("def _matyas"), names)
    plot = names["MATYAS"]
    assert plot.name not in SURFACES
    at, nudge = np.array([[1.5, -2.0], [0.2, 3.0]]), 1e-6
    for axis in (0, 1):
        step = nudge * np.eye(2)[axis]
        assert plot.gradient(at)[:, axis] == pytest.approx((plot.f(at + step) - plot.f(at - step)) / (2 * nudge))
        change = (plot.gradient(at + step) - plot.gradient(at - step)) / (2 * nudge)
        assert plot.hessian(at)[:, axis] == pytest.approx(change)
    assert plot.f(np.array(plot.minima)) == pytest.approx(0)
    assert plot.descent_lr < 2 / np.linalg.eigvalsh(plot.hessian(at)).max()


def test_the_page_to_copy_is_one():
    [source] = blocks("markdown")
    page = read_page("helps", source, {})
    assert (page.section, len(page.tries)) == ("Ideas", 2)
    assert source.count("\n") < LONGEST_RECIPE


def test_every_file_that_it_names_is_there():
    for target in re.findall(r"\]\(((?!http|#)[^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    for path in re.findall(r"`((?:adam_tui|tests)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path


def test_every_screenshot_is_shown():
    shown = set(re.findall(r"screenshots/([\w-]+)\.png", TEXT))
    assert shown == {path.stem for path in (ROOT / "screenshots").glob("*.png")}


def test_the_figures_are_those_of_the_training_process():
    told = (ROOT / "adam_tui" / "training" / "trainer.py").read_text(encoding="utf-8")
    figures = section("What was measured")
    for figure in re.findall(r"\d[\d,.]*(?:%| images/s| s )", told.split("Measured")[1].split('"""')[0]):
        assert figure.strip() in figures, figure
