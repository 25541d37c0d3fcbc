"""PyTorch source texts of the optimizers of the last years, for the script of a race.

torch.optim has none of them (of Muon it has one that computes in bfloat16). Each class takes parameters of two entries,
the point, in the arguments of its authors; the steps are those of `recent_rules` and `tensor_rules`. The tests run the
texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# By the engine's name: class name and source, as in `pytorch_sources.BY_HAND`.
RECENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "lamb": (
            "LAMB",
            '''\
class LAMB(torch.optim.Optimizer):
    """Adam's direction at a length in proportion to the parameter's norm (You et al. 2020)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, bias_correction=True):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, values | {"bias_correction": bias_correction})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                t, m, v = self.state[p].get("moments", (0, torch.zeros_like(p), torch.zeros_like(p)))
                t, m, v = t + 1, beta1 * m + (1 - beta1) * p.grad, beta2 * v + (1 - beta2) * p.grad**2
                self.state[p]["moments"] = t, m, v
                if group["bias_correction"]:
                    m, v = m / (1 - beta1**t), v / (1 - beta2**t)
                r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                ratio = p.norm() / r.norm() if p.norm() and r.norm() else 1.0
                p -= group["lr"] * ratio * r
''',
        ),
        "adan": (
            "Adan",
            '''\
class Adan(torch.optim.Optimizer):
    """Adam with a look-ahead along the difference of the gradients (Xie et al. 2022)."""

    def __init__(self, params, lr=1e-3, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0.0, no_prox=False):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "no_prox": no_prox}
        super().__init__(params, values)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2, beta3 = group["betas"]
            decay = group["lr"] * group["weight_decay"]
            for p in group["params"]:
                g, zeros = p.grad.clone(), torch.zeros_like(p)
                t, m, v, n, last = self.state[p].get("averages", (0, zeros, zeros, zeros, g))
                t, m, v = t + 1, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * (g - last)
                n = beta3 * n + (1 - beta3) * (g + beta2 * (g - last)) ** 2
                self.state[p]["averages"] = t, m, v, n, g
                ahead = m / (1 - beta1**t) + beta2 * v / (1 - beta2**t)
                step = -group["lr"] * ahead / ((n / (1 - beta3**t)).sqrt() + group["eps"])
                p += (step - decay * p) / (1 if group["no_prox"] else 1 + decay)
''',
        ),
        "prodigy": (
            "Prodigy",
            '''\
class Prodigy(torch.optim.Optimizer):
    """Adam with a rate that it estimates itself, for one parameter (Mishchenko & Defazio 2024)."""

    def __init__(
        self, params, lr=1.0, betas=(0.9, 0.999), d0=1e-6, d_coef=1.0, eps=1e-8, weight_decay=0.0,
        use_bias_correction=False, safeguard_warmup=False,
    ):
        values = {"lr": lr, "betas": betas, "d0": d0, "d_coef": d_coef, "eps": eps, "weight_decay": weight_decay}
        flags = {"use_bias_correction": use_bias_correction, "safeguard_warmup": safeguard_warmup}
        super().__init__(params, values | flags)

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        (p,) = group["params"]
        (beta1, beta2), d0, zeros = group["betas"], group["d0"], torch.zeros_like(p)
        start = (0, zeros, zeros, p.clone(), 0.0, zeros, d0)
        t, m, v, p0, r, s, d = self.state[p].get("estimate", start)
        t, g = t + 1, p.grad
        rate = d * group["lr"]
        if group["use_bias_correction"]:
            rate *= (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        r = beta2**0.5 * r + d / d0 * rate * torch.dot(g, p0 - p).item()
        s = beta2**0.5 * s + d / d0 * (d if group["safeguard_warmup"] else rate) * g
        m, v = beta1 * m + d * (1 - beta1) * g, beta2 * v + d**2 * (1 - beta2) * g**2
        size = s.abs().sum().item()
        if size:
            d = max(d, group["d_coef"] * r / size)
            p -= rate * m / (v.sqrt() + d * group["eps"]) + rate * group["weight_decay"] * p
        self.state[p]["estimate"] = t, m, v, p0, r, s, d
''',
        ),
        "sf-sgd": (
            "ScheduleFreeSGD",
            '''\
class ScheduleFreeSGD(torch.optim.Optimizer):
    """Schedule-Free SGD (Defazio et al. 2024). The parameter is y, the result the average `self.state[p]["x"]`."""

    def __init__(
        self, params, lr=1.0, momentum=0.9, weight_decay=0.0, warmup_steps=0, r=0.0, weight_lr_power=2.0
    ):
        values = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "warmup_steps": warmup_steps}
        super().__init__(params, values | {"r": r, "weight_lr_power": weight_lr_power})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {"t": 0, "z": p.clone(), "x": p.clone(), "total": 0.0, "largest": 0.0}
                state["t"] += 1
                lr = group["lr"] * min(state["t"] / max(group["warmup_steps"], 1), 1)
                state["largest"] = max(state["largest"], lr)
                weight = state["t"] ** group["r"] * state["largest"] ** group["weight_lr_power"]
                state["total"] += weight
                c = weight / state["total"] if state["total"] else 0.0
                g = p.grad + group["weight_decay"] * p
                p += c * (state["z"] - p) + lr * (group["momentum"] * (1 - c) - 1) * g
                state["z"] -= lr * g
                state["x"] = (1 - c) * state["x"] + c * state["z"]
''',
        ),
        "sf-adamw": (
            "ScheduleFreeAdamW",
            '''\
class ScheduleFreeAdamW(torch.optim.Optimizer):
    """Schedule-Free AdamW (Defazio et al. 2024). The parameter is y, the result the average `self.state[p]["x"]`."""

    def __init__(
        self, params, lr=2.5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, warmup_steps=0, r=0.0,
        weight_lr_power=2.0,
    ):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "warmup_steps": warmup_steps}
        super().__init__(params, values | {"r": r, "weight_lr_power": weight_lr_power})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {"t": 0, "z": p.clone(), "x": p.clone(), "total": 0.0, "largest": 0.0, "v": 0 * p}
                state["t"] += 1
                lr = group["lr"] * min(state["t"] / max(group["warmup_steps"], 1), 1)
                state["largest"] = max(state["largest"], lr)
                weight = state["t"] ** group["r"] * state["largest"] ** group["weight_lr_power"]
                state["total"] += weight
                c = weight / state["total"] if state["total"] else 0.0
                state["v"] = beta2 * state["v"] + (1 - beta2) * p.grad**2
                v_hat = state["v"] / (1 - beta2 ** state["t"])
                u = p.grad / (v_hat.sqrt() + group["eps"]) + group["weight_decay"] * p
                p += c * (state["z"] - p) + lr * (beta1 * (1 - c) - 1) * u
                state["z"] -= lr * u
                state["x"] = (1 - c) * state["x"] + c * state["z"]
''',
        ),
        "ademamix": (
            "AdEMAMix",
            '''\
class AdEMAMix(torch.optim.Optimizer):
    """AdamW with a second, slow average of the gradients (Pagliardini et al. 2024)."""

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999, 0.9999), alpha=5.0, t_alpha_beta3=0, eps=1e-8, weight_decay=0.0
    ):
        values = {"lr": lr, "betas": betas, "alpha": alpha, "t_alpha_beta3": t_alpha_beta3, "eps": eps}
        super().__init__(params, values | {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2, beta3 = group["betas"]
            for p in group["params"]:
                zeros = torch.zeros_like(p)
                t, m1, m2, v = self.state[p].get("averages", (0, zeros, zeros, zeros))
                t, alpha, slow = t + 1, group["alpha"], beta3
                if t < group["t_alpha_beta3"]:  # the half-life, in proportion to 1 / log(beta), rises evenly
                    done = t / group["t_alpha_beta3"]
                    inverse = [1 / math.log(beta) if beta else 0.0 for beta in (beta1, beta3)]
                    half_life = (1 - done) * inverse[0] + done * inverse[1]
                    alpha, slow = done * alpha, min(math.exp(1 / half_life) if half_life else 0.0, beta3)
                m1, m2 = beta1 * m1 + (1 - beta1) * p.grad, slow * m2 + (1 - slow) * p.grad
                v = beta2 * v + (1 - beta2) * p.grad**2
                self.state[p]["averages"] = t, m1, m2, v
                mixed = (m1 / (1 - beta1**t) + alpha * m2) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
                p -= group["lr"] * (mixed + group["weight_decay"] * p)
''',
        ),
        "adopt": (
            "ADOPT",
            '''\
class ADOPT(torch.optim.Optimizer):
    """Adam that divides by the v of the steps before, and averages afterwards (Taniguchi et al. 2024)."""

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.9999), eps=1e-6, weight_decay=0.0, decoupled_weight_decay=False,
        clip=True,
    ):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "clip": clip}
        super().__init__(params, values | {"decoupled_weight_decay": decoupled_weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            apart = group["decoupled_weight_decay"]
            for p in group["params"]:
                g = p.grad if apart else p.grad + group["weight_decay"] * p
                if not self.state[p]:  # the first step only measures
                    self.state[p]["moments"] = 1, torch.zeros_like(p), g**2
                    continue
                t, m, v = self.state[p]["moments"]
                r = g / v.sqrt().clamp(min=group["eps"])
                if group["clip"]:
                    r = r.clamp(-(t**0.25), t**0.25)
                m = beta1 * m + (1 - beta1) * r
                self.state[p]["moments"] = t + 1, m, beta2 * v + (1 - beta2) * g**2
                p -= group["lr"] * (m + group["weight_decay"] * p if apart else m)
''',
        ),
        "soap": (
            "SOAP",
            '''\
class SOAP(torch.optim.Optimizer):
    """Adam along the eigenvectors of an average of g gᵀ (Vyas et al. 2024), for the point as a matrix of one row."""

    def __init__(
        self, params, lr=3e-3, betas=(0.95, 0.95), eps=1e-8, weight_decay=0.01, precondition_frequency=10,
        correct_bias=True,
    ):
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(
            params, values | {"precondition_frequency": precondition_frequency, "correct_bias": correct_bias}
        )

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                g, state = p.grad.clone(), self.state[p]
                if not state:  # the first step only sets the axes, the columns of Q
                    first = g / g.norm() if g.norm() else torch.tensor([1.0, 0.0])
                    Q = torch.stack([first, torch.stack([-first[1], first[0]])], dim=1)
                    state |= {"t": 0, "m": 0 * g, "v": 0 * g, "L": (1 - beta2) * torch.outer(g, g), "Q": Q}
                    continue
                state["t"] += 1
                t, Q = state["t"], state["Q"]
                state["m"] = beta1 * state["m"] + (1 - beta1) * g
                state["v"] = beta2 * state["v"] + (1 - beta2) * (Q.T @ g) ** 2
                lr = group["lr"]
                if group["correct_bias"]:
                    lr = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
                p -= lr * (Q @ ((Q.T @ state["m"]) / (state["v"].sqrt() + group["eps"])))
                p -= group["lr"] * group["weight_decay"] * p
                state["L"] = beta2 * state["L"] + (1 - beta2) * torch.outer(g, g)
                if t % group["precondition_frequency"] == 0:
                    L = state["L"]
                    order = (Q * (L @ Q)).sum(dim=0).argsort(descending=True)
                    state["v"], state["Q"] = state["v"][order], torch.linalg.qr(L @ Q[:, order])[0]
''',
        ),
        "muon": (
            "Muon",
            '''\
class Muon(torch.optim.Optimizer):
    """Muon on the point as a matrix of one row (Jordan et al. 2024). torch.optim.Muon iterates in bfloat16."""

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_steps=5):
        values = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, values | {"nesterov": nesterov, "ns_steps": ns_steps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            mu = group["momentum"]
            for p in group["params"]:
                b = self.state[p]["b"] = mu * self.state[p].get("b", torch.zeros_like(p)) + (1 - mu) * p.grad
                u = (1 - mu) * p.grad + mu * b if group["nesterov"] else b
                matrix = (u / u.norm().clamp(min=1e-7)).reshape(1, 2)
                for _ in range(group["ns_steps"]):  # towards singular values of about 1
                    A = matrix @ matrix.T
                    matrix = 3.4445 * matrix + (-4.7750 * A + 2.0315 * A @ A) @ matrix
                p -= group["lr"] * (matrix.reshape(2) + group["weight_decay"] * p)
''',
        ),
    }
)
