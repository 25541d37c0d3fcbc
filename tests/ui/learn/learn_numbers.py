"""What every number marked on a page of Learn is computed from: `page/mark` and the engine's value.

A percentage is given as a share, so 0.04 for "4%".
"""

import lzma
import math
import struct
from collections.abc import Callable
from functools import cache
from importlib import resources

import numpy as np

from adam_tui.engine.lane import Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.stability import stability
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import Trajectory, trajectories
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS

NUMBERS: dict[str, Callable[[], float]] = {}


def number(*names: str):
    """Register what `page/mark` is computed from."""

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


def shown(name: str) -> tuple[Trajectory, ...]:
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
    """What gradient descent keeps of the distance at its best learning rate; of √κ it is momentum's."""
    return (kappa - 1) / (kappa + 1)


def steps_per_ten(keeps: float) -> float:
    return math.log(0.1) / math.log(keeps)


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
    descent_rest=lambda: shown("ravine-momentum")[0].converged_at,
    momentum_rest=lambda: shown("ravine-momentum")[1].converged_at,
    rest_09=lambda: rest_of("momentum:lr=0.01,momentum=0.9", "ravine", 600),
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
    """What the article's printed code makes of x and y: one m and one v for both."""
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
    """How far Adam's paths on f and on 1000 f part, as a power of ten above."""
    plain, steep = (
        trajectories(Scenario(function=f, lanes=(Lane.parse(ADAM),)))[0].positions
        for f in ("x**2 + y**2", "1000*(x**2 + y**2)")
    )
    apart = float(np.abs(plain - steep).max())
    return 10.0 ** math.ceil(math.log10(apart))


numbers(
    "strengths",
    scale=apart_when_scaled,
    condition=kappa,
    bowl_rest=lambda: rest_of(ADAM),
    ravine_rest=lambda: rest_of(ADAM, "ravine"),
    ravine_limit=lambda: limit("ravine", "sgd"),
    sixty=lambda: PRESETS["saddle-escape"].pause_at,
    saddle_adam=lambda: shown("saddle-escape")[1].positions[60, 1],
    saddle_sgd=lambda: shown("saddle-escape")[0].positions[60, 1],
    parameters=lambda: sum(layers()),
)
numbers(
    "limits",
    reddi_adam=lambda: shown("reddi")[0].positions[-1, 0],
    reddi_amsgrad=lambda: shown("reddi")[1].positions[-1, 0],
    noisy_constant=lambda: shown("constant-step")[0].losses[400:].mean(),
    noisy_cosine=lambda: shown("constant-step")[1].losses[-1],
    dents=lambda: shown("rastrigin-dents")[1].losses[-1],
)
numbers("today", memory=lambda: memory(0.95), memory_default=lambda: memory(default("adam", "beta2")))
numbers("applications", lr=lambda: SPEC.hyperparameters["lr"], batch=lambda: SPEC.batch_size)

numbers(
    "sgd",
    steep=lambda: curvatures("ravine")[0],
    limit=lambda: limit("ravine", "sgd"),
    slow=lambda: curvatures("ravine")[1] * limit("ravine", "sgd"),
)
numbers("momentum", gain=lambda: memory(default("momentum", "momentum")))
numbers(
    "nesterov",
    rest=lambda: shown("nesterov-brakes")[1].converged_at,
    momentum_rest=lambda: shown("nesterov-brakes")[0].converged_at,
    less=lambda: limit("bowl", "momentum") / limit("bowl", "nesterov"),
)
numbers(
    "adagrad",
    ravine_x=lambda: shown("adagrad-slows")[0].positions[600, 0],
    bowl_rest=lambda: rest_of("adagrad:lr=0.5"),
)
numbers(
    "adadelta",
    start=lambda: path("adadelta").losses[0],
    hundred=lambda: path("adadelta").losses[100],
    steps=lambda: 100,
    grown=lambda: np.diff(path("adadelta").positions[[0, 100], 0])[0],
    rest_large=lambda: rest_of("adadelta:eps=0.001"),
)
numbers("rmsprop", first=lambda: path("rmsprop:lr=0.02").terms["Δ"][1, 0] / 0.02)
numbers("amsgrad", rest=lambda: rest_of("amsgrad:lr=0.1"), adam_rest=lambda: rest_of(ADAM))
numbers("adamax", rest=lambda: rest_of("adamax:lr=0.1"), adam_rest=lambda: rest_of(ADAM))
numbers("nadam", rest=lambda: rest_of("nadam:lr=0.1"), adam_rest=lambda: rest_of(ADAM))


def steps_without_division() -> int:
    """RAdam's first steps, those taken as α·m̂."""
    terms = path("radam:lr=0.1").terms
    return int(np.isclose(terms["α_eff"][1:, 0], 0.1).argmin())


def threshold() -> float:
    """The whole number that ρ_t passes when RAdam begins to divide."""
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
    two_errors=lambda: 2 * math.sqrt(0.99 * 0.01 / images("t10k")[0]),
)
