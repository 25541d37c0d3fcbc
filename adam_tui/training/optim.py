"""The engine's optimizer names as torch optimizers, plus Lion and Muon; hyperparameters can be turned while they run.

torch.optim wherever it has the rule, fused where it has one kernel for all weights: on 2 CPU cores a fused Adam step of
this network takes 0.09 ms, a plain one 0.19 ms. In float64 every rule but NAdam's equals the engine's to 1e-12 (tests).

Nothing here is compiled, so torch's optimizers are used without what they do for torch.compile: they load its half of
torch, which takes as long as the rest of it, and wrap every step. See `plain`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn


class TrainingOptimizer(Protocol):
    """What the training loop asks of an optimizer: torch.optim.Optimizer's own surface, as far as it is used."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The weights, and the hyperparameters that the next step goes by."""

    def step(self) -> None:
        """Move every weight by its gradient."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, besides the weights."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""


Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def plain(kind: type[Kind]) -> type[Kind]:
    """One of torch's optimizers, the same in every number, without what is there for torch.compile and the profiler.

    Where torch is made otherwise within, it is at worst torch's own.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        method = inspect.unwrap(getattr(torch.optim.Optimizer, name))
        method.__dict__["__dynamo_disable"] = method  # where torch keeps what the compiler made of it

    step = torch.no_grad()(inspect.unwrap(kind.step))
    step.__dict__["hooked"] = True  # so that torch does not wrap it for the profiler
    return cast("type[Kind]", type(kind.__name__, (kind,), {"step": step}))


class Adam:
    """torch's fused Adam without the Python around its one kernel; state and numbers are torch's, bit for bit.

    In the midst of a training step, where the caches hold other things, that Python took 0.2 to 0.3 ms: five times as
    long as the kernel, and a tenth of the step.
    """

    def __init__(self, weights: list[nn.Parameter], **options: Any) -> None:
        self._torch = plain(torch.optim.Adam)(weights, **options)
        self._direct = bool(options.get("fused")) and _kernel_is_known()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The weights and hyperparameters."""
        return self._torch.param_groups

    def step(self) -> None:
        """Move every weight by its gradient."""
        (group,) = self.param_groups
        weights = [weight for weight in group["params"] if weight.grad is not None]
        states = [self._torch.state[weight] for weight in weights]
        if self._direct and all(states):
            _fused_step(group, weights, states)
        else:  # torch makes the state at its first step
            self._torch.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._torch.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, besides the weights: torch's own."""
        return self._torch.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self._torch.load_state_dict(state_dict)


@torch.no_grad()
def _fused_step(group: dict[str, Any], weights: Sequence[Tensor], states: list[dict[str, Any]]) -> None:
    """What torch.optim.Adam does at a fused step, the first one apart."""
    steps = [state["step"] for state in states]
    torch._foreach_add_(steps, 1)
    kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
    kernel(
        list(weights),
        [weight.grad for weight in weights],  # type: ignore[misc]  # only those that have one
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
        steps,
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=group["amsgrad"],
        maximize=False,
    )


@functools.cache
def _kernel_is_known() -> bool:
    """Whether `_fused_step` does what this torch does, tried once on five numbers: its kernels' names are private."""
    ends = []
    try:
        for ours in (False, True):
            weight = nn.Parameter(torch.linspace(-1, 1, 5))
            adam = plain(torch.optim.Adam)([weight], lr=0.1, weight_decay=0.1, fused=True, amsgrad=True)
            for decoupled in (False, False, True):
                (group,) = adam.param_groups
                group["decoupled_weight_decay"] = decoupled
                weight.grad = weight.detach().cos()
                if ours and adam.state[weight]:
                    _fused_step(group, [weight], [adam.state[weight]])
                else:
                    adam.step()
            ends.append([weight, *adam.state[weight].values()])
    except Exception:  # whatever a changed signature raises
        return False
    return all(map(torch.equal, *ends))


# Our name: the class, and the arguments that make it that rule. Fused ones have one kernel for all tensors.
RULES: dict[str, tuple[Callable[..., TrainingOptimizer], dict[str, Any]]] = {
    "sgd": (plain(torch.optim.SGD), {"fused": True}),
    "momentum": (plain(torch.optim.SGD), {"fused": True}),
    "nesterov": (plain(torch.optim.SGD), {"fused": True}),
    "adagrad": (plain(torch.optim.Adagrad), {}),
    "adadelta": (plain(torch.optim.Adadelta), {}),
    "rmsprop": (plain(torch.optim.RMSprop), {}),
    "adam": (Adam, {"fused": True}),
    "amsgrad": (Adam, {"fused": True, "amsgrad": True}),
    "adamw": (Adam, {"fused": True, "decoupled_weight_decay": True}),
    "adamax": (plain(torch.optim.Adamax), {}),
    "nadam": (plain(torch.optim.NAdam), {}),
    "radam": (plain(torch.optim.RAdam), {}),
}
BETAS = {"beta1": 0, "beta2": 1}
FLAGS = {"nesterov", "centered", "decoupled_weight_decay"}
WHOLE = {"ns_steps"}
# Adagrad reads it when it is made, never again.
ONCE = "initial_accumulator_value"


def build(name: str, network: nn.Module, hyperparameters: Mapping[str, float]) -> TrainingOptimizer:
    """The optimizer `name` over the network's weights, every hyperparameter by our name. KeyError for an unknown name.

    The weights must be on their device already.
    """
    optimizer: TrainingOptimizer
    weights = list(network.parameters())
    if name == "lion":
        optimizer = Lion(weights)
    elif name == "muon":
        optimizer = Muon(weights)
    else:
        kind, fixed = RULES[name]
        options = dict(fixed)
        if weights[0].device.type not in ("cpu", "cuda"):
            options.pop("fused", None)
        if ONCE in hyperparameters:
            options[ONCE] = hyperparameters[ONCE]
        optimizer = kind(weights, **options)
    for key, value in hyperparameters.items():
        if key != ONCE:
            set_hyperparameter(optimizer, key, value)
    if name == "nesterov":  # after momentum: torch's constructor refuses the one without the other
        for group in optimizer.param_groups:
            group["nesterov"] = True
    return optimizer


def set_hyperparameter(optimizer: TrainingOptimizer, name: str, value: float) -> None:
    """Give one hyperparameter, by our name, a new value from the next step on. ValueError when there is no such one."""
    if name == ONCE:
        raise ValueError(f"{name} acts before the first step only")
    known = False
    for group in optimizer.param_groups:
        if name in BETAS and "betas" in group:
            betas = list(group["betas"])
            betas[BETAS[name]] = value
            group["betas"] = tuple(betas)
        elif name in group:
            group[name] = bool(value) if name in FLAGS else int(value) if name in WHOLE else value
        else:
            continue  # Muon's group of vectors has no momentum
        known = True
    if not known:
        raise ValueError(f"this optimizer has no {name}")
    if isinstance(optimizer, torch.optim.RMSprop):
        _complete_state(optimizer)


def _complete_state(optimizer: torch.optim.RMSprop) -> None:
    """RMSprop makes its momentum and its mean gradient at the first step only: supply them when switched on later."""
    for group in optimizer.param_groups:
        needed = {"momentum_buffer": group["momentum"] > 0, "grad_avg": group["centered"]}
        for weight in group["params"]:
            state: dict[str, Any] = optimizer.state.get(weight, {})
            for key in (key for key, wanted in needed.items() if state and wanted and key not in state):
                state[key] = torch.zeros_like(weight, memory_format=torch.preserve_format)


class Lion(torch.optim.Optimizer):
    """Lion: steps of one size, along the sign of a momentum; weight decay decoupled.

    Chen et al. 2023, "Symbolic discovery of optimization algorithms", Algorithm 2.
    """

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step over all weights at once: a handful of kernels on a GPU, whatever the number of tensors."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            for weight in weights:
                if "exp_avg" not in self.state[weight]:
                    self.state[weight]["exp_avg"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
            momenta = [self.state[weight]["exp_avg"] for weight in weights]
            # The direction leans more on this gradient than the momentum does that is kept.
            directions = torch._foreach_lerp(momenta, gradients, 1 - beta1)
            torch._foreach_sign_(directions)
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, directions, alpha=-group["lr"])
            torch._foreach_lerp_(momenta, gradients, 1 - beta2)


class Muon:
    """Muon on every weight matrix, AdamW on every bias (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

    torch.optim.Muon takes matrices only, so a convolution's filters (out, in, h, w) are given to it as the matrix
    (out, in·h·w), as Jordan does: a view of the same memory. All three layers go to Muon; Jordan leaves the first
    and the last of a deep network to AdamW, but here those are two of three. Its steps are scaled to the size of
    AdamW's ("match_rms_adamw", Liu et al. 2025, https://arxiv.org/abs/2502.16982), so one lr and one weight decay
    serve both.
    """

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self._weights = weights
        self._filters = [weight for weight in weights if weight.ndim > 1]
        self._matrices = [_as_matrix(weight.detach()) for weight in self._filters]
        vectors = [weight for weight in weights if weight.ndim <= 1]
        fused = weights[0].device.type in ("cpu", "cuda")
        self._muon = plain(torch.optim.Muon)(self._matrices, adjust_lr_fn="match_rms_adamw")
        self._adamw = plain(torch.optim.AdamW)(vectors, fused=fused)
        # Not "eps": Muon's and AdamW's are different things, and neither is a knob.
        self.param_groups = self._muon.param_groups + self._adamw.param_groups

    def step(self) -> None:
        """Move every weight by its gradient."""
        for weight, matrix in zip(self._filters, self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self._weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Both optimizers' states."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])
        # torch replaces its groups when it loads.
        self.param_groups = self._muon.param_groups + self._adamw.param_groups


def _as_matrix(weight: Tensor) -> Tensor:
    """(out, in, h, w) or (out, in) to (out, all the rest): a view when channels_last.

    The columns then run over h, w, in. Any order would do: orthogonalising commutes with permuting the columns.
    """
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight
