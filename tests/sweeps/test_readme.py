"""The page about sweeps is true: its files, its events, its commands and its code."""

import dataclasses
import re
import shlex
from pathlib import Path

from click.testing import CliRunner
from sweep_training import states

import adam_tui.sweeps
from adam_tui.cli import sweep_progress
from adam_tui.cli.app import main
from adam_tui.sweeps.journal import EVENTS
from adam_tui.sweeps.plan import VALIDATION

TEXT = (Path(adam_tui.sweeps.__path__[0]) / "README.md").read_text("utf-8")


def test_the_code_reads_the_losses_of_all_finished_trials(new_sweep, work, monkeypatch):
    sweep = new_sweep(lr="1e-3,1e-2,10", sampler="grid")
    work(sweep)
    monkeypatch.chdir(sweep.path)
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    trials = sweep.record().trials.values()
    assert scope["losses"] == {each.run: each.loss for each in trials if each.state == "finished"}
    assert len(scope["losses"]) == 2


def test_every_event_and_every_key_is_described():
    table = TEXT.partition("## The events")[2].partition("An attempt ends")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert rows.keys() == EVENTS.keys()
    for name, kind in EVENTS.items():
        assert re.findall(r"`(\w+)`", rows[name]) == [field.name for field in dataclasses.fields(kind)][1:]


def test_every_file_is_described(new_sweep, work):
    sweep = new_sweep()
    sweep.command("resume")
    work(sweep)
    described = set(re.findall(r"^\| `(.*?)`", TEXT.partition("## How")[0], re.MULTILINE))
    names = {"trials-<writer>.jsonl" if path.name.startswith("trials-") else path.name for path in sweep.path.iterdir()}
    names = {re.sub(r"adam-\d+", "adam-0007/", name) for name in names} - {"claims"}
    elsewhere = {
        "claims/<trial>-<attempt>",
        "slot-0.log",
        ".<host>-sweep.lock",
        "sweep.log",
        "ray.log",
        "code/<SHA-256>.py",
    }
    assert described == names | elsewhere


def test_the_commands_work(tmp_path, monkeypatch, new_sweep):
    followed = []
    monkeypatch.setattr("adam_tui.sweeps.ray_executor.check_ray", lambda address: None)
    monkeypatch.setattr(sweep_progress, "follow", lambda *given: followed.append(given[0]) or 0)
    monkeypatch.setattr(sweep_progress, "work", lambda *given: followed.append(given[0]) or 0)
    grid = new_sweep(name="grid")
    [block] = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines():
        arguments = shlex.split(line.replace("RUNS", str(grid.path.parent)))[1:]
        runs = tmp_path / "new" if "--dry-run" in arguments else grid.path.parent
        result = CliRunner().invoke(main, arguments, env={"ADAM_TUI_RUNS": str(runs)})
        assert result.exit_code == 0, result.output
    new, learning, by_hand, on_ray = followed
    assert (learning.record().count, len(learning.record().trials)) == (40, 10)
    assert len(new.record().trials) == 2 * 27 * 3
    assert new.plan().rungs == (1, 3, 9)
    assert by_hand.id == "sweep-grid"
    assert on_ray.place == ("ray", "10.0.0.1:6379")
    assert len(on_ray.record().trials) == 200
    assert set(states(grid)) == {"planned"}


def test_the_number_of_held_out_images_is_the_programs():
    assert f"{VALIDATION:,} training images are held out" in TEXT
