"""An optimizer class of the user in the training loop: closures, train and eval modes, checkpoints of its state.

The class is called as its authors call it. Its step gets a closure if it needs one, gradients that stay differentiable
if it needs those, and `train` and `eval` around every use of the weights if it has them.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import typed
from adam_tui.training import user_code
from adam_tui.training.user_code import UserCodeError

# The needs of a step besides `grad`: nothing, a closure, or gradients with a graph, for second derivatives.
Needs = Literal["gradients", "closure", "graph"]
Closure = Callable[[], Tensor]
PLAIN = (bool, int, float, str, type(None))


class UserOptimizer:
    """An object of the user's class over a network's weights. Raises UserCodeError, as its methods do.

    `gradients` computes the loss of one batch and leaves the gradients in the weights' `grad`; with True they keep
    their graph. It is used to find out what a step needs, on a copy of the network, so that no weight moves. `kind` is
    the class, if it is imported already.
    """

    def __init__(
        self,
        reference: ClassReference,
        network: nn.Module,
        values: Mapping[str, Any],
        probe: Callable[[nn.Module, bool], Tensor],
        kind: type[torch.optim.Optimizer] | None = None,
    ) -> None:
        self.reference = reference
        self._kind = user_code.load(reference) if kind is None else kind
        self._parameters = {parameter.name: parameter for parameter in user_code.signature(self._kind)}
        self._weights = list(network.parameters())
        self._values = values
        self.inner = user_code.make(self._kind, self._weights, values, reference)
        self.needs: Needs = self._find_needs(network, probe)
        self.has_modes = all(callable(getattr(self.inner, name, None)) for name in ("train", "eval"))
        self._constructed = self._attributes()
        self._set_mode("train")

    @property
    def label(self) -> str:
        """The name of the class."""
        return self.reference.label

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The weights, and the hyperparameters of the next step."""
        return self.inner.param_groups

    @property
    def calls(self) -> list[str]:
        """The needs of a step besides the gradients, as in RunSpec."""
        needs: list[str] = [] if self.needs == "gradients" else [self.needs]
        return needs + (["modes"] if self.has_modes else [])

    # Steps.

    def step(self, closure: Closure | None = None) -> None:
        """Move every weight by its gradient."""
        step: Callable[..., Any] = self.inner.step
        user_code.call(self.reference, step if closure is None else lambda: step(closure))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        user_code.call(self.reference, self.inner.zero_grad)

    def _find_needs(self, network: nn.Module, probe: Callable[[nn.Module, bool], Tensor]) -> Needs:
        """The needs of a step: the signature shows a closure, a step on a copy of the network the rest."""
        parameters = list(inspect.signature(self._kind.step).parameters.values())[1:]
        named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        if named and named[0].default is named[0].empty:
            return "closure"
        candidates: tuple[Needs, ...] = ("gradients", "closure", "graph") if parameters else ("gradients", "graph")
        first: Exception | None = None
        with torch.random.fork_rng(devices=[]):
            for needs in candidates:
                trial = copy.deepcopy(network)
                try:
                    optimizer = user_code.make(self._kind, trial.parameters(), self._values, self.reference)
                    if callable(mode := getattr(optimizer, "train", None)):
                        mode()
                    step: Callable[..., Any] = optimizer.step
                    if needs == "closure":
                        called: list[Tensor] = []
                        closure = torch.enable_grad()(functools.partial(_kept, called, probe, trial))
                        user_code.call(self.reference, functools.partial(step, closure))
                        if not called:  # it did nothing, because there were no gradients
                            continue
                    else:
                        probe(trial, needs == "graph")
                        user_code.call(self.reference, step)
                except UserCodeError as error:
                    first = first or error
                    continue
                return needs
        assert first is not None
        raise first

    # Modes.

    def _set_mode(self, name: str) -> None:
        if self.has_modes:
            user_code.call(self.reference, getattr(self.inner, name))

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Give the network the weights that the class evaluates with, as schedule-free averages.

        The weights that it trains with come back in every bit: the change to and fro would round them, and how often
        the screen evaluates must not change the training.
        """
        if not self.has_modes:
            yield
            return
        trained = self.weights()
        self._set_mode("eval")
        try:
            yield
        finally:
            self._set_mode("train")
            self.set_weights(trained)

    @torch.no_grad()
    def weights(self) -> list[Tensor]:
        """A copy of the weights."""
        return [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def set_weights(self, values: list[Tensor]) -> None:
        """Give the weights these values."""
        for weight, value in zip(self._weights, values, strict=True):
            weight.copy_(value)

    # State.

    def set_hyperparameter(self, name: str, value: float) -> None:
        """Give a number in the parameter groups, by our name, a new value. Raises ValueError where no group has it."""
        parameter = self._parameters.get(name)
        key = (parameter.part_of or name) if parameter else name
        groups = [group for group in self.param_groups if key in group]
        if parameter is None or not groups:
            raise ValueError(f"{self.label} has no {name} that acts after the first step")
        new = typed(parameter, value)
        for group in groups:
            pair = (
                [*group[key][: parameter.index], new, *group[key][parameter.index + 1 :]] if parameter.part_of else []
            )
            group[key] = tuple(pair) if parameter.part_of else new

    def state_dict(self) -> dict[str, Any]:
        """The state of the class, and the plain values of attributes that it keeps beside it.

        Raises UserCodeError for a state that a checkpoint cannot hold.
        """
        state = {"class": self.label, "torch": user_code.call(self.reference, self.inner.state_dict)}
        if "state_dict" not in vars(self._kind):
            state["attributes"] = {
                name: value
                for name, value in self._attributes().items()
                if not _same(value, self._constructed.get(name))
            }
        packed = io.BytesIO()
        try:
            torch.save(state, packed)
            packed.seek(0)
            torch.load(packed, map_location="cpu", weights_only=True)
        except Exception as error:  # pickle and torch raise nearly anything for an object that they cannot hold
            raise UserCodeError(f"no checkpoint can hold the state of {self.label}: {_culprit(error)}") from None
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the result of `state_dict`. Raises UserCodeError for the state of another class."""
        if not isinstance(state, dict) or state.get("class") != self.label:
            other = state.get("class") if isinstance(state, dict) else None
            raise UserCodeError(f"the checkpoint has no state of {self.label}" + (f" but of {other}" if other else ""))
        user_code.call(self.reference, lambda: self.inner.load_state_dict(state["torch"]))
        for name, value in state.get("attributes", {}).items():
            setattr(self.inner, name, value)
        self._set_mode("train")

    def _attributes(self) -> dict[str, Any]:
        """The plain values of the object's attributes that torch's own base class lacks, without the weights."""
        weights = {id(weight) for weight in self._weights}
        names = set(vars(self.inner)) - _BASE_ATTRIBUTES
        own = {name: vars(self.inner)[name] for name in names}
        return {name: copy.deepcopy(value) for name, value in own.items() if _is_plain(value, weights)}


def _culprit(error: Exception) -> str:
    """The object that cannot be kept, from a message of torch that is a page: "GLOBAL mine.Moments was not …"."""
    text = " ".join(str(error).split())
    _, mark, rest = text.partition("GLOBAL ")
    return f"it holds {rest.split()[0].rpartition('.')[2]} objects" if mark and rest else text[:120]


def _kept(losses: list[Tensor], probe: Callable[[nn.Module, bool], Tensor], network: nn.Module) -> Tensor:
    """The loss of a probe, which is kept as a sign that the closure was called."""
    losses.append(probe(network, False))
    return losses[-1]


def backward(loss: Tensor, network: nn.Module, *, with_graph: bool) -> None:
    """Leave the gradients of a loss in the weights' `grad`; `with_graph` lets them be differentiated again."""
    network.zero_grad()
    if not with_graph:
        loss.backward()  # type: ignore[no-untyped-call]  # torch's has no annotations
        return
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient


_BASE_ATTRIBUTES = set(vars(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))) | {"defaults"}


def _is_plain(value: Any, weights: set[int]) -> bool:
    if isinstance(value, Tensor):
        return id(value) not in weights and not isinstance(value, nn.Parameter)
    if isinstance(value, list | tuple):
        return all(_is_plain(each, weights) for each in value)
    if isinstance(value, dict):
        return all(isinstance(key, PLAIN) and _is_plain(each, weights) for key, each in value.items())
    return type(value) in PLAIN


def _same(one: Any, other: Any) -> bool:
    try:
        equal = one == other
        return bool(equal.all()) if isinstance(equal, Tensor) else bool(equal)
    except Exception:  # lists of tensors
        return False
