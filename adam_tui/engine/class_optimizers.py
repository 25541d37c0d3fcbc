"""Optimizers that are classes of PyTorch: what the engine knows of them while another process computes their paths.

A lane names such a class, `./mine.py::MyAdam` or `torch.optim.Rprop`. Its knobs are known once the class is imported,
which the engine never does: `adam_tui.classes` imports it in a process of its own and enters the result here, in
`CLASSES`. Until then the lane keeps its settings as they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

from adam_tui.engine.class_reference import ClassReference, is_reference, split_reference
from adam_tui.engine.class_signature import Parameter, Signature, format_value, knobs_of, read_settings
from adam_tui.engine.names import suggest
from adam_tui.engine.rule import Optimizer, lr_knob

# unknown: the user has neither named it nor agreed to it.
Status = Literal["unknown", "loading", "ready", "failed"]
# The values of parameters without a default, and the learning rate of a class that is not imported yet.
USUAL = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "momentum": 0.9, "eps": 1e-8, "weight_decay": 0.0}

# Parameters of torch.optim that change how a step is computed, not which: they can be written, but have no knob.
NO_KNOBS = frozenset({"foreach", "fused", "capturable", "differentiable"})


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassOptimizer(Optimizer):
    """A class as an optimizer: `init` and `update` do not exist, `open_path` starts the computation of a path.

    parameters: those of the constructor; the ones with a scale are knobs. place: the file and line of the class.
    needs: what a step needs besides the gradient: nothing more ("gradients"), a closure that evaluates the loss, or
    the gradient's graph, for second derivatives. modes: whether it has train() and eval().
    problem: the line that says why it could not be imported. status: whether the knobs are known.
    """

    reference: ClassReference
    open_path: Callable[..., Any]
    parameters: Signature = ()
    place: str = ""
    needs: str = "gradients"
    modes: bool = False
    problem: str = ""
    status: Status = "unknown"

    @property
    def label(self) -> str:
        """The name of the class, without its file or package."""
        return self.reference.label

    @property
    def ready(self) -> bool:
        """True when the class is imported and its knobs are known."""
        return self.status == "ready"

    @property
    def typed(self) -> dict[str, Parameter]:
        """The parameters that have no scale and can be written as text, by name."""
        knobs = {knob.name for knob in self.knobs}
        return {each.name: each for each in self.parameters if each.name not in knobs and each.kind != "object"}

    def read(self, name: str, text: str) -> tuple[dict[str, float], dict[str, str]]:
        """The knobs and the texts that "name=text" sets; `betas` sets two knobs. Raises ValueError with one line."""
        values, texts = dict[str, float](), dict[str, str]()
        for each, value in read_settings(self.parameters, [(name, text)], self.label).items():
            if each in self.typed:
                texts[each] = format_value(value)
            elif value is None:
                raise ValueError(f"{each} must be a number, not {text!r}")
            else:
                values[each] = self.knob(each).check(float(value))
        return values, texts

    def check_text(self, name: str, text: str) -> str:
        """The text of a parameter without a scale, as it is written again. Raises ValueError."""
        if name not in self.typed:
            raise ValueError(f"{self.label} has no {name!r}{suggest(name, [*self.defaults(), *self.typed])}")
        return format_value(self.typed[name].parse(text))

    def has(self, name: str) -> bool:
        """Whether the constructor has a parameter of this name."""
        return any(name in (each.name, each.part_of) for each in self.parameters)

    def arguments(self, values: Mapping[str, float], texts: Mapping[str, str]) -> dict[str, Any]:
        """The constructor's arguments by our names: switches as bool, whole numbers as int, texts as their values."""
        kinds = {each.name: each for each in self.parameters}
        types: Mapping[str, type] = {"bool": bool, "int": int}
        numbers = {name: types.get(kinds[name].kind, float)(value) for name, value in values.items() if name in kinds}
        return numbers | {name: kinds[name].parse(text) for name, text in texts.items() if name in kinds}


def _no_arithmetic(*_: Any) -> NoReturn:
    raise TypeError("the steps of a class are computed in its own process")


def _not_imported(*_: Any) -> NoReturn:
    raise ValueError("the class of this lane is not imported")


def describe(
    reference: ClassReference,
    parameters: Signature = (),
    *,
    open_path: Callable[..., Any] = _not_imported,
    place: str = "",
    needs: str = "gradients",
    modes: bool = False,
    problem: str = "",
    status: Status = "unknown",
) -> ClassOptimizer:
    """The optimizer for a class with these parameters. The learning rate is the first knob."""
    parameters = tuple(map(_with_default, parameters))
    knobs = sorted(
        (knob for knob in knobs_of(parameters) if knob.name not in NO_KNOBS), key=lambda knob: knob.name != "lr"
    )
    return ClassOptimizer(
        name=str(reference),
        title=reference.label,
        group="recent",
        knobs=tuple(knobs) if parameters or status == "ready" else (lr_knob(USUAL["lr"]),),
        init=_no_arithmetic,
        update=_no_arithmetic,
        rule=(f"{reference.label}: {place}",) if place else (),
        paper="",
        torch_name=None,
        lr_hint=1.0,
        lr_hint_of="width",
        reference=reference,
        open_path=open_path,
        parameters=parameters,
        place=place,
        needs=needs,
        modes=modes,
        problem=problem,
        status=status,
    )


def _with_default(each: Parameter) -> Parameter:
    if not each.required or each.kind not in ("float", "any") or each.name not in USUAL:
        return each
    return replace(each, kind="float", default=USUAL[each.name], required=False)


CLASSES: dict[str, ClassOptimizer] = {}


def find_class(text: str) -> ClassOptimizer | None:
    """The optimizer for the name of a class, known or not; None for the name of something else.

    Raises ValueError with one line for a name that is written wrong.
    """
    if text in CLASSES:
        return CLASSES[text]
    if not is_reference(text):
        return None
    reference, _ = split_reference(text)
    return CLASSES.setdefault(str(reference), describe(reference))
