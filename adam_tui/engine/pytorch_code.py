"""A scenario as a PyTorch script that computes the same paths: to read, to run, to change.

The script has only the parts that its scenario needs: no scheduler without a schedule, no noise without noise. Rules
that torch.optim cannot express (Lion, Newton, Adam without bias correction, momentum turned on later) are written out.
The engine writes the text without importing torch; the tests run it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from textwrap import indent

import numpy as np

from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.expression import has_undefined_slope
from adam_tui.engine.knobs import Knob
from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number
from adam_tui.engine.objective import Objective
from adam_tui.engine.pytorch_formula import formula
from adam_tui.engine.pytorch_sources import BY_HAND, LOSSES
from adam_tui.engine.rule import PARTS, join_parts
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import CONSTANT
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import (
    Array,
    Trajectory,
    gradient_noise,
    plotted_surface,
    simulate,
    start_of,
    trajectories,
)

# A path amplifies rounding if errors of this size in each step change its end by more than `AMPLIFIED`, relative to its
# size. Longer races are not tried, to save time.
ROUNDING, AMPLIFIED, TRIED_STEPS = 2.0**-52, 1e-10, 2000
LINE_WIDTH = 110  # a longer call gets one line for each argument
# torch.optim.SGD has no momentum by default; all other defaults are the engine's.
TORCH_DEFAULTS: Mapping[str, float] = {"momentum": 0.0, "history_size": 100.0, "strong_wolfe": 0.0}
# Knobs that torch.optim keeps no state for while they are 0, so that it cannot turn them on in mid-path.
STATEFUL: Mapping[str, tuple[str, ...]] = {"momentum": ("momentum",), "rmsprop": ("momentum", "centered")}
BIAS_CORRECTION = "bias_correction"  # torch.optim has no such switch: always on
STRONG_WOLFE = "strong_wolfe"  # torch.optim.LBFGS has line_search_fn, None or this word


def to_pytorch(scenario: Scenario) -> str:
    """A Python script that runs the race in PyTorch, in float64, and prints each lane's last point and loss.

    They equal those of `trajectories` to rounding, except where a path amplifies rounding: a comment marks such a lane.
    A lane that diverges stops at the same step. Raises ValueError for a function that cannot be parsed and for an
    optimizer or a surface without PyTorch code.
    """
    by_hand = dict.fromkeys(lane.optimizer for lane in scenario.lanes if _by_hand(lane, scenario.steps))
    surfaces = [scenario.surface] if scenario.function is None else []
    if missing := [*(name for name in by_hand if name not in BY_HAND), *(s for s in surfaces if s not in LOSSES)]:
        raise ValueError(f"there is no PyTorch code for {missing[0]}")
    paths = trajectories(scenario)
    calls = [
        _call(label, lane, path, scenario)
        for label, lane, path in zip(scenario.labels(), scenario.lanes, paths, strict=True)
    ]
    blocks = [
        _constants(scenario),
        *_class_imports(scenario),
        loss_source(plotted_surface(scenario)),
        *(BY_HAND[name][1] for name in by_hand),
        *_loops(scenario, paths),
    ]
    code = "\n\n".join(blocks) + "\n\n" + "\n".join(calls) + "\n"
    imports = [f"import {name}" for name in ("math", "numpy", "runpy", "torch") if f"{name}." in code]
    imports += ["from torch.optim.lbfgs import _strong_wolfe"] if "_strong_wolfe(" in code else []
    command = " ".join(shlex.join(["adam-tui", *scenario.to_flags()]).split())  # a comment has one line
    heading = ["# The race that this command shows, in PyTorch:", f"#   {command}", *imports]
    return "\n".join(heading) + "\n\n" + code


# ---- parts shared by all lanes ----


def _constants(scenario: Scenario) -> str:
    lines = [
        "torch.set_default_dtype(torch.float64)  # as adam-tui computes; torch's own default is float32",
        "",
        f"START = {tuple(map(float, start_of(scenario)))!r}",
        f"STEPS = {scenario.steps}",
    ]
    if scenario.noise:
        lines += [
            "# Added to the gradient of each step, the same for every lane.",
            f"RANDOM = numpy.random.default_rng({scenario.seed})",
            f"NOISE = torch.from_numpy({format_number(scenario.noise)} * RANDOM.standard_normal((STEPS, 2)))",
        ]
    return "\n".join(lines) + "\n"


def loss_source(surface: Surface) -> str:
    """The function `f` of a tensor that computes the loss, as Python text; with a second argument, the step."""
    if surface.formula is None:
        title, lines = surface.title, LOSSES[surface.name]
    else:
        title, lines = " ".join(surface.formula.split()), f"return {formula(surface.formula)}"
    arguments = "p" if surface.gradient_at is None else "p, step=None"
    return f"def f({arguments}):\n" + indent(f"# {title}\nx, y = p\n{lines}\n", "    ")


def _class_imports(scenario: Scenario) -> list[str]:
    """The lines that import the classes of the lanes, torch.optim's aside."""
    lines = []
    for rule in _class_rules(scenario):
        path, module = rule.reference.path, rule.reference.module
        if path is not None:
            outer, *inner = rule.reference.name.split(".")
            lines.append(f"{_class_name(rule)} = {'.'.join([f'runpy.run_path({path!r})[{outer!r}]', *inner])}")
        elif module is not None and module.partition(".")[0] != "torch":
            lines.append(f"import {module}")
    return ["\n".join(dict.fromkeys(lines)) + "\n"] if lines else []


def _class_rules(scenario: Scenario) -> list[ClassOptimizer]:
    return [rule for rule in dict.fromkeys(lane.rule for lane in scenario.lanes) if isinstance(rule, ClassOptimizer)]


def _class_name(rule: ClassOptimizer) -> str:
    """The name of a class in the script: two files may have classes of one name."""
    if rule.reference.path is None:
        return rule.name
    stem = "".join(letter if letter.isalnum() else "_" for letter in PurePath(rule.reference.path).stem)
    return f"{stem}_{rule.reference.name.replace('.', '_')}"


def _loops(scenario: Scenario, paths: Sequence[Trajectory]) -> list[str]:
    """The functions with the loop over steps: `race`, and `search` for lanes whose steps evaluate more."""
    kinds = {lane.rule.evaluations is not None for lane in scenario.lanes}
    return [_loop(scenario, paths, searches=kind) for kind in sorted(kinds)]


def _loop(scenario: Scenario, paths: Sequence[Trajectory], *, searches: bool) -> str:
    """The function `race` or `search`, with the loop over steps that its lanes share."""
    lanes = [lane for lane in scenario.lanes if (lane.rule.evaluations is not None) == searches]
    scheduled = any(lane.schedule != CONSTANT for lane in lanes)
    changing = any(_changes(lane, scenario.steps) for lane in lanes)
    parameters = ["name", "make", "steps=STEPS"]
    if scheduled:
        parameters.append("factor=lambda done: 1.0")
    if changing:
        parameters.append("changes=None")
    closures = any(rule.needs == "closure" for rule in _class_rules(scenario))
    if closures and not searches:
        parameters.append("closures=False")
    if (graph := any(rule.needs == "graph" for rule in _class_rules(scenario))) and not searches:
        parameters.append("graph=False")  # for second derivatives
    modes = any(rule.modes for rule in _class_rules(scenario))
    lines = [
        f"def {_function(searches=searches)}({', '.join(parameters)}):",
        '    """Take steps from START with the optimizer from `make`, and print the last point."""',
        "    p = torch.tensor(START, requires_grad=True)",
        "    optimizer = make([p])",
    ]
    if scheduled:
        lines += [
            "    # Scales the learning rate by `factor` of the steps done.",
            "    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)",
        ]
    if modes and not searches:  # schedule-free rules: the gradient is not at the point that counts
        lines += ['    if hasattr(optimizer, "train"):', "        optimizer.train()"]
    lines.append("    for step in range(1, steps + 1):")
    step = _searching_step(scenario, lanes) if searches else _step(scenario, paths, closures=closures, graph=graph)
    lines += [f"        {line}" if line else "" for line in step]
    if changing:
        lines += [
            "        changed = (changes or {}).get(step, {})  # from the next step on",
            "        optimizer.param_groups[0].update(changed)",
        ]
    if changing and scheduled:
        lines.append('        scheduler.base_lrs = [changed.get("lr", scheduler.base_lrs[0])]')
    if scheduled:
        lines.append("        scheduler.step()")
    if modes:
        lines += ['    if hasattr(optimizer, "eval"):', "        optimizer.eval()"]
    lines += ["    x, y = p.tolist()", '    print(f"{name}: x = {x}, y = {y}, loss = {f(p).item()}")']
    return "\n".join(lines) + "\n"


def _function(*, searches: bool) -> str:
    return "search" if searches else "race"


def _step(scenario: Scenario, paths: Sequence[Trajectory], *, closures: bool, graph: bool) -> list[str]:
    """One step from the gradient at the point; with `closures` for classes that evaluate the loss themselves too.

    `graph` is for classes that need second derivatives.
    """
    arguments = "p" if plotted_surface(scenario).gradient_at is None else "p, step"
    evaluation = ["optimizer.zero_grad()", f"f({arguments}).backward()"]
    if graph:
        evaluation[1:] = [f"loss = f({arguments})", "(p.grad,) = torch.autograd.grad(loss, [p], create_graph=graph)"]
    if scenario.function is not None and any(has_undefined_slope(scenario.function, path.positions) for path in paths):
        evaluation.append("p.grad[~p.grad.isfinite()] = 0  # where the slope is undefined adam-tui takes 0")
    if scenario.noise:
        evaluation.append("p.grad += NOISE[step - 1]")
    if not closures:
        return [*evaluation, "optimizer.step()"]
    if not graph:
        evaluation[1:2] = [f"loss = f({arguments})", "loss.backward()"]
    closure = ["def closure():", *(f"    {line}" for line in evaluation), "    return loss.detach()", ""]
    return [*closure, "if closures:", "    optimizer.step(closure)", "else:", "    closure()", "    optimizer.step()"]


def _searching_step(scenario: Scenario, lanes: Sequence[Lane]) -> list[str]:
    """One step with an optimizer that evaluates the loss of the step where it wants; LBFGS takes a closure."""
    arguments = "q" if plotted_surface(scenario).gradient_at is None else "q, step"
    if scenario.noise:
        loss = [
            "begin = p.detach().clone()  # the noise tilts the loss of this step",
            f"loss = lambda q: f({arguments}) + NOISE[step - 1] @ (q - begin)",
        ]
    else:
        loss = [f"loss = lambda q: f({arguments})"] if arguments != "q" else ["loss = f"]
    closure = [
        "def closure():",
        "    optimizer.zero_grad()",
        "    value = loss(p)",
        "    value.backward()",
        "    return value",
        "",
    ]
    kinds = {_by_hand(lane, scenario.steps) for lane in lanes}
    if kinds == {True}:
        return [*loss, "optimizer.step(loss)"]
    if kinds == {False}:
        return [*loss, *closure, "optimizer.step(closure)"]
    return [*loss, *closure, "optimizer.step(closure if isinstance(optimizer, torch.optim.LBFGS) else loss)"]


# ---- one lane ----


def _call(label: str, lane: Lane, path: Trajectory, scenario: Scenario) -> str:
    """The call of `race` for one lane."""
    steps = scenario.steps
    if isinstance(lane.rule, ClassOptimizer):
        given = _class_arguments(lane.rule, lane)
        return _written_call(label, lane, path, scenario, _class_name(lane.rule), given)
    values = {knob.name: lane[knob.name] for knob in lane.rule.knobs}
    given = _arguments({name: value for name, value in values.items() if _is_given(lane, name, value)}, values, lane)
    name = f"torch.optim.{lane.rule.torch_name}"
    fixed = {key: repr(value) for key, value in lane.rule.torch_arguments.items()}
    if _by_hand(lane, steps):
        name, fixed = BY_HAND[lane.optimizer][0], {}
    else:
        given.pop(BIAS_CORRECTION, None)
    return _written_call(label, lane, path, scenario, name, given | fixed)


def _written_call(
    label: str, lane: Lane, path: Trajectory, scenario: Scenario, name: str, given: Mapping[str, str]
) -> str:
    """The call of `race` for a lane whose optimizer is made by this name with these arguments."""
    steps = scenario.steps
    make = ", ".join(["params", *(f"{key}={value}" for key, value in given.items())])
    arguments = [f'"{label}"', f"lambda params: {name}({make})"]
    comment = ""
    if _amplifies_rounding(lane, path, scenario):
        comment = "# This path amplifies rounding: its end may differ from that of adam-tui.\n"
    if path.failure is not None:
        comment = f"# This lane fails in its next step: {path.failure}\n"
        arguments.append(f"steps={path.last}")
    if path.diverged_at is not None:
        comment += "# This lane diverges: adam-tui stops at the same step.\n"
        arguments.append(f"steps={path.last}")
    if isinstance(lane.rule, ClassOptimizer) and lane.rule.needs == "closure":
        arguments.append("closures=True")
    if isinstance(lane.rule, ClassOptimizer) and lane.rule.needs == "graph":
        arguments.append("graph=True")
    if lane.schedule != CONSTANT:
        arguments.append(f"factor=lambda done: {_factor(lane, steps)}")
    if changes := _changes(lane, steps):
        steps_changed = (
            f"{step}: {{{', '.join(f'{k!r}: {v}' for k, v in new.items())}}}" for step, new in changes.items()
        )
        arguments.append(f"changes={{{', '.join(steps_changed)}}}".replace("'", '"'))
    name = _function(searches=lane.rule.evaluations is not None)
    line = f"{name}({', '.join(arguments)})"
    return comment + (
        line if len(line) <= LINE_WIDTH else f"{name}(\n" + indent(",\n".join(arguments), "    ") + ",\n)"
    )


def _amplifies_rounding(lane: Lane, path: Trajectory, scenario: Scenario) -> bool:
    """Whether rounding errors of the points, one in each step, lead to another end.

    False for classes, and for races too long to try.
    """
    if scenario.steps > TRIED_STEPS or isinstance(lane.rule, ClassOptimizer):
        return False
    surface = _rounded(plotted_surface(scenario))
    noise = gradient_noise(scenario.noise, scenario.seed, scenario.steps)
    values = (lambda t: lane.values_for(t, scenario.steps)) if lane.varies else dict(lane.values)
    end = simulate(
        lane.rule,
        values,
        surface.gradient,
        np.array(start_of(scenario)),
        path.last,
        gradient_at=surface.gradient_at,
        noise=noise,
        objective=None if lane.rule.evaluations is None else Objective(surface, noise),
    )
    last = path.positions[-1]
    with np.errstate(all="ignore"):
        return not bool(np.abs(end - last).max() <= AMPLIFIED * max(1.0, np.abs(last).max()))


def _rounded(surface: Surface) -> Surface:
    """The surface with a rounding error in every point at which it is evaluated."""
    random = np.random.default_rng(0)

    def moved(x: Array) -> Array:
        return x * (1 + ROUNDING * random.choice((-1.0, 1.0), 2))

    gradient_at, loss_at = surface.gradient_at, surface.loss_at
    return replace(
        surface,
        f=lambda x: surface.f(moved(x)),
        gradient=lambda x: surface.gradient(moved(x)),
        hessian=lambda x: surface.hessian(moved(x)),
        gradient_at=None if gradient_at is None else lambda t, x: gradient_at(t, moved(x)),
        loss_at=None if loss_at is None else lambda t, x: loss_at(t, moved(x)),
    )


def _class_arguments(rule: ClassOptimizer, lane: Lane) -> dict[str, str]:
    """The constructor's arguments that differ from its defaults, and `lr`, as Python text; both betas, if one does."""
    defaults, pairs = rule.defaults(), {each.name: each.part_of for each in rule.parameters if each.part_of}
    written = rule.arguments(dict(lane.values), dict(lane.texts))
    given: dict[str, str] = {}
    for name, value in written.items():
        if name in defaults and name != "lr" and lane[name] == defaults[name]:
            continue
        if name in pairs:
            parts = [each.name for each in rule.parameters if each.part_of == pairs[name]]
            given[pairs[name]] = repr(tuple(written[part] for part in parts))
        else:
            given[name] = repr(value)
    return given


def _is_given(lane: Lane, name: str, value: float) -> bool:
    return name == "lr" or value != TORCH_DEFAULTS.get(name, lane.rule.knob(name).default)


def _arguments(new: Mapping[str, float], values: Mapping[str, float], lane: Lane) -> dict[str, str]:
    """The values `new` under torch's names, as Python text; all of a tuple, from `values`, if one of them is new."""
    written: dict[str, str] = {}
    kinds = lane.rule.parameters if isinstance(lane.rule, ClassOptimizer) else ()
    pairs = {each.name: each for each in kinds if each.part_of}
    whole = {} if kinds else join_parts(values)
    for name, value in new.items():
        if name in pairs:
            parts = [each.name for each in kinds if each.part_of == pairs[name].part_of]
            written[pairs[name].part_of] = repr(tuple(values[part] for part in parts))
        elif name in PARTS and not kinds:
            argument = PARTS[name][0]
            written[argument] = repr(whole[argument])  # torch wants floats: 0.0, not 0
        elif name == STRONG_WOLFE:
            written["line_search_fn"] = repr(STRONG_WOLFE if value else None).replace("'", '"')
        else:
            written[name] = _literal(lane.rule.knob(name), value)
    return written


def _literal(knob: Knob, value: float) -> str:
    if knob.scale == "integer":
        return str(int(value))
    return str(bool(value)) if knob.scale == "flag" else format_number(value)


def _changes(lane: Lane, steps: int) -> dict[int, dict[str, str]]:
    """The knobs that change, by the step after which they do, as Python text under torch's names."""
    values = dict(lane.values)
    changes: dict[int, dict[str, str]] = {}
    # torch and the engine read the first before the first step only; torch has no switch for the other.
    without_effect = lane.rule.initial if _by_hand(lane, steps) else lane.rule.initial | {BIAS_CORRECTION}
    for change in lane.changes:  # sorted by step
        values[change.name] = change.value
        if change.step < steps and change.name not in without_effect:
            changes.setdefault(change.step, {}).update(_arguments({change.name: change.value}, values, lane))
    return changes


def _by_hand(lane: Lane, steps: int) -> bool:
    """Whether no class of torch.optim can compute this lane."""
    if isinstance(lane.rule, ClassOptimizer):
        return False
    if lane.rule.torch_name is None:
        return True
    if BIAS_CORRECTION in lane.rule.defaults():
        return not all(_values_over_time(lane, BIAS_CORRECTION, steps))
    histories = [_values_over_time(lane, name, steps) for name in STATEFUL.get(lane.optimizer, ())]
    return any(0.0 in values and any(values[values.index(0.0) :]) for values in histories)  # off, then on


def _values_over_time(lane: Lane, name: str, steps: int) -> list[float]:
    """The successive values of a knob in the race."""
    return [lane[name], *(change.value for change in lane.changes if change.name == name and change.step < steps)]


def _factor(lane: Lane, steps: int) -> str:
    """The schedule as Python text, an expression of the steps `done`."""
    schedule, gamma = lane.schedule, format_number(lane.schedule.rate(steps))
    done = f"(done - {schedule.warmup})" if schedule.warmup else "done"
    match schedule.kind:
        case "constant":
            factor = "1.0"
        case "step":
            factor = f"{gamma} ** ({done} // {schedule.every})"
        case "exponential":
            factor = f"{gamma} ** {done}"
        case "cosine":
            factor = f"0.5 * (1 + math.cos(math.pi * {done} / {max(steps - schedule.warmup, 1)}))"
    if not schedule.warmup:
        return factor
    return f"(done + 1) / {schedule.warmup} if done < {schedule.warmup} else {factor}"
