"""PyTorch source texts: each built-in surface as a loss, and the optimizers that torch.optim lacks.

They are texts because the engine never imports torch; the tests run them. The losses have their usual form, or the
engine's where the usual form loses digits near a minimum. A new surface needs its loss here. The optimizers of the last
years are in `pytorch_recent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adam_tui.engine.pytorch_recent import RECENT

# The last lines of `def f(p)`, after `x, y = p`. A surface with a gradient per step (Surface.gradient_at) has
# `def f(p, step=None)`, where None is the mean over the steps.
LOSSES: Mapping[str, str] = MappingProxyType(
    {
        "bowl": "return x**2 + y**2",
        "ravine": "return (x**2 + 50 * y**2) / 2",
        "rosenbrock": "return (1 - x) ** 2 + 100 * (y - x**2) ** 2",
        "beale": """\
a = 1.5 + x * (y - 1)
b = 2.25 + x * (y**2 - 1)
c = 2.625 + x * (y**3 - 1)
return a**2 + b**2 + c**2""",
        "himmelblau": "return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2",
        "rastrigin": """\
# 1 - cos(2t) = 2 sin(t)²: written so, the loss keeps its digits near its minimum, 0.
return x**2 + y**2 + 20 * torch.sin(torch.pi * x) ** 2 + 20 * torch.sin(torch.pi * y) ** 2""",
        "ackley": """\
# expm1(t) = exp(t) - 1: written so, the loss keeps its digits near its minimum, 0.
# The origin is the tip of a cone and has no slope; vector_norm gives 0 there, a square root would give nan.
cone = 20 * torch.expm1(-torch.linalg.vector_norm(p) / 50**0.5)
waves = torch.e * torch.expm1(-torch.sin(torch.pi * x) ** 2 - torch.sin(torch.pi * y) ** 2)
return -cone - waves""",
        "three-hump-camel": "return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2",
        "styblinski-tang": "return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2",
        "goldstein-price": """\
s, t = x + y, 2 * x - 3 * y
a = 1 + (s + 1) ** 2 * (19 - 14 * s + 3 * s**2)
b = 30 + t**2 * (18 - 16 * t + 3 * t**2)
return a * b""",
        "saddle": "return x**2 - y**2",
        "plateau": "return -torch.expm1(-(x**2 + y**2) / 4)",
        "reddi": """\
# One step in three pulls to the minimum, two push away; their mean pulls.
slope = 1 / 3 if step is None else 3 if step % 3 == 1 else -1
beyond = x - torch.clamp(x, -1, 1)  # the walls
return slope * x + 5 / 3 * beyond**2 + y**2 / 2 + 0.35""",
    }
)

# Optimizers written out, by the engine's name: class name and source. For lanes that torch.optim cannot compute.
BY_HAND: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "lion": (
            "Lion",
            '''\
class Lion(torch.optim.Optimizer):
    """Steps of one size, along the sign of a smoothed gradient (Chen et al. 2023). torch.optim has no Lion."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].get("m", torch.zeros_like(p))
                direction = torch.sign(beta1 * m + (1 - beta1) * p.grad)
                self.state[p]["m"] = beta2 * m + (1 - beta2) * p.grad
                p -= group["lr"] * (direction + group["weight_decay"] * p)
''',
        ),
        "adam": (
            "Adam",
            '''\
class Adam(torch.optim.Optimizer):
    """Adam with a switch for its bias correction, which torch.optim.Adam cannot leave out (Kingma & Ba 2015)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, bias_correction=True):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, values | {"bias_correction": bias_correction})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                t, m, v = self.state[p].get("moments", (0, torch.zeros_like(p), torch.zeros_like(p)))
                g = p.grad + group["weight_decay"] * p
                t, m, v = t + 1, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
                self.state[p]["moments"] = t, m, v
                if group["bias_correction"]:  # both averages start at 0 and would be too small at first
                    m, v = m / (1 - beta1**t), v / (1 - beta2**t)
                p -= group["lr"] * m / (v.sqrt() + group["eps"])
''',
        ),
        "momentum": (
            "Momentum",
            '''\
class Momentum(torch.optim.Optimizer):
    """SGD with momentum. By hand, as torch.optim.SGD does not keep its velocity up to date while momentum is 0."""

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0):
        values = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, values)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            mu = group["momentum"]
            share = 1 - group["dampening"] if mu else 1
            for p in group["params"]:
                g = p.grad + group["weight_decay"] * p
                b = self.state[p].get("b")
                self.state[p]["b"] = b = g if b is None else mu * b + share * g
                p -= group["lr"] * b
''',
        ),
        "rmsprop": (
            "RMSprop",
            '''\
class RMSprop(torch.optim.Optimizer):
    """RMSprop. By hand, as torch.optim.RMSprop cannot turn on momentum or centered on the way."""

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
        values = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, values | {"momentum": momentum, "centered": centered})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            rho = group["alpha"]
            for p in group["params"]:
                v, mean, b = self.state[p].get("averages", (torch.zeros_like(p),) * 3)
                g = p.grad + group["weight_decay"] * p
                v, mean = rho * v + (1 - rho) * g**2, rho * mean + (1 - rho) * g
                spread = (v - mean**2 if group["centered"] else v).sqrt() + group["eps"]
                b = group["momentum"] * b + g / spread
                self.state[p]["averages"] = v, mean, b
                p -= group["lr"] * b
''',
        ),
        "armijo": (
            "Armijo",
            '''\
class Armijo(torch.optim.Optimizer):
    """Gradient descent whose steps are shortened until the loss falls enough (Armijo 1966). torch.optim has none."""

    def __init__(self, params, lr=1.0, c1=1e-4, shrink=0.5):
        super().__init__(params, {"lr": lr, "c1": c1, "shrink": shrink})

    def step(self, loss):
        (group,) = self.param_groups
        (p,) = group["params"]
        begin = loss(p)
        (g,) = torch.autograd.grad(begin, p)
        with torch.no_grad():
            t = group["lr"]
            for _ in range(100):
                if loss(p - t * g) <= begin - group["c1"] * t * g.dot(g):
                    p -= t * g
                    return
                t *= group["shrink"]
''',
        ),
        "newton": (
            "Newton",
            '''\
class Newton(torch.optim.Optimizer):
    """Newton's method, damped by a factor and by a term on the Hessian's diagonal. torch.optim has none."""

    def __init__(self, params, lr=1.0, damping=0.0, saddle_free=False):
        super().__init__(params, {"lr": lr, "damping": damping, "saddle_free": saddle_free})

    def step(self, loss):
        (group,) = self.param_groups
        (p,) = group["params"]
        (g,) = torch.autograd.grad(loss(p), p)
        H = torch.autograd.functional.hessian(loss, p)
        if group["saddle_free"]:  # the sizes of the curvatures, without their signs
            curvatures, axes = torch.linalg.eigh(H)
            H = axes @ curvatures.abs().diag() @ axes.T
        with torch.no_grad():
            # solve_ex gives inf without curvature, where solve would raise.
            p -= group["lr"] * torch.linalg.solve_ex(H + group["damping"] * torch.eye(2), g).result
''',
        ),
        "bfgs": (
            "BFGS",
            '''\
class BFGS(torch.optim.Optimizer):
    """BFGS with the line search of torch.optim.LBFGS, which keeps pairs in place of the matrix."""

    def __init__(self, params, lr=1.0, c1=1e-4, c2=0.9, tolerance_grad=1e-7):
        super().__init__(params, {"lr": lr, "c1": c1, "c2": c2, "tolerance_grad": tolerance_grad})

    def step(self, loss):
        (group,) = self.param_groups
        (p,) = group["params"]

        def evaluate(x, t, d):
            q = (x + t * d).requires_grad_()
            value = loss(q)
            return value.item(), torch.autograd.grad(value, q)[0]

        x = p.detach().clone()
        value, g = evaluate(x, 0.0, torch.zeros(2))
        state = self.state[p]
        if state:
            B, scaled = self.estimate(state["s"], g - state["g"], state["B"], state["scaled"])
            t = group["lr"]
        else:
            B, scaled = torch.eye(2), False
            t = min(1.0, 1.0 / g.abs().sum().item()) * group["lr"]
        s = torch.zeros(2)
        if g.abs().max() > group["tolerance_grad"]:
            d = -B @ g
            found = _strong_wolfe(evaluate, x, t, d, value, g, g.dot(d), c1=group["c1"], c2=group["c2"])
            s = found[2] * d
        state.update(s=s, g=g, B=B, scaled=scaled)
        with torch.no_grad():
            p += s

    def estimate(self, s, y, B, scaled):
        """The inverse Hessian after a step s along which the gradient changed by y."""
        ys = y.dot(s)
        if s.any() and y.any():
            if not scaled and ys != 0:
                B = ys.abs() / y.dot(y) * B
            scaled = True
            yBy = y.dot(B @ y)
            if ys > 1e-8 * yBy:
                By = B @ y
                B = B + (ys + yBy) / ys**2 * torch.outer(s, s) - (torch.outer(By, s) + torch.outer(s, By)) / ys
        return B, scaled
''',
        ),
        "sophia": (
            "Sophia",
            '''\
class Sophia(torch.optim.Optimizer):
    """The averaged gradient over the averaged curvature, clipped (Liu et al. 2023); here with the exact Hessian."""

    def __init__(self, params, lr=1e-2, betas=(0.96, 0.99), rho=0.01, eps=1e-12, weight_decay=0.0, update_period=10):
        values = {"lr": lr, "betas": betas, "rho": rho, "eps": eps}
        super().__init__(params, values | {"weight_decay": weight_decay, "update_period": update_period})

    def step(self, loss):
        (group,) = self.param_groups
        (p,) = group["params"]
        beta1, beta2 = group["betas"]
        t, m, h = self.state[p].get("averages", (0, torch.zeros_like(p), torch.zeros_like(p)))
        (g,) = torch.autograd.grad(loss(p), p)
        m = beta1 * m + (1 - beta1) * g
        if t % group["update_period"] == 0:
            h = beta2 * h + (1 - beta2) * torch.autograd.functional.hessian(loss, p).diag()
        self.state[p]["averages"] = t + 1, m, h
        with torch.no_grad():
            d = (m / (group["rho"] * h).clamp(min=group["eps"])).clamp(-1, 1)
            p -= group["lr"] * (d + group["weight_decay"] * p)
''',
        ),
    }
    | dict(RECENT)
)
