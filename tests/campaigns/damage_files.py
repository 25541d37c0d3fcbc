"""Damages the files of real runs in random ways and reads them with every part of the program.

    python tests/campaigns/damage_files.py --times 2000

Each round copies a trained run and damages one or two of its files. It then lists, shows and exports the run, draws it
as the training screen does, in some rounds in the whole app, and lets the real training continue it. The campaign
expects no traceback, no hang (40 s), one line for every problem, and no change of a good file by reading it.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import faulthandler
import functools
import hashlib
import io
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from click.testing import CliRunner
from damage import damage

from adam_tui.cli.app import main
from adam_tui.draw.palette import DARK
from adam_tui.history.feed import Feed
from adam_tui.runs import control, directory, recipes
from adam_tui.runs.run import Run
from adam_tui.training import data, trainer
from adam_tui.training.journal import Journal
from adam_tui.ui.actions import key_names
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import events as e
from adam_tui.ui.train import run_panel
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.layout import PANELS
from adam_tui.ui.train.state import VIEWS, TrainState
from adam_tui.ui.train.update import update
from adam_tui.ui.train.view import Snapshot

FILES = ("spec.json", "metrics.jsonl", "status.json", "control.jsonl", "checkpoint.pt", "evaluation.npz", "worker.log")
MOST_SECONDS = 40  # of a round, on a busy machine too
LONGEST_TRAINING = 8.0  # seconds
APP_EVERY = 20  # rounds


class Deaf(Journal):
    """Reads commands without passing them on, and stops a long run: a damaged spec may ask for 1,000 epochs."""

    def __init__(self, run):
        super().__init__(run)
        self._end = time.monotonic() + LONGEST_TRAINING

    def new_commands(self):
        """No commands, or the command to stop."""
        super().new_commands()
        return [{"command": "stop"}] if time.monotonic() > self._end else []


def train(run):
    """Train a run in this process."""
    with Deaf(run) as journal:
        return trainer.train(journal)


def make_runs(folder):
    """The templates: a run that finished, and one that was stopped in the middle."""
    asked = {"limit": 200, "batch_size": 25, "epochs": 3, "device": "cpu", "precision": "float32"}
    finished = directory.create(recipes.make_spec("adam", {}, **asked), folder)
    with Journal(finished) as journal:
        assert trainer.train(journal)[0] == "finished"
    stopped = directory.create(recipes.make_spec("sgd", {}, **asked), folder)
    count = iter(range(10**6))

    class Stopping(Journal):
        def new_commands(self):
            return [{"command": "stop"}] if next(count) == 13 else []

    with Stopping(stopped) as journal:
        assert trainer.train(journal)[0] == "stopped"
    for run in (finished, stopped):
        run.command("pause")
        (run.path / "worker.log").write_text("Traceback (most recent call last):\n  x\nValueError: y\n")
    return finished, stopped


def fingerprints(run):
    """A hash of each regular file."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.path.iterdir()
        if path.is_file() and not path.is_symlink()
    }


def on_the_command_line(run):
    """List, show and export the run: each command has an exit status and reports a problem in one line."""
    runner = CliRunner(env={"ADAM_TUI_RUNS": str(run.path.parent)})
    for words in (("list",), ("show", run.id), ("export", run.id), ("export", run.id, "--what", "epochs")):
        result = runner.invoke(main, ["runs", *words], prog_name="adam-tui")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code in (0, 2), (words, result.exit_code)
        assert result.stderr.count("\n") <= 1, result.stderr
        assert all(line.isprintable() for line in result.stdout.splitlines()) or words[0] == "export", result.stdout


def on_the_screen(run):
    """Draw the run in every view of the training screen."""
    feed = Feed(run.path.parent)
    state, _ = update(TrainState(), e.ListRuns(feed.views()))
    for _ in range(50):
        if not feed.poll([each.id for each in state.drawn])[1]:
            break
    state, _ = update(state, e.ListRuns(feed.views()))
    found, now = feed.evaluation(state.selected), time.time()
    log = feed.log(state.selected, 3) if state.selected else ""
    notes = run_panel.notes(state, feed.histories, log, DARK, key_names(ACTIONS))
    for width, height in ((40, 12), (118, 20)):
        pictures = []
        for view in VIEWS:
            shown = Snapshot(
                replace(state, view=view), feed.histories, found, notes, now, width, DARK, key_names(ACTIONS)
            )
            pictures += [train_view.draw(panel, shown, width, height) for panel in PANELS]
        for each in pictures:
            assert all(line.isprintable() for line in each.lines())
    if state.run is not None and state.run.id == run.id and state.run.resumable:
        control.check_resume(run)


async def in_the_app(run):
    """Show the run in the whole app, with the keys that open most of its views."""
    app = AdamApp(PlaygroundState(), mode="train", runs=run.path.parent)
    async with app.run_test(size=(120, 40)) as pilot:
        for key in (*"vvvvv", "i", "g", "g", "escape", "tab", "tab", "L", "escape", "c", "escape", "h", "right"):
            await pilot.press(key)
            await pilot.pause(0.01)
        await pilot.pause(0.3)
    if app._exception is not None:
        raise app._exception


def continued(run):
    """Continue the run with the real training; the outcome in one word."""
    if not run.can_resume():
        return "not continued"
    good = {name: content for name, content in fingerprints(run).items() if name.startswith("checkpoint")}
    try:
        state, reason = train(run)
    except (OSError, ValueError):  # as the process's main function says it
        return "refused"
    assert "\n" not in reason, reason
    if state == "failed" and reason.startswith("cannot continue"):
        after = fingerprints(run)
        assert all(after.get(name) == content for name, content in good.items()), "a checkpoint was changed"
    return state


def one_round(chance, templates, runs, outcomes, name, app=False):
    """Copy a run, damage this file of it and perhaps another, and read it with every part of the program."""
    shutil.rmtree(runs, ignore_errors=True)
    template = chance.choice(templates)
    run = Run(runs / template.id)
    shutil.copytree(template.path, run.path)
    others = [chance.choice(FILES)] if chance.random() < 0.3 else []
    how = [damage(chance, run.path / each) for each in (name, *others)]
    outcomes[name] += 1
    try:
        before = fingerprints(run)
        with contextlib.redirect_stderr(io.StringIO()):
            on_the_command_line(run)
            on_the_screen(run)
            if app:
                asyncio.run(in_the_app(run))
            after = fingerprints(run)
            assert before == after, f"looking at it changed {before.items() ^ after.items()}"
            outcomes[continued(run)] += 1
    except Exception as error:
        error.add_note(f"damaged: {how}")
        raise


def rounds(times, seed, folder, seconds):
    """Run the rounds within the time; returns the number of failures and counts of damages and outcomes."""
    templates = make_runs(folder / "templates")
    chance, failures, outcomes = random.Random(seed), 0, collections.Counter()
    end = time.monotonic() + seconds
    for number in range(times):
        if time.monotonic() > end:
            break
        faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        outcomes["rounds"] += 1
        try:
            name = FILES[number % len(FILES)]
            one_round(chance, templates, folder / "runs", outcomes, name, app=number % APP_EVERY == 0)
        except Exception:
            failures += 1
            traceback.print_exc(limit=-3)
        faulthandler.cancel_dump_traceback_later()
    return failures, outcomes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=1e9, help="no longer than that")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data.load = functools.lru_cache(maxsize=3)(data.load)  # a damaged limit makes another set of them
    os.environ["ADAM_TUI_CONFIG"] = os.devnull
    with tempfile.TemporaryDirectory(prefix="adam-tui-damage-") as place:
        failed, counts = rounds(asked.times, asked.seed, Path(place), 60 * asked.minutes)
    print(f"{failed} failures", dict(counts))
    sys.exit(bool(failed))
