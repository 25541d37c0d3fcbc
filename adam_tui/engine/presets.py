"""The named example scenarios, in the order of a lesson: descent, momentum, Adam, noise, shapes of surfaces.

Each sentence is a claim about the numbers of its scenario: a new preset needs a test of it in
tests/engine/test_presets.py, and its name in cli/names.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adam_tui.engine.scenario import DEFAULT_SURFACE, Scenario

POLYAK = "Polyak 1964, Some methods of speeding up the convergence of iteration methods"
GOH = "Goh 2017, Why Momentum Really Works, distill.pub"
KINGMA = "Kingma & Ba 2015, Adam, arXiv:1412.6980"
BOTTOU = "Bottou, Curtis & Nocedal 2018, Optimization Methods for Large-Scale Machine Learning"

MapKind = Literal["settings", "starts", "rates"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A named scenario: `title` has at most 34 columns, `sentence` at most 140 characters.

    `source` is the paper or page that describes the effect; `pause_at` is the step that shows it best, None the last.
    `map` is the map that opens with it: of its first lane's settings, of the starts, or of the learning rates.
    """

    name: str
    title: str
    sentence: str
    scenario: Scenario
    source: str
    pause_at: int | None = None
    map: MapKind | None = None


def _scenario(
    surface: str,
    *lanes: str,
    steps: int,
    start: tuple[float, float] | None = None,
    function: str | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> Scenario:
    return Scenario.parse(lanes, surface=surface, function=function, start=start, steps=steps, noise=noise, seed=seed)


# fmt: off
PRESETS: dict[str, Preset] = {preset.name: preset for preset in (
    Preset("one-step", "One step of gradient descent",
        "A step goes straight against the slope; its length is lr times the steepness.",
        _scenario("himmelblau", "sgd:lr=0.01", steps=30, start=(-4.5, -1.0)),
        "Cauchy 1847, Méthode générale pour la résolution des systèmes d'équations simultanées", pause_at=1),
    Preset("lr-too-high", "A learning rate too high",
        "The ravine tolerates lr up to 2/curvature = 0.04: at 0.039 the swings across it fade, at 0.041 they grow.",
        _scenario("ravine", "sgd:lr=0.039", "sgd:lr=0.041", steps=200), GOH, pause_at=80),
    Preset("zigzag", "Why descent zigzags",
        "Every step lands on the other side of the ravine, while the way left along it shrinks by only 4% a step.",
        _scenario("ravine", "sgd:lr=0.038", steps=150), GOH, pause_at=30),
    Preset("ravine-momentum", "The ravine with momentum",
        "With both near their best settings, momentum settles in under a fifth of the steps gradient descent needs.",
        _scenario("ravine", "sgd:lr=0.039", "momentum:lr=0.06,momentum=0.57", steps=400), POLYAK, pause_at=50),
    Preset("nesterov-brakes", "Nesterov brakes sooner",
        "With the same lr and μ Nesterov overshoots the minimum by a third less than momentum, and converges sooner.",
        _scenario("bowl", "momentum:lr=0.05", "nesterov:lr=0.05", steps=300),
        "Sutskever et al. 2013, On the importance of initialization and momentum in deep learning", pause_at=12),
    Preset("flat-far-out", "Where the slope vanishes",
        "On the plateau descent hardly moves at first; Adam divides by the slope's size and walks at about lr a step.",
        _scenario("plateau", "sgd:lr=0.5", "adam:lr=0.1", steps=200, start=(-4.0, 3.0)), KINGMA, pause_at=40),
    Preset("adagrad-slows", "AdaGrad slows down",
        "AdaGrad's sum of squares only grows, so its lr only shrinks: it is still moving when RMSProp has converged.",
        _scenario("ravine", "adagrad:lr=0.1", "rmsprop:lr=0.02", steps=600),
        "Tieleman & Hinton 2012, Coursera lecture 6.5; Zeiler 2012, arXiv:1212.5701"),
    Preset("bias-correction", "What bias correction does",
        "Without it Adam's first step is 3.2 times lr and the seventh almost 6, and it shoots past the minimum.",
        _scenario("bowl", "adam:lr=0.05", "adam:lr=0.05,bias_correction=0", steps=200),
        f"{KINGMA}, section 3", pause_at=7),
    Preset("epsilon", "When ε matters",
        "With ε = 1, far above the slope, Adam divides by ε and not by the slope: it creeps where ε = 1e-8 walks.",
        _scenario("plateau", "adam:lr=0.05", "adam:lr=0.05,eps=1", steps=200, start=(-4.0, 3.0)),
        "Choi et al. 2019, On Empirical Comparisons of Optimizers for Deep Learning, arXiv:1910.05446", pause_at=80),
    Preset("beta2-too-small", "β2 too small",
        "With β2 = 0.999 Adam converges; with 0.5 it forgets the steep slopes behind it and never does.",
        _scenario("bowl", "adam:lr=0.1", "adam:lr=0.1,beta2=0.5", steps=600),
        "Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond, arXiv:1904.09237"),
    Preset("reddi", "Adam goes the wrong way",
        "One slope in three is steep: with a short memory Adam forgets it and climbs the wrong way, AMSGrad does not.",
        _scenario("reddi", "adam:lr=0.02,beta1=0,beta2=0.1", "amsgrad:lr=0.02,beta1=0,beta2=0.1", steps=600),
        "Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond, theorem 1"),
    Preset("adamw", "AdamW against L2 in Adam",
        "Inside the gradient the decay hardly pulls the steep y; AdamW pulls both alike, to 1/λ = 2.",
        _scenario(DEFAULT_SURFACE,
                  "adam:lr=0.05,beta2=0.9,weight_decay=0.5", "adamw:lr=0.05,beta2=0.9,weight_decay=0.5",
                  steps=600, start=(-1.0, -1.0), function="(x - 3)**2 + 10*(y - 3)**2"),
        "Loshchilov & Hutter 2019, arXiv:1711.05101; Xie & Li 2024, Implicit Bias of AdamW, arXiv:2404.04454"),
    Preset("lion-signs", "Lion uses only signs",
        "Every step of Lion is lr along both axes: it hops across the minimum forever, unless a schedule calms it.",
        _scenario("bowl", "lion:lr=0.05", "lion:lr=0.05,schedule=cosine", steps=400),
        "Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675"),
    Preset("constant-step", "Adam's step does not fade",
        "Near the minimum Adam sees mostly noise: its steps stay at about a quarter of lr until a schedule calms them.",
        _scenario("bowl", "adam:lr=0.1", "adam:lr=0.1,schedule=cosine", steps=800, noise=2.0), KINGMA),
    Preset("noise-floor", "The noise floor follows lr",
        "Descent with noisy slopes ends in a cloud around the minimum: a tenth of lr, about a tenth of the mean loss.",
        _scenario("bowl", "sgd:lr=0.2", "sgd:lr=0.02", steps=1000, noise=1.0), BOTTOU),
    Preset("averaging", "Averaging calms the steps",
        "Averaging about ten noisy slopes (μ = τ = 0.9) makes the steps a quarter as long, but the cloud as wide.",
        _scenario("bowl", "sgd:lr=0.02", "momentum:lr=0.02,momentum=0.9,dampening=0.9", steps=2000, noise=1.0), BOTTOU),
    Preset("warm-up", "A warm-up saves the start",
        "From Beale's steep corner lr = 0.02 diverges in two steps; after a warm-up the same lr reaches the minimum.",
        _scenario("beale", "sgd:lr=0.02", "sgd:lr=0.02,warmup=100", steps=600, start=(-3.0, -3.0)),
        "Goyal et al. 2017, Accurate, Large Minibatch SGD, arXiv:1706.02677", pause_at=100),
    Preset("saddle-escape", "Leaving a saddle",
        "Descent takes six times as long to leave the ridge: its steps shrink with the slope, Adam's do not.",
        _scenario("saddle", "sgd:lr=0.05", "adam:lr=0.05", steps=150, start=(-3.0, 1e-5)),
        "Dauphin et al. 2014, Identifying and attacking the saddle point problem, arXiv:1406.2572", pause_at=60),
    Preset("rosenbrock-race", "The race along Rosenbrock's valley",
        "All drop into the valley at once; descent then creeps, while momentum and Adam near its end in 1,000 steps.",
        _scenario("rosenbrock", "sgd:lr=0.0005", "momentum:lr=0.0005", "nesterov:lr=0.0005", "rmsprop:lr=0.01",
                  "adam:lr=0.05", steps=1000),
        "Rosenbrock 1960, An automatic method for finding the greatest or least value of a function"),
    Preset("rastrigin-dents", "Caught in a dent",
        "Descent and a slow Adam stop in the first dent, a fast Adam two dents further; none finds the deepest.",
        _scenario("rastrigin", "sgd:lr=0.002", "adam:lr=0.1", "adam:lr=0.5", steps=400),
        "Rastrigin 1974, Systems of Extremal Control"),
    Preset("four-minima", "One start, two minima",
        "From the same place descent and momentum reach one of Himmelblau's four minima, Adam and RMSProp another.",
        _scenario("himmelblau", "sgd:lr=0.01", "momentum:lr=0.002", "adam:lr=0.1", "rmsprop:lr=0.02", steps=400),
        "Himmelblau 1972, Applied Nonlinear Programming", pause_at=40),
    Preset("adam-valley", "Adam's valley of good settings",
        "No setting of lr and β1 diverges: a fifth converge within 400 steps, the others are too slow or swing.",
        _scenario("bowl", "adam:lr=0.1", steps=400), KINGMA, map="settings"),
    Preset("momentum-cliff", "Momentum and its cliff",
        "The line is 2(1 + μ)/λmax: every setting beyond it diverges, and no setting before it does.",
        _scenario("ravine", "momentum:lr=0.02", steps=1000), GOH, map="settings"),
    Preset("easy-to-tune", "Easy and hard to tune",
        "A loss below 0.001 needs an lr within one decade for descent, two for momentum, four for Adam.",
        _scenario("ravine", "sgd:lr=0.02", "momentum:lr=0.02", "adam:lr=0.1", steps=1000),
        "Sivaprasad et al. 2020, Optimizer Benchmarking Needs to Account for Hyperparameter Tuning, arXiv:1910.11758",
        map="rates"),
    Preset("four-basins", "Four basins",
        "Each minimum draws about a quarter of the starts; with Adam one start in seven ends at another one.",
        _scenario("himmelblau", "sgd:lr=0.01", "adam:lr=0.1", steps=400),
        "Himmelblau 1972, Applied Nonlinear Programming", map="starts"),
    Preset("rastrigin-basins", "A basin for every dent",
        "Descent and a slow Adam agree: each dent keeps the starts around it, like the squares of a chessboard.",
        _scenario("rastrigin", "sgd:lr=0.002", "adam:lr=0.1", steps=1000),
        "Rastrigin 1974, Systems of Extremal Control", map="starts"),
)}
# fmt: on
