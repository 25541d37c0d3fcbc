"""A schedule's factors are those of torch.optim.lr_scheduler, and a scheduled path is that of torch.optim with them."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from adam_tui.engine.lane import Lane
from adam_tui.engine.schedules import CONSTANT, KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import compute_trajectory

TOLERANCE = 1e-12
STEPS = 300


@pytest.fixture(autouse=True, scope="module")
def _float64():
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


def scheduler_of(schedule: Schedule, optimizer: torch.optim.Optimizer, steps: int) -> lr_scheduler.LRScheduler:
    """What a person writes in PyTorch for the same."""
    rest = steps - schedule.warmup
    main = {
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "step": lambda: lr_scheduler.StepLR(optimizer, schedule.every, schedule.gamma),
        "exponential": lambda: lr_scheduler.ExponentialLR(optimizer, schedule.gamma),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=rest),
    }[schedule.kind]()
    if not schedule.warmup:
        return main
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / schedule.warmup, total_iters=schedule.warmup - 1)
    return lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[schedule.warmup])


def rates_in_torch(schedule: Schedule, steps: int) -> list[float]:
    """The learning rate of step 1 … `steps` at an lr of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = scheduler_of(schedule, optimizer, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    warmup=st.just(0) | st.integers(2, 120),
    gamma=st.floats(0.5, 1.0),
    every=st.integers(1, 150),
    steps=st.integers(121, 400),
)
@example(kind="cosine", warmup=2, gamma=0.5, every=1, steps=3)
@example(kind="cosine", warmup=0, gamma=0.5, every=1, steps=1)
def test_every_factor_is_torchs(kind, warmup, gamma, every, steps):
    schedule = Schedule(kind, warmup, gamma, every)
    ours = [schedule.factor(step, steps) for step in range(1, steps + 1)]
    assert ours == pytest.approx(rates_in_torch(schedule, steps), abs=TOLERANCE, rel=0)


def test_a_warm_up_of_one_step_changes_nothing():
    # torch's LinearLR would divide by its 0 steps.
    for kind in KINDS:
        factors = [Schedule(kind, warmup=1).factor(step, 50) for step in (1, 2, 3)]
        assert factors[:2] == [1.0, 1.0]
        assert factors[2] == Schedule(kind).factor(2, 49)


def test_factors_by_hand():
    def factors(schedule, steps):
        return [round(schedule.factor(step, steps), 12) for step in range(1, steps + 1)]

    assert factors(CONSTANT, 3) == [1, 1, 1]
    assert factors(Schedule("step", gamma=0.1, every=2), 6) == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert factors(Schedule("exponential", gamma=0.5), 4) == [1, 0.5, 0.25, 0.125]
    assert factors(Schedule("cosine"), 4) == [1, round((1 + math.sqrt(0.5)) / 2, 12), 0.5,
                                              round((1 - math.sqrt(0.5)) / 2, 12)]  # fmt: skip
    assert factors(Schedule("constant", warmup=4), 6) == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factors(Schedule("step", warmup=2, gamma=0.5, every=1), 5) == [0.5, 1, 1, 0.5, 0.25]


@pytest.mark.parametrize("warmup", [0, 40])
@pytest.mark.parametrize("steps", [50, 400, 10_000])
def test_without_a_gamma_the_exponential_schedule_falls_to_a_hundredth(steps, warmup):
    schedule = Schedule("exponential", warmup)
    assert schedule.factor(warmup + 1, steps) == 1
    assert schedule.factor(steps + 1, steps) == pytest.approx(0.01, rel=1e-12)
    assert Schedule("exponential", gamma=0.5).factor(3, steps) == 0.25
    assert Schedule("step", every=1).factor(2, steps) == 0.5


@given(
    schedule=st.builds(
        Schedule,
        kind=st.sampled_from(KINDS),
        warmup=st.integers(0, 10**30),
        gamma=st.floats(0, 1, exclude_min=True),
        every=st.integers(1, 10**30),
    ),
    steps=st.integers(1, 100_000),
    data=st.data(),
)
def test_a_factor_is_never_below_0_nor_above_1(schedule, steps, data):
    step = data.draw(st.integers(1, steps))
    assert 0 <= schedule.factor(step, steps) <= 1


class TestPaths:
    """Both walk on their own, on surfaces where the path is smooth: 300 steps, to 1e-12."""

    LANES = (
        ("sgd", {"lr": 0.03}, "SGD", {}),
        ("momentum", {"lr": 0.01, "momentum": 0.8}, "SGD", {"momentum": 0.8}),
        ("nesterov", {"lr": 0.01, "momentum": 0.8}, "SGD", {"momentum": 0.8, "nesterov": True}),
        ("adagrad", {"lr": 0.3}, "Adagrad", {}),
        ("adam", {"lr": 0.05, "beta1": 0.8}, "Adam", {"betas": (0.8, 0.999)}),
        ("amsgrad", {"lr": 0.05}, "Adam", {"amsgrad": True}),
        ("adamw", {"lr": 0.05, "weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
        ("adamax", {"lr": 0.05}, "Adamax", {}),
    )
    SCHEDULES = (
        Schedule("constant", warmup=30),
        Schedule("step", gamma=0.3, every=70),
        Schedule("exponential", gamma=0.98),
        Schedule("cosine"),
        Schedule("cosine", warmup=25),
        Schedule("step", warmup=11, gamma=0.7, every=13),
    )

    @pytest.mark.parametrize(("name", "values", "kind", "arguments"), LANES, ids=[lane[0] for lane in LANES])
    @pytest.mark.parametrize("schedule", SCHEDULES, ids=Schedule.describe)
    def test_a_scheduled_path_is_torchs_with_a_lambda(self, name, values, kind, arguments, schedule):
        plot = SURFACES["ravine"]
        path = compute_trajectory(plot, Lane.of(name, values, schedule), (-4.0, 1.5), STEPS, 0.0, 0)
        parameter, optimizer = at(kind, (-4.0, 1.5), values["lr"], arguments)
        scheduler = lr_scheduler.LambdaLR(optimizer, lambda done: schedule.factor(done + 1, STEPS))
        for step in range(1, STEPS + 1):
            take_a_step(parameter, optimizer, plot)
            scheduler.step()
            assert path.positions[step] == pytest.approx(parameter.detach().numpy(), abs=TOLERANCE, rel=0)

    def test_changes_on_the_way_are_torchs_with_its_groups_edited(self):
        lane = Lane.parse(
            "adam:lr=0.1,lr@40=0.02,beta1@40=0.5,eps@90=0.1,beta2@120=0.9,schedule=exponential,gamma=0.99"
        )
        plot = SURFACES["bowl"]
        path = compute_trajectory(plot, lane, (3.0, -2.0), 200, 0.0, 0)
        parameter, optimizer = at("Adam", (3.0, -2.0), 0.1, {})
        [group] = optimizer.param_groups
        base = 0.1
        for step in range(1, 201):
            if step == 41:
                base, group["betas"] = 0.02, (0.5, 0.999)
            if step == 91:
                group["eps"] = 0.1
            if step == 121:
                group["betas"] = (0.5, 0.9)
            group["lr"] = base * 0.99 ** (step - 1)
            take_a_step(parameter, optimizer, plot)
            assert path.positions[step] == pytest.approx(parameter.detach().numpy(), abs=TOLERANCE, rel=0)


def at(kind, start, lr, arguments):
    parameter = torch.nn.Parameter(torch.tensor(start))
    return parameter, getattr(torch.optim, kind)([parameter], lr=lr, **arguments)


def take_a_step(parameter, optimizer, plot):
    parameter.grad = torch.from_numpy(np.asarray(plot.gradient(parameter.detach().numpy().copy())))
    optimizer.step()


REFUSED = [
    ({"kind": "linear"}, "constant, step, exponential, cosine, not 'linear'"),
    ({"kind": "x" * 1000}, "not 'xxx"),
    ({"warmup": -1}, "warmup must be a whole number of steps, at least 0, not -1"),
    ({"warmup": 1.5}, "not 1.5"),
    ({"warmup": math.nan}, "not nan"),
    ({"warmup": math.inf}, "not inf"),
    ({"warmup": -(10**400)}, "not -1000"),
    ({"gamma": 0.0}, "gamma must be above 0 and at most 1, not 0"),
    ({"gamma": 1.1}, "not 1.1"),
    ({"gamma": math.nan}, "not nan"),
    ({"every": 0}, "every must be a whole number of steps, at least 1, not 0"),
    ({"every": -(10**400)}, "not -1000"),
    ({"every": 2.5}, "not 2.5"),
    ({"every": math.nan}, "not nan"),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED, ids=[str(fields)[:40] for fields, _ in REFUSED])
def test_an_impossible_schedule_is_an_error_of_one_short_line(fields, expected):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is tested
        Schedule(**fields)
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert len(message) < 120


def test_whole_numbers_stay_whole_whatever_they_came_as():
    schedule = Schedule("step", warmup=20.0, every=50.0)
    assert [type(value) for value in (schedule.warmup, schedule.every)] == [int, int]
    assert schedule == Schedule("step", warmup=20, every=50)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (CONSTANT, "constant"),
        (Schedule("cosine", warmup=20), "cosine to 0, warm-up 20"),
        (Schedule("step", gamma=0.1, every=30), "×0.1 every 30"),
        (Schedule("exponential", warmup=5, gamma=0.99), "×0.99 a step, warm-up 5"),
        (Schedule("exponential"), "down to 1%"),
    ],
)
def test_a_schedule_has_a_short_description(schedule, words):
    assert schedule.describe() == words


def test_a_schedule_is_a_value():
    assert {Schedule("cosine"): 1}[dataclasses.replace(CONSTANT, kind="cosine")] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        CONSTANT.gamma = 1.0
