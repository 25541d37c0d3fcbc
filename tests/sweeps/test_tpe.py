"""Settings that Optuna chooses from the results so far."""

import contextlib
import json
import math
import random
import subprocess
import sys
from statistics import median

import pytest
from sweep_training import Training, states

from adam_tui.sweeps import plan as plans
from adam_tui.sweeps import space, tpe
from adam_tui.sweeps import work as work_module
from adam_tui.sweeps.journal import Planned, SweepFold, TrialEnded, TrialStarted, from_line, record_once, to_line
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.sweep import Sweep
from adam_tui.sweeps.work import Worker


def a_plan(optimizers="adam", lr="1e-5..1", settings=None, **values):
    chosen = plans.make_space({each: {} for each in optimizers.split(",")}, lr, settings or {})
    return plans.make_plan(chosen, epochs=1, halving=False, **{"sampler": "tpe"} | values)


def started(line):
    return TrialStarted(1.0, line.trial, 1, (), line.run, "slot", 0)


def ended(line, loss, state="finished"):
    return TrialEnded(2.0, line.trial, 1, line.run, state, "", 1, loss, loss, 0.5, loss, 0.5, 1.0)


def loss_at(values):
    """The least at lr = 3e-3 and β1 = 0.95, on the scales of the knobs."""
    return (math.log10(values["lr"]) - math.log10(3e-3)) ** 2 + (
        math.log10(1 - values["beta1"]) - math.log10(0.05)
    ) ** 2


def best_after(plan):
    """The least loss of a sweep with one slot whose trials have that loss."""
    fold = SweepFold()
    lines = plans.planned(plan, "s")
    while lines:
        fold.add([event for line in lines for event in (line, started(line), ended(line, loss_at(line.settings)))])
        lines = tpe.decide(plan, "s", fold.record)
    assert len(fold.record.trials) == plan.trials
    return min(each.loss for each in fold.record.trials.values())


def test_it_finds_better_settings_than_chance_on_a_known_function():
    knobs, ours, chance = plans.knobs_of("adam"), [], []
    for seed in range(5):
        plan = a_plan(settings={"beta1": "0.5..0.999"}, trials=45, seed=seed)
        ours.append(best_after(plan))
        draw, dimensions = random.Random(seed), plan.space["adam"]
        points = [{name: each.at(knobs[name], draw.random()) for name, each in dimensions.items()} for _ in range(45)]
        chance.append(min(map(loss_at, points)))
    assert median(ours) < median(chance) / 3


def decided(sweep):
    return [each.planned for _, each in sorted(sweep.record().trials.items()) if each.planned.based_on]


def test_a_sweep_with_one_slot_repeats_itself_and_every_decision_follows_from_the_trials_that_it_names(new_sweep, work):
    asked = {"optimizers": "adam,sgd", "sampler": "tpe", "trials": 6, "seeds": (0, 1), "epochs": 1}
    one, other = (new_sweep(name=name, **asked) for name in ("one", "other"))
    for sweep in (one, other):
        assert (sweep.record().count, sweep.record().undecided) == (24, 8)
        work(sweep)
        assert sweep.record().is_over
    lines = [[dict(each.settings) for each in decided(sweep)] for sweep in (one, other)]
    assert lines[0] == lines[1]
    assert [each.trial for each in decided(one)] == list(range(16, 24))
    plan, record = one.plan(), one.record()
    for line in decided(one):
        groups = {}
        for number in line.based_on:
            groups.setdefault(record.trials[number].planned.setting, []).append(record.trials[number])
        tried = [tpe.Tried(some[0].planned.settings, median(each.loss for each in some)) for some in groups.values()]
        assert line.pending == ()
        assert tpe.suggest(plan, line.optimizer, line.setting, tried) == line.settings
    assert [each.based_on for each in decided(one)[:2]] == [(0, 1, 4, 5, 8, 9, 12, 13)] * 2
    different = new_sweep(name="different", **asked | {"seed": 1})
    work(different)
    assert [dict(each.settings) for each in decided(different)] != lines[0]


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["before it is recorded", "before a trial starts"])
def test_a_process_that_is_killed_around_a_decision_changes_nothing(new_sweep, work, monkeypatch, moment):
    asked = {"sampler": "tpe", "trials": 7, "epochs": 1}
    whole, parted = (new_sweep(name=name, **asked) for name in ("whole", "parted"))
    work(whole)

    def killed(*recorded):
        if moment == "before a trial starts":
            record_once(*recorded)
        raise KilledError

    while not parted.record().is_over:
        with monkeypatch.context() as patch:
            patch.setattr(work_module, "record_once", killed)
            with contextlib.suppress(KilledError):
                Worker(Sweep(parted.path), Training(lambda leg: None)).work()
        if moment == "before it is recorded":
            assert len(parted.record().trials) == 4
            work(Sweep(parted.path))
    assert [dict(each.settings) for each in decided(parted)] == [dict(each.settings) for each in decided(whole)]
    assert states(parted) == states(whole)
    journals = "".join(path.read_text() for path in parted.path.glob("trials*.jsonl"))
    planned = [event["trial"] for event in map(json.loads, journals.splitlines()) if event["event"] == "planned"]
    assert sorted(planned) == list(range(7))


def test_settings_in_progress_are_pending_and_a_diverged_one_is_the_worst(monkeypatch):
    plan, fold, asked = a_plan(trials=8, seeds=(0, 1)), SweepFold(), []
    lines = plans.planned(plan, "s")
    fold.add([*lines, *map(started, lines)])
    fold.add([ended(lines[0], 0.5), ended(lines[1], 0.7), ended(lines[2], 0.1)])
    fold.add([ended(lines[4], 0.3), ended(lines[5], math.nan, "diverged")])
    fold.add([ended(lines[6], 0.2, "stopped"), ended(lines[7], 0.2, "stopped")])

    def suggest(plan, optimizer, setting, tried):
        asked.extend((setting, tried))
        return {"lr": 0.25}

    monkeypatch.setattr(tpe, "suggest", suggest)
    first, second = tpe.decide(plan, "s", fold.record)
    assert asked[0] == 4
    assert [each.loss for each in asked[1]] == [0.6, None, math.inf]
    assert (first.based_on, first.pending) == (second.based_on, second.pending) == ((0, 1, 4, 5), (2, 3))
    assert (first.trial, second.trial, first.seed, second.seed) == (8, 9, 0, 1)
    assert from_line(to_line(first).encode()) == first
    monkeypatch.undo()
    near = {"lr": 0.01}
    tried = [tpe.Tried({"lr": 10.0**-n}, float(n)) for n in range(1, 5)]
    alone = tpe.suggest(plan, "adam", 5, tried)
    beside = tpe.suggest(plan, "adam", 5, [*tried, tpe.Tried(alone, None), tpe.Tried(near, math.inf)])
    assert alone != beside


def test_a_decision_is_recorded_whole_and_once(tmp_path):
    lines = [Planned(1.0, 3, "ab", "adam-0003", "adam", 3, 0, {"lr": value}, (0,), ()) for value in (0.1, 0.2)]
    assert record_once(tmp_path, "adam-0003", lines[:1])
    assert not record_once(tmp_path, "adam-0003", lines[1:])
    assert [from_line(line) for line in (tmp_path / "trials-adam-0003.jsonl").read_bytes().splitlines()] == lines[:1]
    assert [path.name for path in tmp_path.iterdir()] == ["trials-adam-0003.jsonl"]


def test_a_space_of_few_settings_is_tried_whole_and_each_of_them_once(new_sweep, work):
    sweep = new_sweep(
        "muon", "1e-3,1e-2", {"ns_steps": "4..6", "batch_size": "32..64"}, sampler="tpe", trials=50, epochs=1
    )
    assert sweep.record().count == 12
    work(sweep)
    tried = [tuple(each.planned.settings.values()) for each in sweep.record().trials.values()]
    assert len(tried) == len(set(tried)) == 12


@pytest.mark.parametrize(
    ("optimizer", "knob", "text"),
    [
        ("adam", "lr", "1e-5..1"),
        ("adam", "beta1", "0.5..0.999"),
        ("muon", "ns_steps", "2..9"),
        ("adam", "batch_size", "8..256"),
    ],
)
def test_the_place_of_a_value_leads_back_to_it(optimizer, knob, text):
    known = plans.knobs_of(optimizer)[knob]
    dimension = space.parse_dimension(known, text)
    for number in range(20):
        value = dimension.at(known, number / 20)
        assert dimension.at(known, dimension.place(known, value)) == pytest.approx(value, rel=1e-9)
    assert 0 <= dimension.place(known, dimension.low) < 0.2
    assert 0.8 < dimension.place(known, dimension.high) <= 1


def test_it_learns_from_whole_trials_only():
    with pytest.raises(ValueError, match="tpe learns from whole trials: leave halving out"):
        plans.make_plan({"adam": {"lr": space.Range(1e-3, 1e-1)}}, epochs=9, halving=True, sampler="tpe", trials=9)
    with pytest.raises(ValueError, match="tpe learns from whole trials"):
        plans.check_plan(Plan({"adam": {}}, sampler="tpe", epochs=3, rungs=(1, 3)))


QUIET = """
import sys, warnings
warnings.simplefilter("error")
def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname" or event.startswith("subprocess"):
        raise RuntimeError(event)
    if event == "open" and arguments[2] & 3 and not str(arguments[0]).startswith("/dev/"):
        raise RuntimeError(f"writes {arguments[0]}")
sys.dont_write_bytecode = True
sys.addaudithook(forbid)
from adam_tui.sweeps import tpe
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.space import Range
plan = Plan({"adam": {"lr": Range(1e-5, 1.0)}}, sampler="tpe", trials=9)
tried = [tpe.Tried({"lr": 10.0 ** -n}, float("inf") if n == 1 else n) for n in range(1, 5)]
tpe.suggest(plan, "adam", 4, [*tried, tpe.Tried({"lr": 0.02}, None)])
assert not {"torch", "sqlalchemy", "alembic", "pandas"} & set(sys.modules)
"""


def test_optuna_writes_nothing_says_nothing_and_needs_no_network(tmp_path):
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_without_optuna_the_message_names_the_extra(monkeypatch):
    monkeypatch.setattr(tpe.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"Optuna is not installed: pip install 'adam-tui\[tpe\]'"):
        tpe.suggest(a_plan(), "adam", 4, [])
