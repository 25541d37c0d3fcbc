"""A sweep as a form asks for it."""

import pytest

from adam_tui.sweeps import launch
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.executor import default_slots
from adam_tui.sweeps.request import Request, request_like
from adam_tui.sweeps.space import Range, Values


def test_the_texts_become_a_plan():
    request = Request(
        *("adam, lion", "1e-4..1", "beta1=0.8,0.9 batch_size=32..64", "128"),
        *("5", "", "2", "3", "2,000", "yes", "ray 10.0.0.1:6379"),
    )
    plan = request.plan()
    assert (plan.batch_size, plan.sampler) == (128, "quasi")
    assert request.place() == ("ray", "10.0.0.1:6379")
    assert request.slot_count(plan) == 0, "as many as the cluster has room for"
    assert plan.optimizers == ("adam", "lion")
    assert plan.space["adam"] == {
        "lr": Range(1e-4, 1.0),
        "beta1": Values((0.8, 0.9)),
        "batch_size": Range(32.0, 64.0),
    }
    assert (plan.trials, plan.seeds, plan.epochs, plan.limit, plan.rungs) == (5, (0, 1), 3, 2000, (1, 3))


def test_one_knob_is_a_grid_with_both_ends_and_several_ranges_are_spread_evenly():
    assert Request("adam,sgd", "1e-3..1").plan().sampler == "grid"
    assert Request("adam", "1e-3..1", "beta1=0.8..0.99").plan().sampler == "quasi"
    assert Request("adam", "1e-3,1e-2", "beta1=0.8,0.9").plan().sampler == "grid"
    for sampler in plans.SAMPLERS:
        plan = Request("adam", "1e-3..1", sampler=sampler).plan()
        assert plan.sampler == sampler
        assert request_like(plan).plan() == plan


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(""), "optimizers: name one"),
        (Request("adam,adam"), "optimizers: one is named twice"),
        (Request("adm"), "did you mean adam"),
        (Request(lr="1..0.1"), "a range rises"),
        (Request(settings="beta1"), "other knobs: 'beta1' is not a setting"),
        (Request(settings="beta1=0.8 beta1=0.9"), "beta1 is given twice"),
        (Request(trials="many"), "settings: a whole number is needed"),
        (Request(seeds="0"), "seeds: at least 1"),
        (Request(limit="0"), "images: at least 1"),
        (Request(halving="perhaps"), "halving: yes or no"),
        (Request(batch_size="0"), "batch size: at least 1"),
        (Request(sampler="magic"), "sampler: quasi, grid, tpe, or empty, not 'magic'"),
        (Request(sampler="tpe", trials="9", halving="yes"), "tpe learns from whole trials"),
    ],
)
def test_a_mistake_names_its_field(request_, words):
    with pytest.raises(ValueError, match=words) as caught:
        request_.plan()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "words"),
    [("moon", "where: local, ray, or ray with HOST:PORT, not 'moon'"), ("ray x", "the address 'x' is not HOST:PORT")],
)
def test_a_place_is_this_host_or_a_cluster(where, words):
    assert Request(where="").place() == Request(where=" local ").place() == ("local", "")
    assert Request(where="ray").place() == ("ray", "")
    with pytest.raises(ValueError, match=words):
        Request(where=where).place()


def test_the_slots_are_those_of_the_host_unless_given():
    plan = Request().plan()
    assert Request().slot_count(plan) == default_slots("auto")
    assert Request(slots="3").slot_count(plan) == 3
    with pytest.raises(ValueError, match="slots: at most"):
        Request(slots="5000").slot_count(plan)


def test_the_request_like_a_plan_asks_for_the_same():
    request = Request(*("adam,sgd", "0.0001..1", "beta1=0.8,0.9", "32"), *("4", "", "2", "3", "3000", "yes", "ray a:1"))
    again = request_like(request.plan(), request.place())
    assert again == request
    assert again.plan() == request.plan()
    assert request_like(Request("adam,sgd").plan()).lr == "", "each optimizer has a range of its own"


def test_the_process_of_a_sweep_is_the_command_and_writes_a_log(new_sweep, monkeypatch):
    sweep = new_sweep(name="own")
    started = []

    class Process:
        def __init__(self, command, **options):
            started.append((command, options))

        def wait(self):
            return 0

    monkeypatch.setattr(launch.subprocess, "Popen", Process)
    launch.start_detached(sweep, 2)
    command, options = started[0]
    assert command[1:] == [
        *("-P", "-m", "adam_tui", "sweeps", "resume", "sweep-own"),
        *("--runs", str(sweep.path.parent.absolute()), "--slots", "2"),
    ]
    assert options["start_new_session"], "it outlives the app and its terminal"
    assert (sweep.path / "sweep.log").exists()


def test_the_usual_range_of_one_optimizer_is_not_forced_on_another_that_is_added():
    like = request_like(Request("adam").plan())
    assert (like.lr, like.plan()) == ("", Request("adam").plan())
    assert request_like(Request("adam", "1e-3..1").plan()).lr == "0.001..1"
