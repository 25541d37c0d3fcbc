"""The PyTorch script of a scenario runs as pasted and prints the engine's numbers, to 1e-12."""

import contextlib
import inspect
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from rotation import rotated

from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.pytorch_code import to_pytorch
from adam_tui.engine.pytorch_formula import formula
from adam_tui.engine.pytorch_sources import BY_HAND
from adam_tui.engine.rule import PARTS
from adam_tui.engine.scenario import Lane, Scenario, suggested_lane
from adam_tui.engine.surfaces import SURFACES, find_surface
from adam_tui.engine.trajectory import trajectories

TOLERANCE = 1e-12
STEPS = 60
LINE = re.compile(r"^(\S+): x = (\S+), y = (\S+), loss = (\S+)$", re.M)


@pytest.fixture(autouse=True, scope="module")
def _torch_as_it_was() -> Iterator[None]:
    """The scripts set torch's default type."""
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


def printed(script: str) -> dict[str, tuple[float, float, float]]:
    """What the script prints: x, y and loss by lane."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(script, "pasted.py", "exec"), {"__name__": "__main__"})
    lines = LINE.findall(out.getvalue())
    assert len(lines) == out.getvalue().count("\n")
    return {name: (float(x), float(y), float(loss)) for name, x, y, loss in lines}


def assert_the_same(scenario: Scenario) -> None:
    found = printed(to_pytorch(scenario))
    assert tuple(found) == scenario.labels()
    for name, path in zip(scenario.labels(), trajectories(scenario), strict=True):
        expected = (*path.positions[-1].tolist(), float(path.losses[-1]))
        np.testing.assert_allclose(found[name], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


# Those that evaluate more than one gradient have a test of their own, below.
ONE_GRADIENT = {name: rule for name, rule in OPTIMIZERS.items() if rule.evaluations is None}
WRITTEN = [name for name, rule in ONE_GRADIENT.items() if rule.torch_name or name in BY_HAND]
# Where a path is chaotic the last digit of the gradient decides sooner than after 60 steps.
CHAOTIC = {("adadelta", "rosenbrock"), ("nadam", "rosenbrock"), ("adadelta", "rastrigin"), ("lamb", "rastrigin")}
BEFORE_CHAOS = 20


@pytest.mark.parametrize("place", SURFACES)
def test_every_optimizer_ends_where_the_engine_does(place):
    lanes = [suggested_lane(name, find_surface(place)) for name, at in rotated(WRITTEN, SURFACES, 6) if at == place]
    # SOAP divides the slope across its axis, often nothing but rounding, by its own size plus ε.
    lanes = [lane.replaced("eps", 0.1) if lane.optimizer == "soap" else lane for lane in lanes]
    chaotic = [lane for lane in lanes if (lane.optimizer, place) in CHAOTIC]
    calm = [lane for lane in lanes if lane not in chaotic]
    for some, steps in ((calm[::2], STEPS), (calm[1::2], STEPS), (chaotic, BEFORE_CHAOS)):
        if some:
            assert_the_same(Scenario(surface=place, lanes=tuple(some), steps=steps))


def test_a_surface_whose_slope_changes_by_the_step_does_so_in_the_script():
    lanes = tuple(Lane.parse(flag) for flag in ("adam:lr=0.1,beta1=0,beta2=0.1", "amsgrad:lr=0.1,beta1=0,beta2=0.1"))
    scenario = Scenario(surface="reddi", lanes=lanes, steps=STEPS, noise=0.01)
    assert_the_same(scenario)
    ends = printed(to_pytorch(scenario))
    assert ends["adam"][0] > 0 > ends["amsgrad"][0]  # Adam walks up, AMSGrad down


SEARCHING = [suggested for suggested in OPTIMIZERS if OPTIMIZERS[suggested].evaluations is not None]
# Where a path is chaotic, or races away from the plot, it is compared for a few steps.
# Without curvature Newton's step is infinite, or nearly so; a search to far away amplifies rounding in its first step.
SENSITIVE = {("newton", "reddi"), *((name, "plateau") for name in ("newton", "bfgs", "lbfgs"))}
SENSITIVE |= {("bfgs", "rastrigin"), ("lbfgs", "rastrigin")}
FEW_STEPS = {"rosenbrock": 8, "rastrigin": 3, "ackley": 5, "styblinski-tang": 8, "saddle": 2, "plateau": 8, "reddi": 8}


@pytest.mark.parametrize("place", SURFACES)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_every_optimizer_that_evaluates_more_ends_where_the_engine_does(place, noise):
    lanes = [suggested_lane(name, find_surface(place)) for name in SEARCHING]
    lanes += [Lane.parse(flag) for flag in ("newton:lr=0.5,damping=0.1,saddle_free=1", "lbfgs:lr=0.5,strong_wolfe=0")]
    lanes = [lane for lane in lanes if (lane.optimizer, place) not in SENSITIVE]
    assert_the_same(Scenario(surface=place, lanes=tuple(lanes), steps=FEW_STEPS.get(place, 12), noise=noise))


# Every knob away from its default, so that each is seen to arrive under torch's name.
TURNED = [
    "sgd:lr=0.01,weight_decay=0.3",
    "momentum:lr=0.002,momentum=0.8,dampening=0.4,weight_decay=0.1",
    "momentum:lr=0.01,momentum=0,dampening=0.5",
    "nesterov:lr=0.002,momentum=0.7,weight_decay=0.1",
    "adagrad:lr=0.3,lr_decay=0.05,weight_decay=0.1,initial_accumulator_value=2,eps=0.01",
    "adadelta:lr=3,rho=0.8,eps=0.01,weight_decay=0.1",
    "asgd:lr=0.02,lambd=0.1,alpha=0.5,t0=20,weight_decay=0.1",
    "rprop:lr=0.05,eta_minus=0.4,eta_plus=1.3,step_min=0.01,step_max=0.2",
    "rprop:lr=0.05,eta_plus=1.5",
    "adafactor:lr=0.1,beta2_decay=-0.5,eps2=0.5,d=1.2,weight_decay=0.1",
    "rmsprop:lr=0.02,alpha=0.9,eps=0.1,weight_decay=0.1,momentum=0.5,centered=1",
    "adam:lr=0.1,beta1=0.8,beta2=0.95,eps=0.1,weight_decay=0.2",
    "adam:lr=0.1,beta2=0.95,eps=0.1,weight_decay=0.2,bias_correction=0",
    "amsgrad:lr=0.1,beta1=0.5,beta2=0.9,eps=0.1,weight_decay=0.2",
    "adamw:lr=0.1,beta1=0.5,beta2=0.9,eps=0.1,weight_decay=0.2",
    "adamax:lr=0.1,beta1=0.5,beta2=0.9,eps=0.1,weight_decay=0.2",
    "nadam:lr=0.1,beta1=0.5,beta2=0.9,eps=0.1,weight_decay=0.2,momentum_decay=0.1",
    "adamw:lr=0.1,beta1=0,beta2=0",
    "nadam:lr=0.1,weight_decay=0.2,decoupled_weight_decay=1",
    "radam:lr=0.01,beta1=0.5,beta2=0.9,eps=0.1,weight_decay=0.2",
    "radam:lr=0.01,weight_decay=0.2,decoupled_weight_decay=1",
    "lion:lr=0.03,beta1=0.8,beta2=0.95,weight_decay=0.2",
    "lamb:lr=0.1,beta1=0.8,beta2=0.95,eps=0.1,weight_decay=0.2",
    "lamb:lr=0.1,bias_correction=0",
    "adan:lr=0.1,beta1=0.9,beta2=0.8,beta3=0.95,eps=0.1,weight_decay=0.2",
    "adan:lr=0.1,weight_decay=0.2,no_prox=1",
    "prodigy:lr=0.2,beta1=0.8,beta2=0.95,d0=0.001,d_coef=2,eps=0.1,weight_decay=0.2",
    "prodigy:lr=0.2,d0=0.01,use_bias_correction=1,safeguard_warmup=1",
    "sf-sgd:lr=0.02,momentum=0.8,weight_decay=0.1,warmup_steps=20,r=1.5,weight_lr_power=1",
    "sf-adamw:lr=0.2,beta1=0.8,beta2=0.95,eps=0.1,weight_decay=0.1,warmup_steps=20,r=1.5,weight_lr_power=1",
    "ademamix:lr=0.1,beta1=0.8,beta2=0.95,beta3=0.99,alpha=3,t_alpha_beta3=40,eps=0.1,weight_decay=0.2",
    "adopt:lr=0.1,beta1=0.8,beta2=0.95,eps=0.1,weight_decay=0.2",
    "adopt:lr=0.1,beta2=0.95,eps=0.1,weight_decay=0.2,decoupled_weight_decay=1,clip=0",
    "soap:lr=0.1,beta1=0.8,beta2=0.9,eps=0.1,weight_decay=0.2,precondition_frequency=3",
    "soap:lr=0.1,eps=0.1,correct_bias=0",
    "muon:lr=0.1,weight_decay=0.2,momentum=0.8,nesterov=0,ns_steps=3",
    "muon:lr=0.1,ns_steps=6",
    "armijo:lr=0.5,c1=0.4,shrink=0.7",
    "newton:lr=0.3,damping=2,saddle_free=1",
    "bfgs:lr=0.5,c1=0.01,c2=0.3,tolerance_grad=0.1",
    "lbfgs:lr=0.5,tolerance_grad=0.1,tolerance_change=0.01,history_size=1",
    "lbfgs:lr=0.5,tolerance_grad=0,tolerance_change=0,history_size=100,strong_wolfe=0",
    "sophia:lr=0.1,beta1=0.5,beta2=0.5,rho=0.5,eps=0.1,weight_decay=0.1,update_period=3",
    # The ends of what the knobs allow: torch must allow them too, and in the type in which they are written.
    "sgd:lr=0",
    "momentum:lr=0.01,momentum=1,dampening=1",
    "adadelta:rho=0,eps=1",
    "adadelta:rho=1",
    "rmsprop:lr=0.1,alpha=1,eps=1,momentum=0",
    "adagrad:lr=1,eps=0,initial_accumulator_value=0",
    "adam:lr=1,eps=0,weight_decay=1",
    "adamax:lr=1,beta2=0,eps=0",
    "radam:lr=1e-3,beta2=0",
    "nadam:lr=1,beta1=0,momentum_decay=0",
]


@pytest.mark.parametrize("flag", TURNED)
def test_every_hyperparameter_arrives(flag):
    assert_the_same(Scenario(surface="ravine", lanes=(Lane.parse(flag),), steps=STEPS))


@pytest.mark.parametrize("schedule", ["constant", "step,gamma=0.7,every=9", "exponential,gamma=0.95", "cosine"])
@pytest.mark.parametrize("warmup", [0, 7, STEPS])
def test_a_schedule_scales_the_same_steps(schedule, warmup):
    lanes = tuple(Lane.parse(f"{name},schedule={schedule},warmup={warmup}") for name in ("adam:lr=0.2", "sgd:lr=0.02"))
    assert_the_same(Scenario(surface="ravine", lanes=lanes, steps=STEPS))


# Several changes of one lane, some at one step, some too late to count; and the switches that torch cannot turn on.
CHANGED = [
    "sgd:lr=0.01,lr@20=0.02,weight_decay@20=0.1,lr@40=0.001",
    "adam:lr=0.2,beta1@10=0.5,beta2@10=0.9,beta1@30=0.8,eps@30=0.1,lr@59=0.4,lr@60=9,weight_decay@200=1",
    "adam:lr=0.2,schedule=cosine,warmup=5,lr@20=0.4,beta2@20=0.95",
    "adam:lr=0.2,bias_correction=0,bias_correction@20=1",
    "adam:lr=0.2,bias_correction@3=0,lr@20=0.1,schedule=exponential,gamma=0.97",
    "adam:lr=0.2,bias_correction@3=1,lr@3=0.1,beta1@9=0",
    "nadam:lr=0.2,decoupled_weight_decay@20=1,weight_decay@10=0.2,momentum_decay@30=1",
    "adagrad:lr=0.5,initial_accumulator_value@20=5,lr_decay@20=0.1",
    "asgd:lr=0.02,schedule=cosine,warmup=5,lr@20=0.04,lambd@20=0.1",
    "rprop:lr=0.05,schedule=cosine,warmup=5,lr@20=0.5,eta_plus@20=1.5,step_max@30=0.1",
    "adafactor:lr=0.1,schedule=step,gamma=0.5,every=20,eps2@20=0.5",
    "momentum:lr=0.002,momentum=0,momentum@20=0.9,dampening=0.3",
    "momentum:lr=0.002,momentum@10=0,momentum@30=0.5,weight_decay=0.1",
    "momentum:lr=0.002,momentum@10=0,dampening@30=0.5",
    "rmsprop:lr=0.02,momentum@20=0.5,momentum@30=0,momentum@40=0.8",
    "rmsprop:lr=0.02,eps=0.1,centered@20=1,weight_decay=0.1,alpha@30=0.9",
    "rmsprop:lr=0.02,eps=0.1,momentum=0.5,centered=1,momentum@20=0,centered@20=0",
    "lion:lr=0.03,beta1@20=0.5,schedule=step,gamma=0.5,every=20",
    "sf-adamw:lr=0.2,schedule=step,gamma=0.5,every=20,beta1@20=0.5,weight_decay@30=0.1",
    "prodigy:lr=0.2,schedule=cosine,warmup=10,beta2@20=0.9,d_coef@30=2",
    "ademamix:lr=0.1,beta3@20=0.99,alpha@30=1,t_alpha_beta3@10=40",
    "soap:lr=0.1,eps=0.1,precondition_frequency@20=3,beta2@30=0.8",
    "muon:lr=0.1,nesterov@20=0,ns_steps@30=3",
    "newton:lr=0.1,schedule=cosine,lr@20=0.05,damping@10=1",
    "sophia:lr=0.1,update_period@9=4,beta1@20=0.5",
    "lbfgs:lr=0.01,strong_wolfe=0,strong_wolfe@20=1,lr@20=1,history_size@10=2",
]


@pytest.mark.parametrize("flag", CHANGED)
def test_a_value_changes_after_the_same_step(flag):
    assert_the_same(Scenario(surface="ravine", lanes=(Lane.parse(flag),), steps=STEPS))


def test_every_lane_gets_the_same_noise():
    lanes = tuple(Lane.parse(flag) for flag in ("sgd:lr=0.01", "adam:lr=0.1,bias_correction=0", "lion:lr=0.01", "adam"))
    assert_the_same(Scenario(surface="himmelblau", lanes=lanes, steps=STEPS, noise=3.0, seed=11, start=(-1, 0.5)))


FUNCTIONS = [
    "x**2 + 3*y^2",
    "2x² − sin(πy)*e + (x-y)^2/3 + 2^(x/3) + abs(-x)**(2.5)",
    "(x-(y-1))^2 - (x*(y*2) - y/(4*2/x²)) / 9 + y⁴",
    "-x^2 + (-x)^4/8 - -y**2 + y**-2",
    "3 - 2*pi*x + (1/(2pi))*x^2 + (-pi*y)^2 + (-2)^2 + 1e-3*y",
    "exp(-x²/9)*ln(y+9) + sqrt(1+x^2+y^2) + tan(x/9) + tanh(y) + sinh(x/4)cosh(y/5) + log(x^2 + 1) + cos(3y)",
    "2^2^(y/4) + (x/3)^2^2 + (1 + x²)^(y/5) + x^(1/2*4)",
    "x",
    "7",
    "x**2\n+\ty**2",
    "max(x, y, -1) + min(x^2, 3) + |x - y|/3 + sign(x)*y + floor(x) + ceil(y) + round(x*y)",
    "log2(9+x) + log10(9+y) + hypot(x, y) + hypot(x, 3) + atan2(y, x) + atan2(x, 2) + mod(x, y) + mod(7, y+9)",
    "cbrt(x*y)^2 + asin(x/9) + acos(y/9) + atan(x) + pow(x, 2) + 1/2x - 2e-y",
]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_a_typed_function_is_the_same_function(text):
    lanes = tuple(Lane.parse(flag) for flag in ("sgd:lr=0.01", "adam:lr=0.05"))
    assert_the_same(Scenario(function=text, lanes=lanes, steps=STEPS, start=(-2.0, 1.5)))


def test_a_function_reads_as_a_person_would_write_it():
    assert formula("2x² − 3*y^2 + sin(2πx)") == "2 * x**2 - 3 * y**2 + torch.sin(2 * torch.pi * x)"
    assert formula("(x+1)^2 - (y-(x-e))") == "(x + 1) ** 2 - (y - (x - torch.e))"
    assert formula("-x^2 * exp(-y/2)") == "-x**2 * torch.exp(-y / 2)"


@pytest.mark.parametrize(
    ("text", "start"),
    [("sqrt(x^2 + y^2)", (-1.0, 0.0)), ("1/(1 + exp(-200*x)) + y**2", (-4.0, 1.0)), ("x^y + y^2", (0.0, 2.0))],
)
def test_a_path_over_an_undefined_slope_is_the_same_path(text, start):
    scenario = Scenario(function=text, lanes=(Lane.parse("sgd:lr=0.5"),), steps=STEPS, start=start)
    assert "isfinite" in to_pytorch(scenario)
    assert_the_same(scenario)
    assert "isfinite" not in to_pytorch(replace(scenario, start=(-1.3, 0.4), steps=3))


def test_a_lane_that_amplifies_rounding_is_marked_and_no_other():
    lanes = tuple(suggested_lane(name, find_surface("rastrigin")) for name in ("sgd", "nadam", "rmsprop", "adam"))
    script = to_pytorch(Scenario(surface="rastrigin", lanes=lanes))
    marked = re.findall(r'# This path amplifies rounding.*\nrace\(\s*"(\w+)"', script)
    assert marked == ["nadam", "rmsprop"]
    assert "rounding" not in to_pytorch(Scenario(lanes=lanes[:1], steps=100_000))


def test_nothing_that_was_typed_is_run():
    hidden = "x**2 + y**2\n + 0*x"
    code = [line for line in to_pytorch(Scenario(function=hidden, steps=5)).splitlines() if not line.startswith("#")]
    assert "    return x**2 + y**2" in code
    assert not any("0*x" in line for line in code if "#" not in line)
    with pytest.raises(ValueError, match="unknown name"):
        to_pytorch(Scenario(function="__import__('os')", steps=5))


def test_a_lane_that_diverges_is_followed_as_far_as_by_the_engine():
    scenario = Scenario(lanes=(Lane.parse("sgd:lr=1.5"), Lane.parse("sgd:lr=0.1")), steps=STEPS)
    assert trajectories(scenario)[0].last < STEPS
    assert_the_same(scenario)
    into_a_hole = Scenario(function="log(x) + y^2", lanes=(Lane.parse("sgd:lr=1"),), start=(0.5, 1.0), steps=STEPS)
    x, y, loss = printed(to_pytorch(into_a_hole))["sgd"]
    (path,) = trajectories(into_a_hole)
    assert [x, y] == pytest.approx(path.positions[-1].tolist())
    assert np.isnan(loss)
    assert np.isnan(path.losses[-1])


def test_the_script_has_only_the_parts_that_it_needs():
    assert 'race("adam", lambda params: torch.optim.Adam(params, lr=0.1))\n' in to_pytorch(Scenario(steps=5))
    plain = to_pytorch(Scenario(lanes=(Lane.of("momentum"), Lane.of("nesterov"), Lane.of("amsgrad")), steps=5))
    assert "torch.optim.SGD(params, lr=0.001, momentum=0.9))" in plain
    assert "torch.optim.SGD(params, lr=0.001, momentum=0.9, nesterov=True))" in plain
    assert "torch.optim.Adam(params, lr=0.001, amsgrad=True))" in plain
    assert not re.search("numpy|math|LambdaLR|changes|class ", plain)


@pytest.mark.parametrize("name", [name for name, rule in OPTIMIZERS.items() if rule.torch_name])
def test_what_is_left_out_is_torchs_own_default(name):
    rule = OPTIMIZERS[name]
    theirs = inspect.signature(getattr(torch.optim, rule.torch_name)).parameters
    script = to_pytorch(Scenario(lanes=(Lane.of(name),), steps=1))
    for knob in rule.knobs:
        if knob.name in ("bias_correction", "strong_wolfe") or f"{knob.name}=" in script:
            continue
        argument, place = PARTS.get(knob.name, (knob.name, None))
        default = theirs[argument].default
        assert (default if place is None else default[place]) == knob.default, knob.name


def test_it_runs_as_pasted(tmp_path):
    flags = ["adam:lr=0.1,bias_correction=0", "lion:lr=0.05,schedule=cosine", "adamw:lr=0.1,lr@5=0.2"]
    scenario = Scenario(lanes=tuple(map(Lane.parse, flags)), steps=9, noise=0.1)
    script = tmp_path / "race.py"
    script.write_text(to_pytorch(scenario), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [name for name, *_ in LINE.findall(done.stdout)] == ["adam", "lion", "adamw"]
    assert printed(to_pytorch(scenario)) == {n: tuple(map(float, v)) for n, *v in LINE.findall(done.stdout)}


def test_an_optimizer_without_pytorch_code_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr("adam_tui.engine.pytorch_code.BY_HAND", {})
    with pytest.raises(ValueError, match=r"^there is no PyTorch code for lion$"):
        to_pytorch(Scenario(lanes=(Lane.of("lion"),)))
    monkeypatch.setattr("adam_tui.engine.pytorch_code.LOSSES", {})
    with pytest.raises(ValueError, match=r"^there is no PyTorch code for beale$"):
        to_pytorch(Scenario("beale"))
    assert "x ** 2" in to_pytorch(Scenario(function="x**2 + y**2")).replace("x**2", "x ** 2")
