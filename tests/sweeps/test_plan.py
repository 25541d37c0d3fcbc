import dataclasses
import json

import pytest

from adam_tui.engine.class_signature import Parameter
from adam_tui.runs.recipes import check_spec, make_spec
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.plan import Plan


def a_plan(optimizers="adam,sgd", lr="1e-4..1e-1", settings=None, **values):
    space = plans.make_space({each: {} for each in optimizers.split(",")}, lr, settings or {})
    return plans.check_plan(Plan(space, **values))


def test_trials_are_per_optimizer_and_seeds_multiply_them():
    trials = plans.trials_of(a_plan(trials=3, seeds=(5, 6)), "sweep-x")
    assert [trial.number for trial in trials] == list(range(12))
    firsts = [(trial.spec.optimizer, trial.setting, trial.spec.seed) for trial in trials[:5]]
    assert firsts == [("adam", 0, 5), ("adam", 0, 6), ("sgd", 0, 5), ("sgd", 0, 6), ("adam", 1, 5)]
    assert len({trial.identity for trial in trials}) == 12
    for trial in trials:
        spec = trial.spec
        assert (spec.sweep, spec.validation, spec.epochs, spec.queue) == ("sweep-x", 5000, 3, False)
        assert check_spec(spec) == spec


def test_a_trial_depends_on_the_seed_of_the_sweep_and_its_number_alone():
    few, many = (plans.trials_of(a_plan(trials=n, seed=4), "a") for n in (3, 9))
    assert [trial.spec for trial in many[:6]] == [trial.spec for trial in few]
    other = plans.trials_of(a_plan(trials=3, seed=5), "a")
    assert not {trial.identity for trial in other} & {trial.identity for trial in few}


def test_the_identity_is_that_of_settings_and_seed():
    spec = make_spec("adam", {"lr": 0.1}, seed=1)
    same = dataclasses.replace(spec, sweep="s", trial="t", queue=False, device="cpu", data_dir="/d")
    assert plans.identity(same) == plans.identity(spec)
    for changes in ({"seed": 2}, {"batch_size": 32}, {"epochs": 1}, {"limit": 9}, {"validation": 1}):
        assert plans.identity(dataclasses.replace(spec, **changes)) != plans.identity(spec)
    assert plans.identity(make_spec("adam", {"lr": 0.2}, seed=1)) != plans.identity(spec)


@pytest.mark.parametrize("values", [{}, {"sampler": "grid", "lr": "1e-3,1e-2"}, {"epochs": 9, "rungs": (1, 3, 9)}])
def test_a_plan_survives_its_file(values):
    plan = a_plan(settings={"beta1": "0.8..0.99", "batch_size": "32,64"}, **values)
    read = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert plans.trials_of(read, "x") == plans.trials_of(plan, "x")


def test_a_line_of_the_journal_holds_the_whole_trial():
    plan = a_plan(settings={"beta1": "0.8..0.99", "batch_size": "32,64"})
    lines = plans.planned(plan, "sweep-x")
    assert [plans.trial_of(plan, "sweep-x", line) for line in lines] == list(plans.trials_of(plan, "sweep-x"))
    assert lines[0].settings.keys() == {"lr", "beta1", "batch_size"}
    assert lines[1].settings.keys() == {"lr", "batch_size"}, "sgd has no beta1"


MINE = "/home/me/mine.py::MyAdam"
SIGNATURE = (Parameter("lr", "float", 1e-3), Parameter("power", "float", 0.5), Parameter("fast", "bool", False))


def a_plan_with_a_class(reference=MINE, digest="0" * 64, **values):
    classes = {reference: plans.UserClass(SIGNATURE, {"optimizer.py": digest})}
    space = plans.make_space({reference: {}, "adam": {}}, "1e-4..1e-1", {"power": "0.1..0.9"}, classes)
    defaults = {"epochs": 1, "halving": False, "trials": 2, "classes": classes}
    return plans.make_plan(space, **defaults | values)


def test_a_class_of_the_user_is_swept_by_its_own_parameters_and_known_by_its_content():
    plan = a_plan_with_a_class()
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    mine, adam = plans.trials_of(plan, "s")[:2]
    assert [mine.run, adam.run] == ["MyAdam-0000", "adam-0001"]
    assert mine.spec.signature == SIGNATURE
    assert set(mine.spec.hyperparameters) == {"lr", "power", "fast"}
    assert 0.1 <= mine.spec.hyperparameters["power"] <= 0.9
    assert "power" not in adam.spec.hyperparameters
    moved, edited = a_plan_with_a_class("/tmp/mine.py::MyAdam"), a_plan_with_a_class(digest="1" * 64)
    assert plans.trials_of(moved, "s")[0].identity == mine.identity
    assert plans.trials_of(edited, "s")[0].identity != mine.identity
    with pytest.raises(ValueError, match=r"MyAdam and adam has no 'pover': did you mean power\?"):
        plans.make_space({MINE: {}, "adam": {}}, None, {"pover": "1"}, plan.classes)


def test_a_class_without_a_learning_rate_is_swept_by_another_parameter():
    classes = {MINE: plans.UserClass(SIGNATURE[1:])}
    with pytest.raises(ValueError, match=r"MyAdam has no lr: vary other parameters of it with --set"):
        plans.make_space({MINE: {}}, None, {}, classes)
    assert set(plans.make_space({MINE: {}}, None, {"power": "0.1,0.2"}, classes)[MINE]) == {"power"}


def test_equal_settings_are_trained_once():
    plan = a_plan("muon", "0.001", {"ns_steps": "4..6"}, trials=9)
    assert sorted(trial.spec.hyperparameters["ns_steps"] for trial in plans.trials_of(plan, "")) == [4, 5, 6]


def test_each_optimizer_has_its_own_range_where_none_is_given():
    space = plans.make_space({"adam": {}, "sgd": {}}, None, {})
    assert space["adam"]["lr"].high < space["sgd"]["lr"].high
    assert plans.make_space({"adam": {"lr": 0.1}}, None, {})["adam"]["lr"].values == (0.1,)


@pytest.mark.parametrize(
    ("epochs", "settings", "rungs"),
    [(9, 27, (1, 3, 9)), (9, 9, (1, 3, 9)), (9, 8, (3, 9)), (3, 27, (1, 3)), (27, 27, (1, 3, 9, 27)), (1, 27, (1,)),
     (9, 2, (9,)), (10, 27, (1, 3, 10))],
)  # fmt: skip
def test_the_rungs_reduce_the_settings_to_a_third_each(epochs, settings, rungs):
    assert plans.rungs_of(epochs, settings, halving=True) == rungs
    assert plans.rungs_of(epochs, settings, halving=False) == (epochs,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizers": "adm"}, "did you mean adam"),
        ({"settings": {"beta9": "0.1..0.2"}}, "adam and sgd has no 'beta9'"),
        ({"settings": {"lr": "0.1"}}, "lr is given twice"),
        ({"trials": 0}, "at least one trial"),
        ({"trials": 10**9}, "too many"),
        ({"seeds": ()}, "at least one seed"),
        ({"validation": 0}, "holds out at least one"),
        ({"validation": 60_000}, "leave none to train on"),
        ({"epochs": 4}, "do not rise to 4"),
        ({"sampler": "magic"}, "no sampler 'magic'"),
        ({"data": "minst"}, "no data set 'minst'"),
        ({"sampler": "grid", "trials": 400, "settings": {"beta1": "0.1..0.2", "eps": "1e-9..1e-3"}}, "too large"),
    ],
)
def test_a_plan_that_cannot_be_trained_is_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        a_plan(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [{}, [], {"space": 3}, {"space": {"adam": {"lr": 1}}}, {"space": {}}])
def test_a_damaged_plan_is_one_line(data):
    with pytest.raises(ValueError, match="not a plan"):
        Plan.from_json(data)
