"""Every optimizer takes the steps of torch.optim, to 1e-12, for a thousand steps, in float64.

Three ways to compare, because some paths are chaotic: a difference in the last digit grows until nothing agrees,
though each step is right.

- *Same gradients, real surfaces*: torch walks, and both are fed the points and gradients of torch's path (the points
  for the weight decay, whose λ·x would close the loop again); the steps of each add up on their own. Works everywhere,
  also where the path is chaotic (every sign-like step around a minimum, several optimizers in Rosenbrock's valley,
  anything with a large learning rate), with random hyperparameters.
- *Same gradients, made up*: the same with sequences that no surface gives: zeros, spikes, a constant, sign flips.
- *Each on its own*: both walk alone and see their own gradients, on smooth paths that end in a minimum.

The difference is relative to max(|x|, 1), over all steps and coordinates. Lion is not in torch.optim; it is compared
with a line-by-line writing of the paper's Algorithm 2 below.
"""

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adam_tui.engine.optimizers import OPTIMIZERS, Optimizer, expand
from adam_tui.engine.rule import join_parts
from adam_tui.engine.surfaces import SURFACES, Surface

STEPS = 1000
TOLERANCE = 1e-12
# A path this far out has diverged. What it rounds off out there would count in full if it came back to near 0.
FAR = 1e3
# At each end the start is moved a little: four paths a run, for the price of one.
STARTS = np.array([[0.0, 0.0], [0.3, -0.1], [-0.2, 0.4], [0.05, 0.25]])

Array = NDArray[np.float64]
Gradient = Callable[[int, Array], Array]  # of step (from 0) and points

# One that torch does not have is compared where there is a reference for it here.
# Those that evaluate more than one gradient a step are in test_second_order.py.
COMPARED = [
    name for name, rule in OPTIMIZERS.items() if (rule.torch_name or name == "lion") and rule.evaluations is None
]
every_optimizer = pytest.mark.parametrize("name", COMPARED)


@pytest.fixture(autouse=True, scope="module")
def _float64() -> Iterator[None]:
    """NAdam keeps its product of μ in the default type, not in that of the parameter: in float32 it is 1e-8 off."""
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


class ReferenceLion(torch.optim.Optimizer):
    """Chen et al. 2023, Algorithm 2, one line a line, coordinate by coordinate in plain Python floats."""

    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "lambda": weight_decay})

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        (theta,) = group["params"]
        eta, (beta1, beta2), lambd = group["lr"], group["betas"], group["lambda"]
        momentum = self.state.setdefault("m", [0.0] * theta.numel())
        flat, grads = theta.view(-1), theta.grad.view(-1).tolist()
        for i, g in enumerate(grads):
            c = beta1 * momentum[i] + (1 - beta1) * g
            sign = (c > 0) - (c < 0)
            flat[i] = float(flat[i]) - eta * (sign + lambd * float(flat[i]))
            momentum[i] = beta2 * momentum[i] + (1 - beta2) * g


# Rules that measure the whole parameter: each point needs a torch parameter and an optimizer of its own.
WHOLE = {"adafactor"}


def reference(rule: Optimizer, values: dict[str, float], parameter: torch.nn.Parameter) -> torch.optim.Optimizer:
    """The reference's optimizer of one parameter, with the same hyperparameters."""
    arguments = dict(values)
    assert arguments.pop("bias_correction", 1.0) == 1.0  # torch cannot leave it out
    for flag in ("centered", "decoupled_weight_decay"):
        if flag in arguments:
            arguments[flag] = bool(arguments[flag])
    kind = getattr(torch.optim, rule.torch_name) if rule.torch_name else ReferenceLion
    return kind([parameter], **join_parts(arguments), **rule.torch_arguments)


def twins(rule: Optimizer, values: dict[str, float], start: Array) -> tuple[Array, Callable[[Array], None]]:
    """The points (K, 2) of the reference, and a function that takes a step with gradients (K, 2) and moves them."""
    points = torch.tensor(start)
    rows = [points[i] for i in range(len(points))] if rule.name in WHOLE else [points]
    parameters = [torch.nn.Parameter(row) for row in rows]  # share the memory of `points`
    optimizers = [reference(rule, values, parameter) for parameter in parameters]
    step = inspect.unwrap(type(optimizers[0]).step)  # what torch wraps around it takes longer than the step itself
    gradients = torch.zeros_like(points)

    def move(new: Array) -> None:
        gradients.copy_(torch.from_numpy(new))
        for i, (parameter, optimizer) in enumerate(zip(parameters, optimizers, strict=True)):
            parameter.grad = gradients[i] if rule.name in WHOLE else gradients
            step(optimizer)

    return points.numpy(), move


def largest_difference(
    name: str, values: dict[str, float], start: Array, gradient: Gradient, *, alone: bool = False, steps: int = STEPS
) -> float:
    """Walk both ways from `start` (K, 2); the largest |ours − torch's| / max(|torch's|, 1) while not far away.

    Both are fed the points and gradients of torch's path, or, `alone`, each those of its own.
    """
    rule = OPTIMIZERS[name]
    seen, move = twins(rule, values, start)
    x, hyper = start.copy(), expand(values)
    state = rule.init(x, hyper)
    ours, torchs = np.empty((2, steps, *start.shape))
    with np.errstate(all="ignore"), torch.no_grad():
        for t in range(steps):
            g = gradient(t, seen)
            at = x if alone else seen
            delta, state, _ = rule.update(gradient(t, x) if alone else g, state, at, hyper)
            x = x + delta
            move(g)
            ours[t], torchs[t] = x, seen
        near = np.logical_and.accumulate((np.abs(torchs) < FAR).all(axis=-1))
        difference = np.abs(ours - torchs) / np.maximum(np.abs(torchs), 1.0)
    lost = np.argwhere(near & ~np.isfinite(difference).all(axis=-1))
    assert not len(lost), f"step {lost[0, 0] + 1}: ours {ours[tuple(lost[0])]}, torch's {torchs[tuple(lost[0])]}"
    return float(difference[near].max(initial=0.0))


def suited_lr(rule: Optimizer, surface: Surface) -> float:
    return rule.lr_hint * {"width": surface.width, "curvature": surface.descent_lr, "fixed": 1.0}[rule.lr_hint_of]


def starts_on(surface: Surface) -> Array:
    return np.array(surface.start) + STARTS


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


RANGES = {
    "beta1": st.floats(0.0, 0.999),
    "beta2": st.floats(0.0, 0.99999),
    "eps": powers_of_ten(-12, -1),
    "weight_decay": st.just(0.0) | powers_of_ten(-6, -1),
    "momentum": st.just(0.0) | st.floats(0.01, 0.99),
    "dampening": st.just(0.0) | st.floats(0.0, 1.0),
    "rho": st.floats(0.0, 1.0),
    "alpha": st.floats(0.0, 1.0),
    "lr_decay": st.just(0.0) | powers_of_ten(-5, 0),
    "initial_accumulator_value": st.just(0.0) | powers_of_ten(-6, 2),
    "momentum_decay": st.just(0.0) | powers_of_ten(-4, 1),
    "centered": st.sampled_from([0.0, 1.0]),
    "decoupled_weight_decay": st.sampled_from([0.0, 1.0]),
    "bias_correction": st.just(1.0),
    "lambd": st.just(0.0) | powers_of_ten(-6, -1),
    "t0": st.just(1e6) | st.floats(0.0, 900.0),
    "eta_minus": st.floats(0.1, 0.9),
    "eta_plus": st.floats(1.05, 2.0),
    "step_min": powers_of_ten(-9, -4),
    "step_max": powers_of_ten(-3, 0),
    "beta2_decay": st.floats(-2.0, 0.0),
    "eps2": powers_of_ten(-6, 0),
    "d": powers_of_ten(0, 1),
}


def draw_values(data: st.DataObject, name: str) -> dict[str, float]:
    """Random hyperparameters but for the learning rate."""
    ranges = dict(RANGES)
    if name == "nesterov":
        ranges["momentum"] = st.floats(0.01, 0.99)
    values = {key: data.draw(ranges[key], label=key) for key in OPTIMIZERS[name].defaults() if key != "lr"}
    if "beta2" in values and "eps" in values:
        # A v that forgets sooner than m divides the rounding of yesterday's large m by today's small √v.
        values["beta2"] = data.draw(st.floats(max(values["beta1"], 0.01), 0.99999), label="beta2 from beta1 on")
    if values.get("centered"):
        # v − ḡ² is a difference of nearly equal numbers where the gradient hardly changes within 1/(1−α) steps: no two
        # ways of adding up agree there (torch's own may turn nan). `made_up` feeds it noise; a memory of at least ten
        # steps keeps the difference well away from 0.
        values["alpha"] = data.draw(st.floats(0.9, 0.999), label="alpha when centered")
    return values


@every_optimizer
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_fed_the_gradients_of_a_surface_it_walks_as_torch_does(name, data):
    surface = SURFACES[data.draw(st.sampled_from(sorted(SURFACES)), label="surface")]
    values = draw_values(data, name)
    if "centered" in values:
        values["centered"] = 0.0
    values["lr"] = suited_lr(OPTIMIZERS[name], surface) * data.draw(powers_of_ten(-1.5, 0.5), label="lr factor")
    difference = largest_difference(name, values, starts_on(surface), lambda _, at: surface.gradient(at))
    assert difference <= TOLERANCE


def made_up(seed: int, scale: float) -> Array:
    """(STEPS, 8, 2) gradients: noise, noise about a mean, spikes, fading noise, constant, flips, silence, all zero."""
    noise = np.random.default_rng(seed).standard_normal((8, STEPS, 2))
    t = np.arange(STEPS)[:, None]
    kinds = [
        noise[0],
        noise[1] + 0.5,
        noise[2] * np.where(t % 97 == 0, 100.0, 0.1),
        noise[3] * 0.99**t,
        np.broadcast_to(noise[4, :1], (STEPS, 2)),
        (-1.0) ** t * np.abs(noise[5, :1]),
        noise[6] * (t < 100),
        np.zeros((STEPS, 2)),
    ]
    return scale * np.stack(kinds, axis=1)


@every_optimizer
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_fed_made_up_gradients_it_walks_as_torch_does(name, data):
    values = draw_values(data, name) | {"lr": data.draw(powers_of_ten(-5, -1), label="lr")}
    gradients = made_up(data.draw(st.integers(0, 2**32 - 1)), data.draw(powers_of_ten(-3, 0), label="scale"))
    if values.get("centered"):
        gradients = gradients[:, :2]
    start = np.random.default_rng(0).standard_normal(gradients.shape[1:])
    assert largest_difference(name, values, start, lambda t, _: gradients[t]) <= TOLERANCE


# Where a path is chaotic and so is compared by fed gradients only; the last test shows that these are.
CHAOTIC = {("adadelta", "rosenbrock"), ("rmsprop", "rosenbrock"), ("nadam", "rosenbrock")}
ALONE = [(name, surface) for name in COMPARED for surface in ("bowl", "ravine", "himmelblau", "rosenbrock")]


@pytest.mark.parametrize(("name", "place"), [pair for pair in ALONE if pair not in CHAOTIC])
def test_on_its_own_it_ends_where_torch_does(name, place):
    rule, surface = OPTIMIZERS[name], SURFACES[place]
    values = rule.defaults() | {"lr": suited_lr(rule, surface)}
    difference = largest_difference(name, values, starts_on(surface), lambda _, at: surface.gradient(at), alone=True)
    assert difference <= TOLERANCE


@pytest.mark.parametrize(("name", "place"), sorted(CHAOTIC))
def test_where_it_is_not_asked_to_the_last_digit_of_the_start_decides(name, place):
    rule, surface = OPTIMIZERS[name], SURFACES[place]
    hyper = expand(rule.defaults() | {"lr": suited_lr(rule, surface)})
    x = starts_on(surface)
    x = np.stack([x, x * (1 + 1e-15)])
    state = rule.init(x, hyper)
    for _ in range(STEPS):
        delta, state, _ = rule.update(surface.gradient(x), state, x, hyper)
        x = x + delta
    assert np.abs(x[0] - x[1]).max() > 1000 * TOLERANCE
