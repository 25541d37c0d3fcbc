"""The engine's optimizer names as torch optimizers, plus Lion and Muon, whose settings can change while they run.

A new optimizer is a line in `RULES`, and a table entry in `runs.recipes`. torch.optim is used wherever it has the
rule, fused where it has one kernel for all weights: on 2 CPU cores a fused Adam step of this network takes 0.09 ms, a
plain one 0.19 ms. In float64 every rule but NAdam's equals the engine's to 1e-12 (tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from adam_tui.engine.rule import PARTS
from adam_tui.training.fast import optimizers as fast_optimizers


class TrainingOptimizer(Protocol):
    """The part of torch.optim.Optimizer's interface that training uses."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The weights, and the hyperparameters of the next step."""

    def step(self) -> None:
        """Move every weight by its gradient."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, besides the weights."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the result of `state_dict`."""


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
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # torch's takes a closure, returns a loss
        """One step over all weights at once: a handful of kernels on a GPU, however many tensors there are."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            for weight in weights:
                if "exp_avg" not in self.state[weight]:
                    self.state[weight]["exp_avg"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
            momenta = [self.state[weight]["exp_avg"] for weight in weights]
            # This gradient weighs more in the direction of the step than in the momentum that is kept.
            directions = torch._foreach_lerp(momenta, gradients, 1 - beta1)
            torch._foreach_sign_(directions)
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, directions, alpha=-group["lr"])
            torch._foreach_lerp_(momenta, gradients, 1 - beta2)


# Our name: the class, and the arguments that make it that rule. A fused step has one kernel for all tensors.
RULES: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {"fused": True}),
    "momentum": (torch.optim.SGD, {"fused": True}),
    "nesterov": (torch.optim.SGD, {"fused": True}),
    "asgd": (torch.optim.ASGD, {}),
    "rprop": (torch.optim.Rprop, {}),
    "adagrad": (torch.optim.Adagrad, {}),
    "adadelta": (torch.optim.Adadelta, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {"fused": True}),
    "amsgrad": (torch.optim.Adam, {"fused": True, "amsgrad": True}),
    "adamw": (torch.optim.Adam, {"fused": True, "decoupled_weight_decay": True}),
    "adamax": (torch.optim.Adamax, {}),
    "nadam": (torch.optim.NAdam, {}),
    "radam": (torch.optim.RAdam, {}),
    "adafactor": (torch.optim.Adafactor, {}),
    "lion": (Lion, {}),
}
FUSED_DEVICES = {"cpu", "cuda"}
FLAGS = {"nesterov", "centered", "decoupled_weight_decay"}
INTEGERS = {"ns_steps"}
# Adagrad reads it in its constructor only.
CONSTRUCTOR_ONLY = "initial_accumulator_value"


def build(
    name: str, network: nn.Module, hyperparameters: Mapping[str, float], *, fast: bool = True
) -> TrainingOptimizer:
    """The optimizer `name` over the network's weights, every hyperparameter by our name.

    The weights must be on their device already. Without `fast` the class is used as it is, see fast/README.md. Raises
    KeyError for an unknown name.
    """
    optimizer: TrainingOptimizer
    weights = list(network.parameters())
    if name == "muon":
        optimizer = Muon(weights, fast=fast)
    else:
        kind, arguments = RULES[name]
        options = dict(arguments)
        if weights[0].device.type not in FUSED_DEVICES:
            options.pop("fused", None)
        if CONSTRUCTOR_ONLY in hyperparameters:
            options[CONSTRUCTOR_ONLY] = hyperparameters[CONSTRUCTOR_ONLY]
        optimizer = fast_optimizers.build(kind, weights, **options) if fast else kind(weights, **options)
    for key, value in hyperparameters.items():
        if key != CONSTRUCTOR_ONLY:
            set_hyperparameter(optimizer, key, value)
    if name == "nesterov":  # after momentum: torch's constructor refuses the one without the other
        for group in optimizer.param_groups:
            group["nesterov"] = True
    return optimizer


def set_hyperparameter(optimizer: TrainingOptimizer, name: str, value: float) -> None:
    """Give one hyperparameter, by our name, a new value from the next step on.

    Raises ValueError when the optimizer does not have it or it cannot change any more.
    """
    started_rprop = isinstance(optimizer, torch.optim.Rprop) and bool(optimizer.state)
    if name == CONSTRUCTOR_ONLY or (started_rprop and name == "lr"):
        raise ValueError(f"{name} acts before the first step only")
    known = False
    for group in optimizer.param_groups:
        argument, place = PARTS.get(name, (name, 0))
        if argument != name and argument in group:
            parts = list(group[argument])
            parts[place] = value
            group[argument] = tuple(parts)
        elif name in group:
            group[name] = bool(value) if name in FLAGS else int(value) if name in INTEGERS else value
        else:
            continue  # Muon's group of vectors has no momentum
        known = True
    if not known:
        raise ValueError(f"this optimizer has no {name}")
    if isinstance(optimizer, torch.optim.RMSprop):
        _add_missing_state(optimizer)


def _add_missing_state(optimizer: torch.optim.RMSprop) -> None:
    """RMSprop creates its momentum and its mean gradient in the first step only: add them when switched on later."""
    for group in optimizer.param_groups:
        needed = {"momentum_buffer": group["momentum"] > 0, "grad_avg": group["centered"]}
        for weight in group["params"]:
            state: dict[str, Any] = optimizer.state.get(weight, {})
            for key in (key for key, wanted in needed.items() if state and wanted and key not in state):
                state[key] = torch.zeros_like(weight, memory_format=torch.preserve_format)


class Muon:
    """Muon on every weight matrix, AdamW on every bias (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

    torch.optim.Muon takes matrices only, so a convolution's filters (out, in, h, w) are passed to it as the matrix
    (out, in·h·w), as Jordan does: a view of the same memory. All three layers use Muon; Jordan leaves the first and
    the last of a deep network to AdamW, but here those are two of three. Its steps are scaled to the size of AdamW's
    ("match_rms_adamw", Liu et al. 2025, https://arxiv.org/abs/2502.16982), so one lr and one weight decay serve both.
    """

    def __init__(self, weights: list[nn.Parameter], *, fast: bool = True) -> None:
        self._weights = weights
        self._filters = [weight for weight in weights if weight.ndim > 1]
        self._matrices = [_as_matrix(weight.detach()) for weight in self._filters]
        vectors = [weight for weight in weights if weight.ndim <= 1]
        muon = fast_optimizers.unwrapped(torch.optim.Muon) if fast else torch.optim.Muon
        adamw = fast_optimizers.unwrapped(torch.optim.AdamW) if fast else torch.optim.AdamW
        self._muon = muon(self._matrices, adjust_lr_fn="match_rms_adamw")
        self._adamw = adamw(vectors, fused=weights[0].device.type in FUSED_DEVICES)
        # Without "eps": Muon's and AdamW's are different things, and neither is a knob.
        self.param_groups = self._muon.param_groups + self._adamw.param_groups

    def step(self) -> None:
        """Move every weight by its gradient."""
        for weight, matrix in zip(self._filters, self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
        self._muon.step()  # type: ignore[no-untyped-call]  # torch's has no annotations
        self._adamw.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self._weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Both optimizers' states."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the result of `state_dict`."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])
        # torch replaces its groups when it loads.
        self.param_groups = self._muon.param_groups + self._adamw.param_groups


def _as_matrix(weight: Tensor) -> Tensor:
    """(out, in, h, w) or (out, in) to (out, all the rest): a view when channels_last.

    The columns then run over h, w, in. Any order would do: orthogonalising commutes with permuting the columns.
    """
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight
