"""The built-in loss surfaces, each with its exact gradient, its Hessian and its minima.

A new surface gets three functions and an entry in `SURFACES`. The functions take points of any shape (..., 2): one
lane, five lanes and a grid of pixels are the same call. Gradients and Hessians are written by hand, exact to the last
digits, and cost microseconds a step.

Nothing here checks for overflow. A lane that leaves the view may reach 1e300 and beyond; the caller silences numpy's
warnings (`np.errstate`) and treats inf or nan as *diverged*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine import reddi
from adam_tui.engine.names import suggest

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of two variables with its derivatives and its description.

    f: (..., 2) -> (...); gradient: (..., 2) -> (..., 2); hessian: (..., 2) -> (..., 2, 2).
    `bounds` (x_min, x_max, y_min, y_max) is the plotted area. `minima` lists every known global minimum. `descent_lr`
    is a learning rate at which plain gradient descent from `start` is stable and visibly moves within a few hundred
    steps. `note` is one sentence for students, at most 100 characters.
    `gradient_at`, if given, is the gradient of step t = 1, 2, …: (t, (..., 2)) -> (..., 2), and `loss_at` the loss of
    that step. The other functions then belong to the mean over the steps; the Hessian is that of every step. `formula`
    is the whole typed formula of a surface that is not built in.
    """

    name: str
    title: str
    f: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    hessian: Callable[[Array], Array]
    bounds: tuple[float, float, float, float]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    descent_lr: float
    source: str
    note: str = ""
    gradient_at: Callable[[int, Array], Array] | None = None
    loss_at: Callable[[int, Array], Array] | None = None
    formula: str | None = None

    @property
    def width(self) -> float:
        """x_max − x_min, the unit for the length of steps."""
        return self.bounds[1] - self.bounds[0]


def find_surface(name: str) -> Surface:
    """The surface of that name. Raises ValueError with the choices for an unknown one."""
    try:
        return SURFACES[name]
    except KeyError:
        raise ValueError(f"no surface is called {name!r}{suggest(name, SURFACES)}") from None


def _vector(at: Array, x: Array | float, y: Array | float) -> Array:
    """(..., 2) from its two components; several times faster than np.stack on a handful of points.

    It has the memory layout of `at`: a map keeps each component of its points together, which numpy walks faster.
    """
    out = np.empty_like(at, dtype=np.float64)
    out[..., 0] = x
    out[..., 1] = y
    return out


def _matrix(at: Array, xx: Array | float, xy: Array | float, yy: Array | float) -> Array:
    """(..., 2, 2), symmetric, from three entries."""
    out = np.empty((*at.shape, 2))
    out[..., 0, 0] = xx
    out[..., 0, 1] = xy
    out[..., 1, 0] = xy
    out[..., 1, 1] = yy
    return out


# bowl: x² + y²


def _bowl(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    return x * x + y * y


def _bowl_gradient(at: Array) -> Array:
    return 2.0 * at


def _bowl_hessian(at: Array) -> Array:
    return _matrix(at, 2.0, 0.0, 2.0)


# ravine: (x² + 50 y²) / 2. The eigenvalues are 1 and 50, and the axes are the eigenvectors.

CONDITION = 50.0


def _ravine(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    return 0.5 * (x * x + CONDITION * (y * y))


def _ravine_gradient(at: Array) -> Array:
    return _vector(at, at[..., 0], CONDITION * at[..., 1])


def _ravine_hessian(at: Array) -> Array:
    return _matrix(at, 1.0, 0.0, CONDITION)


# rosenbrock: (1 − x)² + 100 (y − x²)²


def _rosenbrock(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    along, across = 1.0 - x, y - x * x
    return along * along + 100.0 * (across * across)


def _rosenbrock_gradient(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    across = 200.0 * (y - x * x)
    return _vector(at, 2.0 * (x - 1.0) - 2.0 * x * across, across)


def _rosenbrock_hessian(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    return _matrix(at, 1200.0 * x * x - 400.0 * y + 2.0, -400.0 * x, 200.0)


# beale: the sum over k = 1, 2, 3 of (cₖ − x (1 − yᵏ))², c = 1.5, 2.25, 2.625


def _beale(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    y2 = y * y
    a, b, c = 1.5 + x * (y - 1.0), 2.25 + x * (y2 - 1.0), 2.625 + x * (y2 * y - 1.0)
    return a * a + b * b + c * c


def _beale_gradient(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    y2 = y * y
    a_x, b_x, c_x = y - 1.0, y2 - 1.0, y2 * y - 1.0
    a, b, c = 1.5 + x * a_x, 2.25 + x * b_x, 2.625 + x * c_x
    return _vector(at, 2.0 * (a * a_x + b * b_x + c * c_x), 2.0 * x * (a + 2.0 * y * b + 3.0 * y2 * c))


def _beale_hessian(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    y2 = y * y
    a_x, b_x, c_x = y - 1.0, y2 - 1.0, y2 * y - 1.0
    a, b, c = 1.5 + x * a_x, 2.25 + x * b_x, 2.625 + x * c_x
    xx = 2.0 * (a_x * a_x + b_x * b_x + c_x * c_x)
    xy = 2.0 * (a + 2.0 * y * b + 3.0 * y2 * c) + 2.0 * x * (a_x + 2.0 * y * b_x + 3.0 * y2 * c_x)
    yy = 2.0 * x * x * (1.0 + 4.0 * y2 + 9.0 * y2 * y2) + 4.0 * x * (b + 3.0 * y * c)
    return _matrix(at, xx, xy, yy)


# himmelblau: (x² + y − 11)² + (x + y² − 7)²


def _himmelblau(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    a, b = x * x + y - 11.0, x + y * y - 7.0
    return a * a + b * b


def _himmelblau_gradient(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    a, b = x * x + y - 11.0, x + y * y - 7.0
    return _vector(at, 4.0 * x * a + 2.0 * b, 2.0 * a + 4.0 * y * b)


def _himmelblau_hessian(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    a, b = x * x + y - 11.0, x + y * y - 7.0
    return _matrix(at, 4.0 * a + 8.0 * x * x + 2.0, 4.0 * (x + y), 4.0 * b + 8.0 * y * y + 2.0)


# rastrigin: 20 + x² + y² − 10 cos 2πx − 10 cos 2πy. As 1 − cos 2t = 2 sin² t, no digits are lost near the minimum.


def _rastrigin(at: Array) -> Array:
    terms = at * at + 20.0 * np.square(np.sin(math.pi * at))
    return terms[..., 0] + terms[..., 1]


def _rastrigin_gradient(at: Array) -> Array:
    return 2.0 * at + 20.0 * math.pi * np.sin(2.0 * math.pi * at)


def _rastrigin_hessian(at: Array) -> Array:
    second = 2.0 + 40.0 * math.pi**2 * np.cos(2.0 * math.pi * at)
    return _matrix(at, second[..., 0], 0.0, second[..., 1])


# ackley: −20 exp(−ρ / 5) − exp((cos 2πx + cos 2πy) / 2) + 20 + e, with ρ² = (x² + y²) / 2. Written with expm1 and
# sin², so that the minimum is exactly 0. At the origin the first term is the tip of a cone: its gradient has no limit
# there, and its curvature is infinite. Both count as 0 there, which leaves the smooth second term. So near the origin
# that 1/ρ overflows, the curvature counts as 0 too.

_TIP = 1e-300


def _ackley_parts(at: Array) -> tuple[Array, Array, Array, Array]:
    """Return the point over ρ (0 at the tip), exp(−ρ/5), 1/ρ (0 near the tip) and the exponential of the cosines."""
    size = np.hypot(at[..., 0], at[..., 1])
    rho = size * math.sqrt(0.5)
    direction = math.sqrt(2.0) * (at / np.where(size == 0.0, 1.0, size)[..., None])
    tip = rho < _TIP
    inverse = np.where(tip, 0.0, 1.0 / np.where(tip, 1.0, rho))
    wave = np.square(np.sin(math.pi * at))
    return direction, np.exp(-0.2 * rho), inverse, np.exp(1.0 - wave[..., 0] - wave[..., 1])


def _ackley(at: Array) -> Array:
    rho = np.hypot(at[..., 0], at[..., 1]) * math.sqrt(0.5)
    wave = np.square(np.sin(math.pi * at))
    result: Array = -20.0 * np.expm1(-0.2 * rho) - math.e * np.expm1(-(wave[..., 0] + wave[..., 1]))
    return result


def _ackley_gradient(at: Array) -> Array:
    direction, cone, _, waves = _ackley_parts(at)
    return 2.0 * cone[..., None] * direction + math.pi * waves[..., None] * np.sin(2.0 * math.pi * at)


def _ackley_hessian(at: Array) -> Array:
    direction, cone, inverse, waves = _ackley_parts(at)
    u, v = direction[..., 0], direction[..., 1]
    sine, cosine = np.sin(2.0 * math.pi * at), np.cos(2.0 * math.pi * at)
    s, t = sine[..., 0], sine[..., 1]
    around, along = 2.0 * cone * inverse, cone * (0.2 + inverse)
    bend = math.pi**2 * waves
    return _matrix(
        at,
        around - along * u * u + bend * (2.0 * cosine[..., 0] - s * s),
        -along * u * v - bend * s * t,
        around - along * v * v + bend * (2.0 * cosine[..., 1] - t * t),
    )


# three-hump camel: 2 x² − 1.05 x⁴ + x⁶ / 6 + x y + y²


def _camel(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    x2 = x * x
    return x2 * (2.0 - x2 * (1.05 - x2 / 6.0)) + x * y + y * y


def _camel_gradient(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    x2 = x * x
    return _vector(at, x * (4.0 - x2 * (4.2 - x2)) + y, x + 2.0 * y)


def _camel_hessian(at: Array) -> Array:
    x2 = np.square(at[..., 0])
    return _matrix(at, 4.0 - x2 * (12.6 - 5.0 * x2), 1.0, 2.0)


# styblinski-tang: half the sum over both coordinates of t⁴ − 16 t² + 5 t


def _styblinski(at: Array) -> Array:
    terms = at * (5.0 + at * (at * at - 16.0))
    return 0.5 * (terms[..., 0] + terms[..., 1])


def _styblinski_gradient(at: Array) -> Array:
    return 2.5 + at * (2.0 * at * at - 16.0)


def _styblinski_hessian(at: Array) -> Array:
    second = 6.0 * at * at - 16.0
    return _matrix(at, second[..., 0], 0.0, second[..., 1])


# goldstein-price. Both factors of the published formula hide a polynomial of one variable:
#   A(s) = 1 + (s + 1)² (19 − 14 s + 3 s²),  s = x + y,  and A′(s) = 12 (s − 2)(s² − 1);
#   B(t) = 30 + t² (18 − 16 t + 3 t²),       t = 2x − 3y, and B′(t) = 12 t (t − 1)(t − 3).


def _goldstein_parts(at: Array) -> tuple[Array, Array, Array, Array]:
    """s, t, A(s), B(t)."""
    x, y = at[..., 0], at[..., 1]
    s, t = x + y, 2.0 * x - 3.0 * y
    a = 1.0 + np.square(s + 1.0) * (19.0 + s * (3.0 * s - 14.0))
    b = 30.0 + t * t * (18.0 + t * (3.0 * t - 16.0))
    return s, t, a, b


def _goldstein(at: Array) -> Array:
    _, _, a, b = _goldstein_parts(at)
    return a * b


def _goldstein_gradient(at: Array) -> Array:
    s, t, a, b = _goldstein_parts(at)
    by_s = 12.0 * (s - 2.0) * (s * s - 1.0) * b
    by_t = 12.0 * t * (t - 1.0) * (t - 3.0) * a
    return _vector(at, by_s + 2.0 * by_t, by_s - 3.0 * by_t)


def _goldstein_hessian(at: Array) -> Array:
    s, t, a, b = _goldstein_parts(at)
    ss = 12.0 * (s * (3.0 * s - 4.0) - 1.0) * b
    st = 144.0 * (s - 2.0) * (s * s - 1.0) * t * (t - 1.0) * (t - 3.0)
    tt = 12.0 * (t * (3.0 * t - 8.0) + 3.0) * a
    return _matrix(at, ss + 4.0 * st + 4.0 * tt, ss - st - 6.0 * tt, ss - 6.0 * st + 9.0 * tt)


# saddle: x² − y²


def _saddle(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    return x * x - y * y


def _saddle_gradient(at: Array) -> Array:
    return _vector(at, 2.0 * at[..., 0], -2.0 * at[..., 1])


def _saddle_hessian(at: Array) -> Array:
    return _matrix(at, 2.0, 0.0, -2.0)


# plateau: 1 − exp(−(x² + y²) / 4). The slope decays like a Gaussian: 0.4 at most, 2e-5 at seven units from the minimum.


def _plateau(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    result: Array = -np.expm1(-0.25 * (x * x + y * y))
    return result


def _plateau_gradient(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    well = np.exp(-0.25 * (x * x + y * y))
    return 0.5 * well[..., None] * at


def _plateau_hessian(at: Array) -> Array:
    x, y = at[..., 0], at[..., 1]
    well = np.exp(-0.25 * (x * x + y * y))
    across, along = 0.25 * well * x, 0.25 * well * y  # before the second factor: x² may overflow where the well is 0
    return _matrix(at, 0.5 * well - across * x, -across * y, 0.5 * well - along * y)


# The lowest root of 4 t³ − 32 t + 5, and the four points where both squares of Himmelblau's function are 0.
_STYBLINSKI = -2.903534027771177
_HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)

# An entry is name, title and functions; plotted area, start and minima; source; note.
# fmt: off
SURFACES: dict[str, Surface] = {each.name: each for each in (
    Surface("bowl", "x² + y²",
            _bowl, _bowl_gradient, _bowl_hessian,
            bounds=(-5.0, 5.0, -5.0, 5.0), start=(-3.5, 2.5), minima=((0.0, 0.0),), descent_lr=0.1,
            source="The sphere: De Jong 1975, F1, here in two variables",
            note="The easiest surface: plain descent walks straight in, Adam cuts the corner and overshoots."),
    Surface("ravine", "(x² + 50 y²) / 2",
            _ravine, _ravine_gradient, _ravine_hessian,
            bounds=(-5.0, 5.0, -2.5, 2.5), start=(-4.0, 1.5), minima=((0.0, 0.0),), descent_lr=0.035,
            source="A quadratic of condition number 50, as in Goh 2017, Why Momentum Really Works",
            note="50 times steeper across than along: descent zigzags, momentum and Adam hardly do."),
    Surface("rosenbrock", "(1 − x)² + 100 (y − x²)²",
            _rosenbrock, _rosenbrock_gradient, _rosenbrock_hessian,
            bounds=(-2.0, 2.0, -1.0, 3.0), start=(-1.5, 2.0), minima=((1.0, 1.0),), descent_lr=5e-4,
            source="Rosenbrock 1960, An automatic method for finding the greatest or least value of a function",
            note="A curved, narrow valley: easy to find, slow to follow."),
    Surface("beale", "Beale",
            _beale, _beale_gradient, _beale_hessian,
            bounds=(-4.5, 4.5, -4.5, 4.5), start=(-1.5, -1.5), minima=((3.0, 0.5),), descent_lr=0.005,
            source="Beale 1958, On an iterative method for finding a local minimum",
            note="Flat in the middle, steep at the corners: one learning rate does not fit both."),
    Surface("himmelblau", "(x² + y − 11)² + (x + y² − 7)²",
            _himmelblau, _himmelblau_gradient, _himmelblau_hessian,
            bounds=(-6.0, 6.0, -6.0, 6.0), start=(0.0, -1.0), minima=_HIMMELBLAU, descent_lr=0.01,
            source="Himmelblau 1972, Applied Nonlinear Programming",
            note="Four equal minima: which one is reached depends on the optimizer."),
    Surface("rastrigin", "20 + x² + y² − 10 cos(2πx) − 10 cos(2πy)",
            _rastrigin, _rastrigin_gradient, _rastrigin_hessian,
            bounds=(-5.12, 5.12, -5.12, 5.12), start=(-4.5, 4.2), minima=((0.0, 0.0),), descent_lr=0.002,
            source="Rastrigin 1974, Systems of Extremal Control",
            note="A bowl full of dents: small steps stay in the first one, large steps jump a few."),
    Surface("ackley", "Ackley",
            _ackley, _ackley_gradient, _ackley_hessian,
            bounds=(-5.0, 5.0, -5.0, 5.0), start=(-4.5, 1.0), minima=((0.0, 0.0),), descent_lr=0.01,
            source="Ackley 1987, A Connectionist Machine for Genetic Hillclimbing",
            note="A dented plain around a sharp hole: momentum or large steps roll through the dents."),
    Surface("three-hump-camel", "2 x² − 1.05 x⁴ + x⁶ / 6 + x y + y²",
            _camel, _camel_gradient, _camel_hessian,
            bounds=(-2.5, 2.5, -2.5, 2.5), start=(-2.25, -2.0), minima=((0.0, 0.0),), descent_lr=0.02,
            source="Branin 1972; Jamil & Yang 2013, A literature survey of benchmark functions",
            note="Two shallow side valleys catch a lane that comes in too slowly."),
    Surface("styblinski-tang", "(x⁴ − 16 x² + 5 x + y⁴ − 16 y² + 5 y) / 2",
            _styblinski, _styblinski_gradient, _styblinski_hessian,
            bounds=(-5.0, 5.0, -5.0, 5.0), start=(0.0, 4.5), minima=((_STYBLINSKI, _STYBLINSKI),), descent_lr=0.01,
            source="Styblinski & Tang 1990, Experiments in nonconvex optimization",
            note="Four valleys of different depth: the nearest is not the lowest."),
    Surface("goldstein-price", "Goldstein–Price",
            _goldstein, _goldstein_gradient, _goldstein_hessian,
            bounds=(-2.0, 2.0, -3.0, 1.0), start=(-0.5, 0.5), minima=((0.0, -1.0),), descent_lr=1e-5,
            source="Goldstein & Price 1971, On descent from local minima",
            note="Values from 3 to 3.5 million: the gradient's size means little, its sign a lot."),
    Surface("saddle", "x² − y²",
            _saddle, _saddle_gradient, _saddle_hessian,
            bounds=(-4.0, 4.0, -4.0, 4.0), start=(-3.0, 0.01), minima=(), descent_lr=0.05,
            source="The hyperbolic paraboloid; Dauphin et al. 2014 on saddle points in high dimensions",
            note="Flat at the origin and no minimum: which lane leaves first, and along which axis?"),
    Surface("plateau", "1 − exp(−(x² + y²) / 4)",
            _plateau, _plateau_gradient, _plateau_hessian,
            bounds=(-5.0, 5.0, -5.0, 5.0), start=(-3.5, 2.5), minima=((0.0, 0.0),), descent_lr=1.0,
            source="Welsch's loss (Dennis & Welsch 1978; Barron 2019) of the distance from the origin, c = √2",
            note="Far out the slope all but vanishes: descent waits, Adam divides by it and walks on."),
    Surface("reddi", "Slope 3, −1, −1 by turns, and walls",
            reddi.loss, reddi.gradient, reddi.hessian,
            bounds=(-2.0, 2.0, -1.5, 1.5), start=(0.0, 1.0), minima=((-1.1, 0.0),), descent_lr=0.05,
            source="Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond, theorem 1; walls for its [−1, 1]",
            note="One step in three pulls to the minimum, two push away: with a short memory Adam loses its way.",
            gradient_at=reddi.gradient_at, loss_at=reddi.loss_at),
)}
# fmt: on


# The formulas of surfaces whose title is a name, as `expression.parse_function` reads them.
FORMULAS: Mapping[str, str] = {
    "beale": "(1.5 − x + x y)² + (2.25 − x + x y²)² + (2.625 − x + x y³)²",
    "ackley": "20 + e − 20 exp(−sqrt((x² + y²) / 50)) − exp((cos(2πx) + cos(2πy)) / 2)",
    "goldstein-price": "(1 + (x + y + 1)² (19 − 14 x + 3 x² − 14 y + 6 x y + 3 y²)) * "
    "(30 + (2 x − 3 y)² (18 − 32 x + 12 x² + 48 y − 36 x y + 27 y²))",
    "reddi": "x / 3 + 5 max(|x| − 1, 0)² / 3 + y² / 2 + 0.35",
}


def formula(surface: Surface) -> str:
    """The surface's formula, which may be typed. For Reddi's surface it is that of the mean loss."""
    return FORMULAS.get(surface.name, surface.title)
