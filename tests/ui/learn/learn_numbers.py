"""The computation of every number that is marked on a page of Learn, by `page/mark`.

Percentages are given as shares: 0.04 for "4%". Methods that the program does not have (clipping, Schedule-Free and
the averages of weights) are written out here in a few lines.
"""

import lzma
import math
import struct
from collections.abc import Callable
from functools import cache
from importlib import resources

import numpy as np
import pytorch_optimizer

from adam_tui.engine.lane import Lane
from adam_tui.engine.maps.axes import Axis, default_axes
from adam_tui.engine.maps.borders import BorderSample
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import CONVERGED, DIVERGED, Outcomes, best
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import Schedule
from adam_tui.engine.stability import stability
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import Trajectory, trajectories
from adam_tui.landscape.survey import SHAPES
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.runs.weights_file import KEPT, planned_steps
from adam_tui.ui.learn.pages import pages
from adam_tui.ui.train.landscape.computation import IMAGES

NUMBERS: dict[str, Callable[[], float]] = {}


def number(*names: str):
    """Register the computation of `page/mark`."""

    def register(compute):
        for name in names:
            assert name not in NUMBERS, name
            NUMBERS[name] = compute
        return compute

    return register


def numbers(page: str, **values: Callable[[], float]) -> None:
    for mark, compute in values.items():
        number(f"{page}/{mark}")(compute)


@cache
def path(lane: str, surface: str = "bowl", steps: int = 400, **rest) -> Trajectory:
    return trajectories(Scenario(surface, lanes=(Lane.parse(lane),), steps=steps, **rest))[0]


def preset(name: str) -> tuple[Trajectory, ...]:
    return trajectories(PRESETS[name].scenario)


def curvatures(surface: str) -> tuple[float, float]:
    """The largest and the smallest curvature of a quadratic, from its Hessian."""
    values = np.linalg.eigvalsh(SURFACES[surface].hessian(np.zeros(2)))
    return values[-1], values[0]


def limit(surface: str, lane: str) -> float:
    """The largest stable learning rate on a quadratic."""
    bound = stability(SURFACES[surface], Lane.parse(lane), np.zeros(2)).bound
    assert bound is not None
    return bound


def rest_of(lane: str, surface: str = "bowl", steps: int = 400) -> float:
    at = path(lane, surface, steps).converged_at
    assert at is not None
    return at


def kappa() -> float:
    largest, smallest = curvatures("ravine")
    return largest / smallest


def keeps(kappa: float) -> float:
    """The share of the distance that gradient descent leaves at its best learning rate; of √κ, momentum."""
    return (kappa - 1) / (kappa + 1)


def steps_per_ten(keeps: float) -> float:
    return math.log(0.1) / math.log(keeps)


def steps_to_halve(momentum: Callable[[int], float]) -> int:
    """Steps until Nesterov's rule at lr 1 has halved y, from 1, on 1e-6·y²/2."""
    y, b, t = 1.0, 0.0, 0
    while y > 0.5:
        t += 1
        g = 1e-6 * y
        b = momentum(t) * b + g
        y -= g + momentum(t) * b
    return t


@cache
def images(name: str) -> tuple[int, ...]:
    """The shape in the header of an embedded IDX file."""
    packed = resources.files("adam_tui") / "data" / "mnist" / f"{name}-images-idx3-ubyte.xz"
    with packed.open("rb") as raw, lzma.open(raw) as file:
        return struct.unpack(">4I", file.read(16))[1:]


def layers() -> tuple[int, int, int]:
    """Weights and biases of the three layers, from their shapes."""
    return (5 * 5 * 1 + 1) * 32, (5 * 5 * 32 + 1) * 64, (64 * 4 * 4 + 1) * 10


def default(name: str, knob: str) -> float:
    return OPTIMIZERS[name].defaults()[knob]


def memory(beta: float) -> float:
    return 1 / (1 - beta)


SPEC = RunSpec()
ADAM, SGD = "adam:lr=0.1", "sgd:lr=0.1"

numbers("tour", ln10=lambda: math.log(10), parameters=lambda: sum(layers()))
numbers(
    "optimization",
    parameters=lambda: sum(layers()),
    loss=lambda: path(ADAM).losses[0],
    slope_x=lambda: path(ADAM).gradients[0, 0],
    slope_y=lambda: path(ADAM).gradients[0, 1],
    norm=lambda: path(ADAM).gradient_norm(0),
    adam_50=lambda: path(ADAM).losses[50],
    fifty=lambda: 50,
    adam_rest=lambda: rest_of(ADAM),
)
numbers(
    "descent",
    bowl_curvature=lambda: curvatures("bowl")[0],
    bowl_factor=lambda: path(SGD).positions[7, 0] / path(SGD).positions[6, 0],
    twenty=lambda: 20,
    bowl_left=lambda: path(SGD).positions[20, 0] / path(SGD).positions[0, 0],
    bowl_limit=lambda: limit("bowl", "sgd"),
    condition=kappa,
    ravine_limit=lambda: limit("ravine", "sgd"),
    ravine_slow=lambda: path("sgd:lr=0.039", "ravine").positions[1, 0] / -4.0,
    steps_per_ten=lambda: steps_per_ten(keeps(kappa())),
)


def variance(lr: float) -> float:
    """Of gradient descent around the bowl's minimum under noise of deviation 1, over many steps."""
    wandering = path(f"sgd:lr={lr}", steps=100_000, noise=1.0, start=(0.0, 0.0)).positions[1000:]
    return float(wandering.var())


numbers(
    "noise",
    images=lambda: images("train")[0],
    batch=lambda: SPEC.batch_size,
    variance_large=lambda: 0.2 / (2 * (2 - 0.2 * 2)),
    variance_small=lambda: 0.02 / (2 * (2 - 0.02 * 2)),
)
numbers(
    "rolling",
    gain=lambda: memory(0.9),
    descent_keeps=lambda: keeps(kappa()),
    momentum_keeps=lambda: keeps(math.sqrt(kappa())),
    descent_ten=lambda: steps_per_ten(keeps(kappa())),
    momentum_ten=lambda: steps_per_ten(keeps(math.sqrt(kappa()))),
    descent_rest=lambda: preset("ravine-momentum")[0].converged_at,
    momentum_rest=lambda: preset("ravine-momentum")[1].converged_at,
    rest_09=lambda: rest_of("momentum:lr=0.01,momentum=0.9", "ravine", 600),
    nesterov_constant=lambda: steps_to_halve(lambda t: 0.9),
    nesterov_growing=lambda: steps_to_halve(lambda t: (t - 1) / (t + 2)),
)


def far_out(lane: str) -> Trajectory:
    return path(lane, "plateau", 2, start=(-4.0, 3.0))


def adagrad(step: int) -> float:
    return abs(path("adagrad:lr=0.5").terms["Δ"][step, 0])


numbers(
    "scaling",
    adagrad_1=lambda: adagrad(1),
    adagrad_2=lambda: adagrad(2),
    adagrad_10=lambda: adagrad(10),
    second=lambda: adagrad(2) / adagrad(1),
    memory=lambda: memory(default("rmsprop", "alpha")),
    adadelta_first=lambda: path("adadelta").terms["Δ"][1, 0],
    plateau_slope=lambda: far_out("sgd:lr=0.5").gradient_norm(0),
    plateau_sgd=lambda: np.hypot(*far_out("sgd:lr=0.5").terms["Δ"][1]),
    plateau_adam=lambda: far_out(ADAM).terms["Δ"][1, 0],
)

for step in (1, 2, 3):
    for mark, term in (("g", "g"), ("m", "m"), ("v", "v"), ("mh", "m̂"), ("vh", "v̂"), ("d", "Δ")):
        number(f"algorithm/{mark}{step}")(lambda step=step, term=term: path(ADAM).terms[term][step, 0])
numbers(
    "algorithm",
    t2=lambda: 2,
    t3=lambda: 3,
    memory1=lambda: memory(default("adam", "beta1")),
    memory2=lambda: memory(default("adam", "beta2")),
    uncorrected=lambda: path("adam:lr=0.1,bias_correction=0").terms["Δ"][1, 0] / 0.1,
)


@cache
def shared_moments(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y after some steps of the article's printed code, which has one m and one v for both."""
    x, y = np.float64(-3.5), np.float64(2.5)
    m = v = 0.0
    for t in range(1, steps + 1):
        g = np.array([2 * x, 2 * y])
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        step = 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x, y = x - step, y - step
    return x, y


def shared_losses() -> np.ndarray:
    x, y = shared_moments(10)
    return x**2 + y**2


def difference() -> float:
    x, y = shared_moments(10)
    assert np.ptp(x - y) < 1e-12, "the same in every element"
    return float((x - y).flat[0])


numbers(
    "shared-moments",
    right_x=lambda: path(ADAM).positions[1, 0],
    right_y=lambda: path(ADAM).positions[1, 1],
    wrong_x0=lambda: shared_moments(1)[0][0],
    wrong_x1=lambda: shared_moments(1)[0][1],
    wrong_y0=lambda: shared_moments(1)[1][0],
    wrong_y1=lambda: shared_moments(1)[1][1],
    ten=lambda: 10,
    thirty=lambda: 30,
    size_10=lambda: shared_moments(10)[0].size,
    gigabytes=lambda: shared_moments(10)[0].nbytes * 2**20 / 1e9,
    difference=difference,
    least=lambda: difference() ** 2 / 2,
    wrong_low=lambda: shared_losses().min(),
    wrong_high=lambda: shared_losses().max(),
    right_loss=lambda: path(ADAM).losses[10],
)


def apart_when_scaled() -> float:
    """The largest distance of Adam's paths on f and on 1000 f, rounded up to a power of ten."""
    plain, steep = (
        trajectories(Scenario(function=f, lanes=(Lane.parse(ADAM),)))[0].positions
        for f in ("x**2 + y**2", "1000*(x**2 + y**2)")
    )
    distance = float(np.abs(plain - steep).max())
    return 10.0 ** math.ceil(math.log10(distance))


numbers(
    "strengths",
    scale=apart_when_scaled,
    condition=kappa,
    bowl_rest=lambda: rest_of(ADAM),
    ravine_rest=lambda: rest_of(ADAM, "ravine"),
    ravine_limit=lambda: limit("ravine", "sgd"),
    sixty=lambda: 60,
    saddle_adam=lambda: preset("saddle-escape")[1].positions[60, 1],
    saddle_sgd=lambda: preset("saddle-escape")[0].positions[60, 1],
    parameters=lambda: sum(layers()),
)
numbers(
    "limits",
    reddi_adam=lambda: preset("reddi")[0].positions[-1, 0],
    reddi_amsgrad=lambda: preset("reddi")[1].positions[-1, 0],
    noisy_constant=lambda: preset("constant-step")[0].losses[400:].mean(),
    noisy_cosine=lambda: preset("constant-step")[1].losses[-1],
    dents=lambda: preset("rastrigin-dents")[1].losses[-1],
    warmup=lambda: 2 / (1 - default("adam", "beta2")),
)
numbers("today", memory=lambda: memory(0.95), memory_default=lambda: memory(default("adam", "beta2")))
numbers("applications", lr=lambda: SPEC.hyperparameters["lr"], batch=lambda: SPEC.batch_size)


VALLEY, VALLEY_START = "(x*y-1)**2/2", (3.5, 0.25)


def valley(lr: float) -> Trajectory:
    return path(f"sgd:lr={lr}", steps=60, function=VALLEY, start=VALLEY_START)


def sharpness(x: float, y: float) -> float:
    """λmax of (x·y − 1)²/2."""
    return float(np.linalg.eigvalsh([[y * y, 2 * x * y - 1], [2 * x * y - 1, x * x]])[-1])


numbers(
    "edge-of-stability",
    sharp=lambda: sharpness(*VALLEY_START),
    limit=lambda: 2 / 0.2,
    calm_limit=lambda: 2 / 0.1,
    loss=lambda: valley(0.2).losses[0],
    peak=lambda: valley(0.2).losses.max(),
    flat=lambda: sharpness(*valley(0.2).positions[-1]),
    adam_limit=lambda: 2 * (1 + 0.9) / (1 - 0.9),
)


@cache
def cloud(lane: str, noise: float) -> float:
    """The mean loss of a long walk around the bowl's minimum."""
    return float(path(lane, steps=100_000, noise=noise, start=(0.0, 0.0)).losses[1000:].mean())


numbers(
    "batch-size",
    sgd_small=lambda: cloud("sgd:lr=0.05", 2.0),
    sgd_large=lambda: cloud("sgd:lr=0.2", 1.0),
    adam_small=lambda: cloud("adam:lr=0.05", 2.0),
    adam_double=lambda: cloud("adam:lr=0.1", 1.0),
    adam_four=lambda: cloud("adam:lr=0.2", 1.0),
)

CORNER = (-3.0, -3.0)


def corner() -> Trajectory:
    return path("sgd:lr=0.02", "beale", 600, start=CORNER)


@cache
def clipped_descent(clip: float, lr: float = 0.02, steps: int = 600) -> np.ndarray:
    """Positions of gradient descent on Beale's function with gradients no longer than `clip`."""
    x = np.array(CORNER)
    positions = [x]
    for _ in range(steps):
        g = SURFACES["beale"].gradient(x)
        x = x - lr * g * min(1.0, clip / np.hypot(*g))
        positions.append(x)
    return np.array(positions)


numbers(
    "clipping",
    norm=lambda: corner().gradient_norm(0),
    step=lambda: np.hypot(*corner().terms["Δ"][1]),
    diverged=lambda: corner().diverged_at,
    clip=lambda: 10,
    clipped_step=lambda: np.hypot(*(clipped_descent(10.0)[1] - CORNER)),
    clipped_loss=lambda: SURFACES["beale"].f(clipped_descent(10.0)[-1]),
)


def noisy_points() -> np.ndarray:
    return preset("noise-floor")[0].positions


def moving_average(beta: float) -> np.ndarray:
    """The exponential moving average of the points, from the start on."""
    averages = [noisy_points()[0]]
    for point in noisy_points()[1:]:
        averages.append(beta * averages[-1] + (1 - beta) * point)
    return np.array(averages)


numbers(
    "weight-averaging",
    last=lambda: 500,
    points=lambda: preset("noise-floor")[0].losses[-500:].mean(),
    average=lambda: SURFACES["bowl"].f(noisy_points()[-500:].mean(axis=0)),
    beta=lambda: 0.99,
    ema=lambda: SURFACES["bowl"].f(moving_average(0.99)[-500:]).mean(),
    ema_memory=lambda: memory(0.9999),
    between=lambda: SURFACES["himmelblau"].f(np.mean(SURFACES["himmelblau"].minima[:2], axis=0)),
)

RUNS = 1000


def noisy_slopes(steps: int) -> np.ndarray:
    """The noise of many runs: (steps, RUNS, 2)."""
    return np.random.default_rng(0).standard_normal((steps, RUNS, 2))


@cache
def scheduled_descent(steps: int, kind: str, end: int) -> float:
    """The mean loss after some steps at lr 0.2, with a schedule whose last step is `end`."""
    x = np.tile([-3.5, 2.5], (RUNS, 1))
    for t, noise in enumerate(noisy_slopes(steps), 1):
        x = x - 0.2 * Schedule(kind).factor(t, end) * (SURFACES["bowl"].gradient(x) + noise)
    return float(SURFACES["bowl"].f(x).mean())


@cache
def schedule_free(steps: int, lr: float = 0.2, beta: float = 0.9) -> float:
    """The mean loss of Schedule-Free SGD after some steps."""
    z = x = np.tile([-3.5, 2.5], (RUNS, 1))
    for t, noise in enumerate(noisy_slopes(steps), 1):
        y = (1 - beta) * z + beta * x
        z = z - lr * (SURFACES["bowl"].gradient(y) + noise)
        x = x + (z - x) / t
    return float(SURFACES["bowl"].f(x).mean())


numbers(
    "schedule-free",
    runs=lambda: RUNS,
    short=lambda: 100,
    long=lambda: 1000,
    constant_short=lambda: scheduled_descent(100, "constant", 100),
    constant_long=lambda: scheduled_descent(1000, "constant", 1000),
    cosine_short=lambda: scheduled_descent(100, "cosine", 100),
    stopped=lambda: scheduled_descent(100, "cosine", 1000),
    cosine_long=lambda: scheduled_descent(1000, "cosine", 1000),
    free_short=lambda: schedule_free(100),
    free_long=lambda: schedule_free(1000),
)

numbers(
    "sgd",
    steep=lambda: curvatures("ravine")[0],
    limit=lambda: limit("ravine", "sgd"),
    slow=lambda: curvatures("ravine")[1] * limit("ravine", "sgd"),
)
numbers("momentum", gain=lambda: memory(default("momentum", "momentum")))
numbers(
    "nesterov",
    rest=lambda: preset("nesterov-brakes")[1].converged_at,
    momentum_rest=lambda: preset("nesterov-brakes")[0].converged_at,
    less=lambda: limit("bowl", "momentum") / limit("bowl", "nesterov"),
)


def tried(page: str, number: int) -> tuple[Trajectory, ...]:
    """The paths of a page's own scenario, counted from 1."""
    own = next(each for each in pages() if each.name == page)
    return trajectories(own.tries[number - 1].scenario)


numbers(
    "asgd",
    hundred=lambda: 100,
    swings=lambda: tried("asgd", 1)[0].losses[300:].mean(),
    mean=lambda: (tried("asgd", 1)[0].terms["x̄"][-1] ** 2).sum(),
)
numbers(
    "rprop",
    rest_small=lambda: rest_of("rprop:lr=0.001"),
    rest_large=lambda: rest_of("rprop:lr=1"),
    frozen=lambda: tried("rprop", 2)[0].terms["s"][-1].min(),
    stuck=lambda: tried("rprop", 2)[0].losses[-1],
)
numbers(
    "adafactor",
    machine=lambda: np.finfo(np.float64).eps,
    share=lambda: np.hypot(*tried("adafactor", 1)[0].terms["Δ"][1]) / np.hypot(*SURFACES["bowl"].start),
    bowl_loss=lambda: tried("adafactor", 1)[0].losses[-1],
    adam_rest=lambda: rest_of(ADAM),
)
numbers(
    "adagrad",
    ravine_x=lambda: preset("adagrad-slows")[0].positions[600, 0],
    bowl_rest=lambda: rest_of("adagrad:lr=0.5"),
)
numbers(
    "adadelta",
    first=lambda: path("adadelta").terms["Δ"][1, 0],
    start=lambda: path("adadelta").losses[0],
    hundred=lambda: path("adadelta").losses[100],
    steps=lambda: 100,
    grown=lambda: np.diff(path("adadelta").positions[[0, 100], 0])[0],
    rest_large=lambda: rest_of("adadelta:eps=0.001"),
)
numbers("rmsprop", first=lambda: path("rmsprop:lr=0.02").terms["Δ"][1, 0] / 0.02)
numbers(
    "amsgrad",
    rest=lambda: rest_of("amsgrad:lr=0.1"),
    adam_rest=lambda: rest_of(ADAM),
    alpha_first=lambda: path("amsgrad:lr=0.1").terms["α_eff"][1, 0],
    alpha_last=lambda: path("amsgrad:lr=0.1").terms["α_eff"][262, 0],
)
numbers("adamax", rest=lambda: rest_of("adamax:lr=0.1"), adam_rest=lambda: rest_of(ADAM))
FULL_MOMENTUM = "nadam:lr=0.1,momentum_decay=1000"
numbers(
    "nadam",
    mu=lambda: path("nadam:lr=0.1").terms["μ"][400, 0],
    four_hundred=lambda: 400,
    over=lambda: path("nadam:lr=0.1").positions[:, 0].max(),
    full_over=lambda: path(FULL_MOMENTUM).positions[:, 0].max(),
    adam_over=lambda: path(ADAM).positions[:, 0].max(),
    rest=lambda: rest_of("nadam:lr=0.1"),
    full_rest=lambda: rest_of(FULL_MOMENTUM),
    adam_rest=lambda: rest_of(ADAM),
)


def steps_without_division() -> int:
    """The number of RAdam's first steps that are α·m̂."""
    terms = path("radam:lr=0.1").terms
    return int(np.isclose(terms["α_eff"][1:, 0], 0.1).argmin())


def threshold() -> float:
    """The integer that ρ_t passes when RAdam begins to divide."""
    last, first = path("radam:lr=0.1").terms["ρ_t"][[steps_without_division(), steps_without_division() + 1], 0]
    assert math.floor(last) < math.floor(first)
    return math.floor(first)


numbers(
    "radam",
    threshold=threshold,
    plain=steps_without_division,
    first=lambda: path("radam:lr=0.1").terms["Δ"][1, 0],
    times=lambda: path("radam:lr=0.1").terms["Δ"][1, 0] / 0.1,
)


def singular_values() -> np.ndarray:
    """Singular values from 0.01 to 1 after Muon's five iterations."""
    s = np.linspace(0.01, 1, 100_001)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


numbers(
    "muon",
    singular_low=lambda: singular_values().min(),
    singular_high=lambda: singular_values().max(),
    one=lambda: np.hypot(*tried("muon", 1)[0].terms["O"][1]),
)


def average_loss(page: str) -> float:
    """The mean loss on the bowl of the average x in the last 100 steps of the page's first lane."""
    return float((tried(page, 1)[0].terms["x"][-100:] ** 2).sum(axis=1).mean())


numbers(
    "lamb",
    limit=lambda: pytorch_optimizer.Lamb.clamp,
    constant=lambda: tried("lamb", 1)[0].losses[-1],
    cosine=lambda: tried("lamb", 1)[1].losses[-1],
)
numbers(
    "adan",
    far=lambda: tried("adan", 1)[0].positions[:, 0].max(),
    near=lambda: tried("adan", 1)[1].positions[:, 0].max(),
    adam=lambda: tried("adan", 1)[2].positions[:, 0].max(),
)
numbers(
    "prodigy",
    estimate=lambda: tried("prodigy", 1)[0].terms["d"][-1, 0],
    distance=lambda: np.hypot(*SURFACES["bowl"].start),
    leap=lambda: tried("prodigy", 2)[0].positions[:, 0].max(),
)
numbers(
    "sf-sgd",
    hundred=lambda: 100,
    at_y=lambda: tried("sf-sgd", 1)[0].losses[-100:].mean(),
    at_x=lambda: average_loss("sf-sgd"),
    sgd=lambda: tried("sf-sgd", 1)[1].losses[-100:].mean(),
)
numbers(
    "sf-adamw",
    hundred=lambda: 100,
    at_y=lambda: tried("sf-adamw", 1)[0].losses[-100:].mean(),
    at_x=lambda: average_loss("sf-adamw"),
    adamw=lambda: tried("sf-adamw", 1)[1].losses[-100:].mean(),
)
numbers(
    "ademamix",
    fast=lambda: memory(default("ademamix", "beta1")),
    slow=lambda: memory(default("ademamix", "beta3")),
    beyond=lambda: tried("ademamix", 1)[0].positions[:, 0].max(),
    adamw=lambda: tried("ademamix", 1)[1].converged_at,
)
numbers("adopt", steps=lambda: 400, rosenbrock=lambda: path("adopt:lr=0.05", "rosenbrock").losses[-1])
numbers(
    "soap",
    hundred=lambda: 100,
    soap=lambda: tried("soap", 1)[0].losses[100],
    adam=lambda: tried("soap", 1)[1].losses[100],
)
numbers("lion", hundred=lambda: 100, loss=lambda: path("lion:lr=0.05").losses[100])


def steps_an_epoch() -> int:
    return math.ceil(images("train")[0] / SPEC.batch_size)


numbers(
    "network",
    train=lambda: images("train")[0],
    test=lambda: images("t10k")[0],
    side=lambda: images("train")[1],
    conv1=lambda: layers()[0],
    conv2=lambda: layers()[1],
    linear=lambda: layers()[2],
    parameters=lambda: sum(layers()),
    lr=lambda: SPEC.hyperparameters["lr"],
    batch=lambda: SPEC.batch_size,
    steps=steps_an_epoch,
    epochs=lambda: SPEC.epochs,
    all_steps=lambda: SPEC.epochs * steps_an_epoch(),
    moved=lambda: np.diff(path("adam:lr=0.0005").positions[[0, 400], 0])[0],
    sgd_lr=lambda: TRAINING_OPTIMIZERS["sgd"].knob("lr").default,
)
numbers(
    "curves",
    ln10=lambda: math.log(10),
    test=lambda: images("t10k")[0],
    error=lambda: math.sqrt(0.99 * 0.01 / images("t10k")[0]),
    two_errors=lambda: 2 * math.sqrt(2 * 0.99 * 0.01 / images("t10k")[0]),
)


@cache
def settings_map(name: str) -> tuple[SettingsMap, Outcomes]:
    """The map of a preset's first lane, on the axes with which it opens."""
    scenario = PRESETS[name].scenario
    drawn = SettingsMap(scenario, 0, *default_axes(scenario, 0), 120, 80)
    return drawn, drawn.finish()


def share(name: str, state: int) -> float:
    return float((settings_map(name)[1].states == state).mean())


def highest_beta1() -> float:
    drawn, outcomes = settings_map("adam-valley")
    return float(drawn.ys[(outcomes.states == CONVERGED).any(axis=1)].max())


def fastest(index: int) -> float:
    """Learning rate, momentum and steps of the setting that converges first on the ravine."""
    drawn, outcomes = settings_map("momentum-cliff")
    at = best(outcomes, "steps", drawn.surface)
    assert at is not None
    return float((drawn.xs[at[1]], drawn.ys[at[0]], outcomes.steps[at])[index])


def decades(lane: int) -> float:
    """The decades of lr that end with a loss below 0.001 on the ravine, of a scan from 1e-6 to 100."""
    scenario = PRESETS["easy-to-tune"].scenario
    axis = Axis(scenario.lanes[lane].rule.knob("lr"), 1e-6, 1e2)
    outcomes = SettingsMap(scenario, lane, axis, None, 161).finish()
    good = axis.values(161)[(outcomes.losses[0] < 1e-3) & (outcomes.states[0] != DIVERGED)]
    return math.log10(good[-1] / good[0])


numbers(
    "good-settings",
    low=lambda: settings_map("adam-valley")[0].x.low,
    high=lambda: settings_map("adam-valley")[0].x.high,
    loss=lambda: 1e-3,
    loss_again=lambda: 1e-3,
    near=lambda: float((settings_map("adam-valley")[1].losses < 1e-3).mean()),
    converged=lambda: share("adam-valley", CONVERGED),
    beta1=highest_beta1,
    diverged=lambda: share("momentum-cliff", DIVERGED),
    descent_limit=lambda: limit("ravine", "momentum:momentum=0"),
    best_lr=lambda: fastest(0),
    best_mu=lambda: fastest(1),
    best_steps=lambda: fastest(2),
    polyak_lr=lambda: (2 / sum(map(math.sqrt, curvatures("ravine")))) ** 2,
    polyak_mu=lambda: ((math.sqrt(kappa()) - 1) / (math.sqrt(kappa()) + 1)) ** 2,
    sgd_decades=lambda: decades(0),
    momentum_decades=lambda: decades(1),
    adam_decades=lambda: decades(2),
)


@cache
def basins(lane: str, surface: str, steps: int) -> tuple[StartsMap, np.ndarray, np.ndarray]:
    """A map of starts over the plot, the number of the rest point of each, and the rest points."""
    x_min, x_max, y_min, y_max = SURFACES[surface].bounds
    scenario = Scenario(surface, lanes=(Lane.parse(lane),), steps=steps)
    drawn = StartsMap(scenario, 0, np.linspace(x_min, x_max, 61), np.linspace(y_min, y_max, 61))
    return drawn, *rest_points(drawn.finish(), drawn.surface)


def himmelblau_basins(lane: str) -> tuple[StartsMap, np.ndarray, np.ndarray]:
    return basins(lane, "himmelblau", 400)


def not_nearest(lane: str) -> float:
    """The share of the converged paths that end at another minimum than the one nearest to their start."""
    drawn, reached, points = himmelblau_basins(lane)
    distances = np.hypot(drawn.xs[:, None] - points[:, 0], drawn.ys[:, None, None] - points[:, 1])
    return float((distances.argmin(axis=-1) != reached)[reached >= 0].mean())


def basin_shares() -> np.ndarray:
    reached = himmelblau_basins("sgd:lr=0.01")[1]
    return np.bincount(reached.ravel()) / reached.size


def differing() -> float:
    descent, adam = (himmelblau_basins(lane)[1] for lane in ("sgd:lr=0.01", "adam:lr=0.1"))
    return float((descent != adam)[(descent >= 0) & (adam >= 0)].mean())


def chaotic(lr: float) -> float:
    sample = BorderSample(himmelblau_basins(f"sgd:lr={lr}")[0])
    return sample.changed / sample.sampled


numbers(
    "basins",
    smallest=lambda: basin_shares().min(),
    largest=lambda: basin_shares().max(),
    descent_far=lambda: not_nearest("sgd:lr=0.01"),
    adam_far=lambda: not_nearest("adam:lr=0.1"),
    momentum_far=lambda: not_nearest("momentum:lr=0.002"),
    differ=differing,
    dents=lambda: len(basins("sgd:lr=0.002", "rastrigin", 1000)[2]),
    deepest=lambda: float((basins("sgd:lr=0.002", "rastrigin", 1000)[1] == 0).mean()),
    median=lambda: float(np.median(basins("sgd:lr=0.002", "rastrigin", 1000)[0].finish().losses)),
    rough_lr=lambda: 0.03,
    chaotic=lambda: chaotic(0.03),
)


@cache
def random_walk(steps: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The shares (T,) of the principal components of a simulated random walk, and its places on them (T, T).

    It is seen at these steps: those between two of them are one jump of their variance.
    """
    random = np.random.default_rng(0)
    jumps = np.sqrt(np.diff((0, *steps)))[:, None] * random.standard_normal((len(steps), 50_000), dtype=np.float32)
    points = jumps.cumsum(axis=0)
    points -= points.mean(axis=0)
    sizes, vectors = np.linalg.eigh(points @ points.T)
    return (sizes / sizes.sum())[::-1], (vectors * np.sqrt(abs(sizes)))[:, ::-1]


EVEN = tuple(range(100))


def curvature(x: float, y: float, direction: np.ndarray | None = None) -> float:
    """λmax of (xy − 1)²/2, or its second derivative along a direction, by differences."""
    h, at = 1e-4, np.array([x, y])

    def loss(point):
        return (point[0] * point[1] - 1) ** 2 / 2

    def along(d):
        return (loss(at + h * d) - 2 * loss(at) + loss(at - h * d)) / h**2

    if direction is not None:
        return along(direction)
    angles = np.linspace(0, np.pi, 3601)
    return max(along(np.array([math.cos(angle), math.sin(angle)])) for angle in angles)


def normalized(x: float, y: float) -> float:
    """The curvature along (1, 1)/√2 after filter normalization: each weight is a filter of its own."""
    return curvature(x, y, np.array([x, y]) / math.sqrt(2))


numbers(
    "landscape",
    weights=lambda: sum(math.prod(shape) for shape in SHAPES),
    cosine=lambda: 1 / math.sqrt(sum(math.prod(shape) for shape in SHAPES)),
    images=lambda: IMAGES,
    error=lambda: math.sqrt(0.99 * 0.01 / IMAGES),
    walk_first=lambda: random_walk(EVEN)[0][0],
    walk_second=lambda: random_walk(EVEN)[0][1],
    epochs=lambda: RunSpec().epochs,
    log_first=lambda: random_walk(tuple(planned_steps(RunSpec().epochs * steps_an_epoch(), KEPT)))[0][0],
    even=lambda: curvature(1, 1),
    skew=lambda: curvature(4, 0.25),
    normalized=lambda: normalized(4, 0.25),
)


def searched(lane: str, surface: str) -> tuple[int, int, int]:
    """The steps of a lane until it converges, and the losses and gradients that it evaluates by then."""
    walked = path(lane, surface)
    assert walked.converged_at is not None
    losses, gradients, _ = walked.evaluations_at(walked.converged_at)
    return walked.converged_at, losses, gradients


def accepted(lane: str, surface: str) -> np.ndarray:
    """The step lengths that a line search accepted until the lane converged."""
    return path(lane, surface).terms["t"][1 : rest_of(lane, surface) + 1, 0]


def noisy_end(name: str) -> float:
    """The median loss of the last 200 of 400 steps on the noisy ravine."""
    [walked] = trajectories(Scenario.parse((name,), surface="ravine", noise=0.5))
    return float(np.median(walked.losses[-200:]))


ARMIJO = "armijo:lr=1"
numbers(
    "armijo",
    shortest=lambda: accepted(ARMIJO, "himmelblau").min(),
    longest=lambda: accepted(ARMIJO, "himmelblau").max(),
    steps=lambda: searched(ARMIJO, "himmelblau")[0],
    losses=lambda: searched(ARMIJO, "himmelblau")[1],
    ravine=lambda: rest_of(ARMIJO, "ravine"),
    reddi_first=lambda: path(ARMIJO, "reddi").losses[0],
    reddi_last=lambda: path(ARMIJO, "reddi").losses[-1],
)
numbers(
    "newton",
    rosenbrock=lambda: rest_of("newton", "rosenbrock"),
    sgd=lambda: path("sgd:lr=0.0005", "rosenbrock").losses[-1],
    summit=lambda: path("newton", "himmelblau").losses[-1],
    far=lambda: math.hypot(*path("newton", "plateau").positions[-1]),
    damped=lambda: rest_of("newton:damping=1", "plateau"),
)
numbers(
    "bfgs",
    steps=lambda: searched("bfgs", "rosenbrock")[0],
    gradients=lambda: searched("bfgs", "rosenbrock")[2],
    noisy=lambda: noisy_end("bfgs"),
    noisy_sgd=lambda: noisy_end("sgd"),
)
numbers(
    "lbfgs",
    outside=lambda: path("lbfgs:strong_wolfe=0", "rastrigin").losses[-1],
    began=lambda: path("lbfgs:strong_wolfe=0", "rastrigin").losses[0],
    slope=lambda: path("lbfgs", "ravine").gradient_norm(400),
    steps=lambda: rest_of("lbfgs:tolerance_change=0", "ravine"),
)
numbers(
    "sophia",
    race=lambda: Scenario().steps,
    hessians=lambda: path("sophia:lr=0.05", "ravine").evaluations_at(400)[2],
    loss=lambda: path("sophia:lr=0.05", "ravine").losses[-1],
)
