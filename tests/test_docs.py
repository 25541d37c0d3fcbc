"""The README and the pages that it links are true: keys, examples, settings, figures, and code to copy."""

import json
import lzma
import re
import runpy
import shlex
from pathlib import Path

import keys_page
import numpy as np
import pytest
from click.testing import CliRunner

import adam_tui.cli.follow
import adam_tui.runs.user_code
from adam_tui.cli import web_server
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
README = ROOT / "README.md"
KEYS = keys_page.PAGE
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
RUNS = ROOT / "adam_tui" / "runs" / "README.md"
BENCH = ROOT / "tests" / "bench" / "README.md"
CAMPAIGNS = ROOT / "tests" / "campaigns" / "README.md"
PRECISION = ROOT / "tests" / "engine" / "README.md"
SWEEPS = ROOT / "adam_tui" / "sweeps" / "README.md"
FAST = ROOT / "adam_tui" / "training" / "fast" / "README.md"
PAGES = [README, KEYS, CONTRIBUTING, RUNS, BENCH, CAMPAIGNS, PRECISION, SWEEPS, FAST]

MOST_BYTES = 9_000  # of the README
LONGEST_RECIPE = 30  # lines

LINK = re.compile(r"\]\(((?!http|#)[^)]+)\)")


def text_of(page):
    return page.read_text(encoding="utf-8")


def section(title):
    """The README's text below a heading, to the next heading."""
    text = text_of(README)
    start = text.index(f"\n## {title}\n") + len(title)
    end = text.find("\n## ", start)
    return text[start : end if end > 0 else None]


def blocks(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


EXAMPLES = [line for block in blocks("console", section("Command line")) for line in block.splitlines()]


class TestTheReadme:
    def test_is_short(self):
        assert len(README.read_bytes()) <= MOST_BYTES

    def test_links_every_other_page(self):
        linked = {(ROOT / target).resolve() for target in LINK.findall(text_of(README))}
        assert set(PAGES) - {README} <= linked

    @pytest.mark.parametrize("example", EXAMPLES)
    def test_an_example_works(self, example, tmp_path, monkeypatch):
        program, *arguments = shlex.split(example)
        assert program == "adam-tui"
        calls = []
        monkeypatch.setattr(adam_tui.cli.follow, "train", lambda *given: calls.append(given) or 0)
        monkeypatch.setattr(web_server, "serve", lambda *given, token: calls.append(given))
        monkeypatch.chdir(tmp_path)
        for name in {word.partition("::")[0] for word in arguments if word.startswith("./")}:
            Path(name).write_text("")  # the code itself is tried in tests/cli/test_user_code.py
        parameters = [{"name": "lr", "kind": "float", "default": 0.1}]
        answer = {"signature": parameters, "values": {"lr": 1e-3}, "parameters": 1}
        monkeypatch.setattr(adam_tui.runs.user_code, "_reply", lambda request: answer)
        result = CliRunner().invoke(main, arguments, env={"ADAM_TUI_RUNS": str(tmp_path)})
        if arguments[:1] in (["train"], ["serve"]):
            assert calls, result.output
        elif arguments and arguments[0] in ("path", "plot", "map", "basins", "runs", "sweep", "sweeps", "--version"):
            assert result.exit_code == 0, result.output
            assert result.stdout
        elif arguments[:1] == ["landscape"]:  # there is no such run here
            assert f"no run {arguments[1]!r}" in result.stderr
        else:  # the app checks its flags first, and then finds no terminal here
            assert "this is not a terminal" in result.stderr

    def test_a_race_on_beale_ends_near_its_minimum(self):
        [example] = [line for line in EXAMPLES if "beale" in line]
        document = json.loads(CliRunner().invoke(main, shlex.split(example)[1:]).output)
        assert [lane["loss"][-1] < 0.01 for lane in document["lanes"]] == [True, True]

    def test_the_examples_show_every_command(self):
        assert set(main.commands) <= {word for example in EXAMPLES for word in example.split()}

    def test_the_first_minute_is_true(self):
        slow, fast = (trajectories(Scenario(lanes=(Lane.parse(f"adam:lr={lr}"),)))[0] for lr in (0.1, 0.5))
        assert round(fast.positions[:, 0].max() / slow.positions[:, 0].max()) == 9
        assert "nine times as far" in section("The first minute")
        state, _ = update(update(PlaygroundState(), events.Arrow(1, 0))[0], events.Arrow(1, 0))
        assert state.chosen_lane["lr"] == 0.5
        assert update(state, events.CycleSurface(1))[0].surface.name == "ravine"
        along, across = np.linalg.eigvalsh(SURFACES["ravine"].hessian(np.zeros(2)))
        assert across / along == 50

    def test_the_first_two_lines_are_those_of_a_fresh_machine(self):
        install, tests = blocks("console", section("Install and start"))
        assert install == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/adam-tui\n"
        assert tests == ".venv/bin/pip install '.[test]' && .venv/bin/pytest\n"

    def test_the_settings_can_be_copied(self):
        [text] = blocks("toml", section("Settings"))
        settings = config.parse(text)
        names = {line.split(" ")[0] for line in text.split("[keys]")[0].splitlines() if line}
        assert names == {"theme", "palette", "fps", "runs", "hints", "cell_aspect", "blocks"}
        assert check_keys(settings.keys, SHARED_ACTIONS) == (dict(settings.keys), [])
        assert settings.theme in {theme.name for theme in themes()} | {"nord"}

    def test_every_screenshot_is_shown(self):
        shown = set(re.findall(r"screenshots/([\w-]+)\.png", text_of(README)))
        assert shown == {path.stem for path in (ROOT / "screenshots").glob("*.png")}


def test_the_page_of_keys_is_current():
    assert text_of(KEYS) == keys_page.page(), "write it again with `python tests/keys_page.py`"


def test_every_file_of_a_journey_exists():
    files = re.findall(r"`(\w+/[\w/]+\.py)`", text_of(CONTRIBUTING).split("## Five journeys")[1].split("\n## ")[0])
    assert len(files) > 40
    assert [file for file in files if not (ROOT / "adam_tui" / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_exists(page):
    text = text_of(page)
    for target in LINK.findall(text):
        assert (page.parent / target).exists(), target
    for path in re.findall(r"`((?:adam_tui|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_page_on_runs_has_lines_that_read_one(tmp_path, monkeypatch):
    run = Path(__file__).parent / "data" / "adam-50-epochs" / "metrics.jsonl.xz"
    (tmp_path / "metrics.jsonl").write_bytes(lzma.decompress(run.read_bytes()))
    monkeypatch.chdir(tmp_path)
    [code] = [block for block in blocks("python", text_of(RUNS)) if "metrics.jsonl" in block]
    (tmp_path / "read.py").write_text(code)
    names = runpy.run_path(str(tmp_path / "read.py"))
    assert len(names["losses"]) == 50 * 938
    assert max(names["accuracies"].values()) == 0.9932
    assert code.count("\n") <= 12


def test_the_figures_are_those_of_the_training_process():
    docstring = text_of(ROOT / "adam_tui" / "training" / "trainer.py").split('"""')[1]
    figures = re.findall(r"\d[\d,.]*(?:%| images/s| s )", docstring.partition("Measured")[2])
    assert figures
    assert [figure for figure in figures if figure.strip() not in text_of(BENCH)] == []


def recipe(start):
    [code] = [block for block in blocks("python", text_of(CONTRIBUTING)) if block.startswith(start)]
    assert code.count("\n") < LONGEST_RECIPE
    return code


def test_the_optimizer_to_copy_works():
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


def test_the_surface_to_copy_works():
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


def test_the_page_to_copy_works():
    [source] = blocks("markdown", text_of(CONTRIBUTING))
    page = read_page("helps", source, {})
    assert (page.section, len(page.tries)) == ("Ideas", 2)
    assert source.count("\n") < LONGEST_RECIPE
