"""The table of optimizers by name, simplest first. A new optimizer is added here.

    from adam_tui.engine.optimizers import OPTIMIZERS, expand

    adam = OPTIMIZERS["adam"]
    hyper = expand(adam.defaults() | {"lr": 0.1})
    state = adam.init(x, hyper)
    delta, state, terms = adam.update(gradient(x), state, x, hyper)
    x = x + delta

The rules are in `classic_rules` (SGD to RMSProp), `adam_rules` (Adam to Lion), `recent_rules` (of the last years),
`tensor_rules` (those that measure the whole parameter) and `second_order_rules` (line searches and curvature), their
common parts in `rule`.
"""

from __future__ import annotations

from adam_tui.engine.adam_rules import ADAM, ADAMAX, ADAMW, AMSGRAD, LION, NADAM, RADAM
from adam_tui.engine.class_optimizers import find_class
from adam_tui.engine.classic_rules import ADADELTA, ADAGRAD, ASGD, MOMENTUM, NESTEROV, RMSPROP, RPROP, SGD
from adam_tui.engine.names import suggest
from adam_tui.engine.recent_rules import ADAN, ADEMAMIX, ADOPT, PRODIGY, SCHEDULE_FREE_ADAMW, SCHEDULE_FREE_SGD
from adam_tui.engine.rule import Array, Group, Hyper, Optimizer, Update, expand
from adam_tui.engine.second_order_rules import ARMIJO, BFGS, LBFGS, NEWTON, SOPHIA
from adam_tui.engine.tensor_rules import ADAFACTOR, LAMB, MUON, SOAP

__all__ = ["OPTIMIZERS", "Array", "Hyper", "Optimizer", "Update", "expand", "find_optimizer", "names_of"]

OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        SGD,
        MOMENTUM,
        NESTEROV,
        ASGD,
        ARMIJO,
        RPROP,
        ADAGRAD,
        ADADELTA,
        RMSPROP,
        ADAM,
        AMSGRAD,
        ADAMW,
        ADAMAX,
        NADAM,
        RADAM,
        ADAFACTOR,
        LION,
        LAMB,
        ADAN,
        PRODIGY,
        SCHEDULE_FREE_SGD,
        SCHEDULE_FREE_ADAMW,
        ADEMAMIX,
        ADOPT,
        SOAP,
        MUON,
        NEWTON,
        BFGS,
        LBFGS,
        SOPHIA,
    )
}


def names_of(group: Group) -> tuple[str, ...]:
    """The names of the optimizers of a group, in their order."""
    return tuple(name for name, optimizer in OPTIMIZERS.items() if optimizer.group == group)


def find_optimizer(name: str) -> Optimizer:
    """The optimizer of that name, or the class that it names. Raises ValueError with the choices for an unknown one."""
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    if (named := find_class(name)) is not None:
        return named
    raise ValueError(f"no optimizer is called {name!r}{suggest(name, OPTIMIZERS)}")
