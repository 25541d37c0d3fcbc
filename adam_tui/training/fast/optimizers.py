"""torch's optimizers without the wrappers around their steps, and Adam's fused kernel called directly.

The arithmetic is torch's own, so every number stays the same. Change this file when a torch release changes its
wrappers; an unknown wrapper is left in place. See README.md in this folder for the figures and the proofs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)

# The code objects of torch's wrappers, by qualified name. They serve torch.compile, the profiler and automatic
# differentiation through a step. Training uses none of these, and no wrapper changes a number.
KNOWN_WRAPPERS = {
    "_use_grad_for_differentiable.<locals>._use_grad",
    "Optimizer.profile_hook_step.<locals>.wrapper",
    "_disable_dynamo.<locals>.inner",
    "context_decorator.<locals>.decorate_context",  # torch.no_grad()
}
WRAPPED_METHODS = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def build(kind: type[Kind], weights: list[nn.Parameter] | list[Tensor], **options: Any) -> Kind:
    """An optimizer of torch.optim's class `kind` with the shortest way to its arithmetic that works in this torch."""
    if kind is torch.optim.Adam and options.get("fused") and fused_kernel_matches():
        return cast("Kind", FusedAdam(weights, **options))
    return unwrapped(kind)(weights, **options)


def unwrapped(kind: type[Kind]) -> type[Kind]:
    """A subclass of one of torch's optimizers whose step is not wrapped; `kind` itself where a wrapper is unknown."""
    methods = [getattr(torch.optim.Optimizer, name) for name in WRAPPED_METHODS]
    if not all(_has_known_wrappers(method) for method in (*methods, kind.step)):
        return kind
    leave_the_compiler_out()
    return cast("type[Kind]", type(kind.__name__, (kind,), {"step": _without_profiler(_plain_step(kind))}))


def leave_the_compiler_out() -> None:
    """Let the methods of torch's base class not import torch's compiler, which takes as long as the rest of torch.

    torch looks in this place for the method that its compiler must not trace; the first call would put it there.
    """
    methods = [getattr(torch.optim.Optimizer, name) for name in WRAPPED_METHODS]
    if all(map(_has_known_wrappers, methods)):
        for method in map(inspect.unwrap, methods):
            method.__dict__["__dynamo_disable"] = method


def _has_known_wrappers(function: Callable[..., Any]) -> bool:
    while hasattr(function, "__wrapped__"):
        if function.__code__.co_qualname not in KNOWN_WRAPPERS:
            return False
        function = function.__wrapped__
    return True


def _plain_step(kind: type[torch.optim.Optimizer]) -> Callable[..., Any]:
    step: Callable[..., Any] = torch.no_grad()(inspect.unwrap(kind.step))
    return step


def _without_profiler(step: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a step as wrapped already, so that torch's constructor does not wrap it for its profiler."""
    step.__dict__["hooked"] = True
    return step


class FusedAdam(torch.optim.Adam):
    """torch's fused Adam with one call of its kernel a step; torch's own code creates and holds the state."""

    def __init__(self, weights: list[nn.Parameter] | list[Tensor], **options: Any) -> None:
        super().__init__(weights, **options)
        self._first_step = unwrapped(torch.optim.Adam).step

    def step(self, closure: None = None) -> None:  # type: ignore[override]  # torch's takes a closure and returns a loss
        """Move every weight by its gradient."""
        (group,) = self.param_groups
        weights = [weight for weight in group["params"] if weight.grad is not None]
        states = [self.state[weight] for weight in weights]
        if all(states):
            fused_adam_step(group, weights, states)
        else:
            self._first_step(self)  # creates the state


_without_profiler(FusedAdam.step)


@torch.no_grad()
def fused_adam_step(group: dict[str, Any], weights: Sequence[Tensor], states: list[dict[str, Any]]) -> None:
    """The same calls as torch.optim.Adam's fused step, for weights that have a state."""
    steps = [state["step"] for state in states]
    torch._foreach_add_(steps, 1)
    kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
    kernel(
        list(weights),
        [weight.grad for weight in weights],  # type: ignore[misc]  # torch types it as optional; the caller passes weights with one
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
def fused_kernel_matches() -> bool:
    """Whether `fused_adam_step` gives the numbers of torch's Adam, tried on five weights.

    The kernels' names and arguments are private to torch and may change with any release.
    """
    results = []
    kind = unwrapped(torch.optim.Adam)
    try:
        for direct in (False, True):
            weight = nn.Parameter(torch.linspace(-1, 1, 5))
            adam = kind([weight], lr=0.1, weight_decay=0.1, fused=True, amsgrad=True)
            for decoupled in (False, False, True):
                (group,) = adam.param_groups
                group["decoupled_weight_decay"] = decoupled
                weight.grad = weight.detach().cos()
                if direct and adam.state[weight]:
                    fused_adam_step(group, [weight], [adam.state[weight]])
                else:
                    adam.step()
            results.append([weight, *adam.state[weight].values()])
    except Exception:  # a changed signature may raise anything
        return False
    return all(map(torch.equal, *results))
