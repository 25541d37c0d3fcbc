"""Every optimizer takes the steps of torch.optim, to 1e-12, for a thousand steps, in float64.

Three ways to compare, because some paths are chaotic: a difference in the last digit grows until nothing agrees,
though each step is right.

- *Same gradients, real surfaces*: torch walks, and both are fed the points and gradients of torch's path (the points
  for the weight decay, whose λ·x would close the loop again); the steps of each add up on their own. Works everywhere,
  also where the path is chaotic (every sign-like step around a minimum, several optimizers in Rosenbrock's valley,
  anything with a large learning rate), with random hyperparameters.
- *Same gradients, made up*: the same with sequences that no surface gives: zeros, spikes, a constant, sign flips.
- *Each on its own*: both walk alone and see their own gradients, on smooth paths that end in a minimum.

The difference is relative to max(|x|, 1), over all steps and coordinates. Those that torch.optim lacks are compared
with the authors' package schedulefree, with pytorch-optimizer in the authors' meaning, or (Lion, LAMB) with a
line-by-line writing of the paper's algorithm below. `test_variants` compares them with what these packages do by
themselves.
"""

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import pytorch_optimizer
import schedulefree
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


class ReferenceLamb(torch.optim.Optimizer):
    """You et al. 2020, Algorithm 2, line by line with vectors of plain torch; φ(z) = z."""

    def __init__(self, params, lr, betas, eps, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "lambda": weight_decay})

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        (x,) = group["params"]
        beta1, beta2 = group["betas"]
        t, m, v = self.state.get("moments", (0, torch.zeros_like(x), torch.zeros_like(x)))
        t, m, v = t + 1, beta1 * m + (1 - beta1) * x.grad, beta2 * v + (1 - beta2) * x.grad**2
        self.state["moments"] = t, m, v
        r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group["eps"]) + group["lambda"] * x
        phi, length = torch.linalg.vector_norm(x), torch.linalg.vector_norm(r)
        x -= group["lr"] * (phi / length if phi and length else 1.0) * r


class InFloat64:
    """The module torch, whose float32 is float64: for the two iterations that a reference makes in float32."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@pytest.fixture(autouse=True)
def _references_in_float64(monkeypatch):
    """SOAP's reference turns its axes in float32, Muon's iterates in bfloat16: here both compute in float64."""
    monkeypatch.setattr(pytorch_optimizer.optimizer.soap, "torch", InFloat64())
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


# Rules that measure the whole parameter: each point needs a torch parameter and an optimizer of its own.
WHOLE = {"adafactor", "lamb", "prodigy", "soap", "muon"}
MATRIX = {"soap", "muon"}  # whose parameter is a matrix of one row
FLAGS = {"centered", "decoupled_weight_decay", "nesterov", "correct_bias"}
FLAGS |= {"use_bias_correction", "safeguard_warmup", "no_prox", "clip"}
WHOLE_NUMBERS = {"ns_steps", "warmup_steps", "precondition_frequency", "t_alpha_beta3"}


class AuthorsAdopt(pytorch_optimizer.ADOPT):
    """ADOPT as its authors count: the limit of the second step is 1, and the first step moves nothing."""

    def __init__(self, params, clip, decoupled_weight_decay, **rest):
        limit = (lambda step: (step - 1) ** 0.25) if clip else None
        super().__init__(params, clip_lambda=limit, weight_decouple=decoupled_weight_decay, **rest)

    def step(self):
        (group,) = self.param_groups
        decay = group["weight_decay"]
        if "step" not in group and group["weight_decouple"]:
            group["weight_decay"] = 0.0
        super().step()
        group["weight_decay"] = decay


def ademamix(params, t_alpha_beta3, **rest):
    return pytorch_optimizer.AdEMAMix(params, t_alpha_beta3=t_alpha_beta3 or None, weight_decouple=True, **rest)


def adan(params, no_prox, **rest):
    return pytorch_optimizer.Adan(params, weight_decouple=no_prox, **rest)


def prodigy(params, use_bias_correction, **rest):
    return pytorch_optimizer.Prodigy(params, bias_correction=use_bias_correction, **rest)


def in_train_mode(kind):
    def build(params, **rest):
        optimizer = kind(params, **rest)
        optimizer.train()
        return optimizer

    return build


# The references of the rules that torch.optim lacks, or that it has for other shapes.
REFERENCES = {
    "lion": ReferenceLion,
    "lamb": ReferenceLamb,
    "adan": adan,
    "prodigy": prodigy,
    "sf-sgd": in_train_mode(schedulefree.SGDScheduleFree),
    "sf-adamw": in_train_mode(schedulefree.AdamWScheduleFree),
    "ademamix": ademamix,
    "adopt": AuthorsAdopt,
    "soap": pytorch_optimizer.SOAP,
    "muon": torch.optim.Muon,
}


# One that torch does not have is compared where there is a reference for it here.
COMPARED = [
    name for name, rule in OPTIMIZERS.items() if (rule.torch_name and rule.evaluations is None) or name in REFERENCES
]
every_optimizer = pytest.mark.parametrize("name", COMPARED)


def reference(rule: Optimizer, values: dict[str, float], parameter: torch.nn.Parameter) -> torch.optim.Optimizer:
    """The reference's optimizer of one parameter, with the same hyperparameters."""
    arguments = dict(values)
    assert arguments.pop("bias_correction", 1.0) == 1.0  # torch cannot leave it out
    for name in arguments.keys() & FLAGS:
        arguments[name] = bool(arguments[name])
    for name in arguments.keys() & WHOLE_NUMBERS:
        arguments[name] = int(arguments[name])
    kind = REFERENCES[rule.name] if rule.name in REFERENCES else getattr(torch.optim, rule.torch_name)
    return kind([parameter], **join_parts(arguments), **rule.torch_arguments)


def twins(rule: Optimizer, values: dict[str, float], start: Array) -> tuple[Array, Callable[[Array], None]]:
    """The points (K, 2) of the reference, and a function that takes a step with gradients (K, 2) and moves them."""
    points = torch.tensor(start)
    rows = [points]
    if rule.name in WHOLE:
        rows = [points[i : i + 1] if rule.name in MATRIX else points[i] for i in range(len(points))]
    parameters = [torch.nn.Parameter(row) for row in rows]  # share the memory of `points`
    optimizers = [reference(rule, values, parameter) for parameter in parameters]
    step = inspect.unwrap(type(optimizers[0]).step)  # what torch wraps around it takes longer than the step itself
    gradients = torch.zeros_like(points)

    def move(new: Array) -> None:
        gradients.copy_(torch.from_numpy(new))
        for i, (parameter, optimizer) in enumerate(zip(parameters, optimizers, strict=True)):
            parameter.grad = gradients[i].view_as(parameter) if rule.name in WHOLE else gradients
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
    "beta3": st.floats(0.0, 0.9999),
    "no_prox": st.sampled_from([0.0, 1.0]),
    "d0": powers_of_ten(-7, -2),
    "d_coef": powers_of_ten(-1, 0.5),
    "use_bias_correction": st.sampled_from([0.0, 1.0]),
    "safeguard_warmup": st.sampled_from([0.0, 1.0]),
    "warmup_steps": st.sampled_from([0.0, 1.0, 50.0, 2000.0]),
    "r": st.floats(0.0, 3.0),
    "weight_lr_power": st.floats(0.0, 3.0),
    "t_alpha_beta3": st.sampled_from([0.0, 1.0, 50.0, 2000.0]),
    "clip": st.sampled_from([0.0, 1.0]),
    "precondition_frequency": st.sampled_from([1.0, 2.0, 10.0]),
    "correct_bias": st.sampled_from([0.0, 1.0]),
    "nesterov": st.sampled_from([0.0, 1.0]),
    "ns_steps": st.integers(1, 8).map(float),
}


# Where a range of RANGES is not a rule's own.
OWN_RANGES = {
    "nesterov": {"momentum": st.floats(0.01, 0.99)},
    "sf-sgd": {"momentum": st.floats(0.01, 0.99)},
    "sf-adamw": {"beta1": st.floats(0.01, 0.999)},
    "ademamix": {"alpha": st.just(0.0) | st.floats(0.01, 8.0), "beta1": st.floats(0.01, 0.999)},
    "soap": {"eps": powers_of_ten(-2, -1)},
}


def draw_values(data: st.DataObject, name: str) -> dict[str, float]:
    """Random hyperparameters but for the learning rate."""
    ranges = RANGES | OWN_RANGES.get(name, {})
    values = {key: data.draw(ranges[key], label=key) for key in OPTIMIZERS[name].defaults() if key != "lr"}
    if "beta2" in values and "eps" in values:
        # A v that forgets sooner than m divides the rounding of yesterday's large m by today's small √v.
        values["beta2"] = data.draw(st.floats(max(values["beta1"], 0.01), 0.99999), label="beta2 from beta1 on")
    if name == "adan":  # its scale is n, with β3
        values["beta3"] = data.draw(st.floats(max(values["beta1"], values["beta2"]), 0.99999), label="the longest")
    if name == "ademamix":  # its second average is the slow one
        values["beta3"] = data.draw(st.floats(values["beta1"], 0.99999), label="beta3 from beta1 on")
    if values.get("centered"):
        # v − ḡ² is a difference of nearly equal numbers where the gradient hardly changes within 1/(1−α) steps: no two
        # ways of adding up agree there (torch's own may turn nan). `made_up` feeds it noise; a memory of at least ten
        # steps keeps the difference well away from 0.
        values["alpha"] = data.draw(st.floats(0.9, 0.999), label="alpha when centered")
    return values


def draw_steps(data: st.DataObject, name: str) -> int:
    """A thousand steps; a fifth of that in some draws of the rules that are compared point by point, to save time."""
    return data.draw(st.sampled_from([STEPS // 5, STEPS]), label="steps") if name in WHOLE else STEPS


@every_optimizer
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_fed_the_gradients_of_a_surface_it_walks_as_torch_does(name, data):
    surface = SURFACES[data.draw(st.sampled_from(sorted(SURFACES)), label="surface")]
    values = draw_values(data, name)
    if "centered" in values:
        values["centered"] = 0.0
    values["lr"] = suited_lr(OPTIMIZERS[name], surface) * data.draw(powers_of_ten(-1.5, 0.5), label="lr factor")
    starts = starts_on(surface)[: 1 if name in WHOLE else None]
    steps = draw_steps(data, name)
    difference = largest_difference(name, values, starts, lambda _, at: surface.gradient(at), steps=steps)
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
    if name in WHOLE:  # one by one: some of the kinds take as long as all of them together elsewhere
        gradients = gradients[:, data.draw(st.permutations(range(8)), label="kinds")[:2]]
    start = np.random.default_rng(0).standard_normal(gradients.shape[1:])
    steps = draw_steps(data, name)
    assert largest_difference(name, values, start, lambda t, _: gradients[t], steps=steps) <= TOLERANCE


# Where a path is chaotic and so is compared by fed gradients only; the last test shows that these are.
CHAOTIC = {("adadelta", "rosenbrock"), ("rmsprop", "rosenbrock"), ("nadam", "rosenbrock"), ("prodigy", "rosenbrock")}
CHAOTIC |= {("lamb", "himmelblau")}
CHAOTIC |= {(name, place) for name in ("adan", "sf-adamw", "muon") for place in ("himmelblau", "rosenbrock")}
# SOAP divides the slope across its axis, often nothing but rounding, by its own size plus ε.
CHAOTIC |= {("soap", place) for place in ("bowl", "ravine", "himmelblau", "rosenbrock")}
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
    x = np.stack([x, *(x * (1 + error) for error in (1e-15, -1e-15, 2e-15, -2e-15))])
    state, apart = rule.init(x, hyper), 0.0
    for _ in range(STEPS):
        delta, state, _ = rule.update(surface.gradient(x), state, x, hyper)
        x = x + delta
        apart = max(apart, float(np.abs(x[1:] - x[0]).max()))
    assert apart > 1000 * TOLERANCE
