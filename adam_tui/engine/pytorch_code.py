"""A scenario as a PyTorch script: to paste, to run, to learn from. It prints the numbers that the engine has.

The script has only the parts that its scenario needs: no scheduler without a schedule, no noise without noise. A rule
that torch.optim cannot do (Lion, Adam without its bias correction, a momentum turned on later) stands in it by hand.
Text in, text out: torch itself is not needed to write it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from textwrap import indent

from adam_tui.engine.knobs import Knob
from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number
from adam_tui.engine.pytorch_formula import formula
from adam_tui.engine.pytorch_sources import BY_HAND, LOSSES
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import CONSTANT
from adam_tui.engine.trajectory import Trajectory, plotted_surface, start_of, trajectories

LINE = 110  # columns; a longer call is broken into one argument a line
# torch.optim.SGD starts without momentum; every other default is ours too.
TORCH_DEFAULTS: Mapping[str, float] = {"momentum": 0.0}
# What torch.optim keeps no memory for while it is off, and so cannot turn on in mid-path as the engine does.
REMEMBERED: Mapping[str, tuple[str, ...]] = {"momentum": ("momentum",), "rmsprop": ("momentum", "centered")}
# Read before the first step only, by torch and by the engine: changing it later does nothing.
ONCE = "initial_accumulator_value"
OURS = "bias_correction"  # torch.optim has no such switch: it is always on


def to_pytorch(scenario: Scenario) -> str:
    """A Python script that runs the race in PyTorch, in float64, and prints each lane's last point and loss.

    They equal those of `trajectories` to rounding; a lane that diverges is followed as far as there. ValueError with
    one line when the scenario's function is no formula, or an optimizer or a surface is not written for PyTorch.
    """
    by_hand = dict.fromkeys(lane.optimizer for lane in scenario.lanes if _by_hand(lane, scenario.steps))
    surfaces = [scenario.surface] if scenario.function is None else []
    if unwritten := [*(name for name in by_hand if name not in BY_HAND), *(s for s in surfaces if s not in LOSSES)]:
        raise ValueError(f"there is no PyTorch code for {unwritten[0]}")
    calls = [
        _call(label, lane, path, scenario.steps)
        for label, lane, path in zip(scenario.labels(), scenario.lanes, trajectories(scenario), strict=True)
    ]
    blocks = [_setting(scenario), _loss(scenario), *(BY_HAND[name][1] for name in by_hand), _race(scenario)]
    code = "\n\n".join(blocks) + "\n\n" + "\n".join(calls) + "\n"
    imports = [f"import {name}" for name in ("math", "numpy", "torch") if f"{name}." in code]
    command = " ".join(shlex.join(["adam-tui", *scenario.to_flags()]).split())  # a comment has one line
    heading = ["# The race that this command shows, in PyTorch:", f"#   {command}", *imports]
    return "\n".join(heading) + "\n\n" + code


# ---- what all lanes share ----


def _setting(scenario: Scenario) -> str:
    lines = [
        "torch.set_default_dtype(torch.float64)  # as adam-tui computes; torch's own default is float32",
        "",
        f"START = {tuple(map(float, start_of(scenario)))!r}",
        f"STEPS = {scenario.steps}",
    ]
    if scenario.noise:
        lines += [
            "# What is added to the gradient of each step, the same for every lane.",
            f"RANDOM = numpy.random.default_rng({scenario.seed})",
            f"NOISE = torch.from_numpy({format_number(scenario.noise)} * RANDOM.standard_normal((STEPS, 2)))",
        ]
    return "\n".join(lines) + "\n"


def _loss(scenario: Scenario) -> str:
    if scenario.function is None:
        plot = plotted_surface(scenario)
        title, lines = plot.title, LOSSES[plot.name]
    else:
        title, lines = " ".join(scenario.function.split()), f"return {formula(scenario.function)}"
    arguments = "p" if plotted_surface(scenario).gradient_at is None else "p, step=None"
    return f"def f({arguments}):\n" + indent(f"# {title}\nx, y = p\n{lines}\n", "    ")


def _race(scenario: Scenario) -> str:
    """The loop that every lane runs through."""
    scheduled = any(lane.schedule != CONSTANT for lane in scenario.lanes)
    changing = any(_changes(lane, scenario.steps) for lane in scenario.lanes)
    arguments = ["name", "make", "steps=STEPS"]
    if scheduled:
        arguments.append("factor=lambda done: 1.0")
    if changing:
        arguments.append("changes=None")
    lines = [
        f"def race({', '.join(arguments)}):",
        '    """Take steps from START with the optimizer that `make` gives, and print where they lead."""',
        "    p = torch.tensor(START, requires_grad=True)",
        "    optimizer = make([p])",
    ]
    if scheduled:
        lines += [
            "    # Scales the learning rate by `factor` of the steps done.",
            "    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)",
        ]
    seen = "p" if plotted_surface(scenario).gradient_at is None else "p, step"
    lines += ["    for step in range(1, steps + 1):", "        optimizer.zero_grad()", f"        f({seen}).backward()"]
    if scenario.noise:
        lines.append("        p.grad += NOISE[step - 1]")
    lines.append("        optimizer.step()")
    if changing:
        lines += [
            "        changed = (changes or {}).get(step, {})  # counts from the next step on",
            "        optimizer.param_groups[0].update(changed)",
        ]
    if changing and scheduled:
        lines.append('        scheduler.base_lrs = [changed.get("lr", scheduler.base_lrs[0])]')
    if scheduled:
        lines.append("        scheduler.step()")
    lines += ["    x, y = p.tolist()", '    print(f"{name}: x = {x}, y = {y}, loss = {f(p).item()}")']
    return "\n".join(lines) + "\n"


# ---- one lane ----


def _call(label: str, lane: Lane, path: Trajectory, steps: int) -> str:
    """The line that races the lane, broken up if it is long."""
    values = {knob.name: lane[knob.name] for knob in lane.rule.knobs}
    given = _arguments({name: value for name, value in values.items() if _is_given(lane, name, value)}, values, lane)
    name = f"torch.optim.{lane.rule.torch_name}"
    fixed = {key: repr(value) for key, value in lane.rule.torch_arguments.items()}
    if _by_hand(lane, steps):
        name, fixed = BY_HAND[lane.optimizer][0], {}
    else:
        given.pop(OURS, None)
    make = ", ".join(["params", *(f"{key}={value}" for key, value in (given | fixed).items())])
    arguments = [f'"{label}"', f"lambda params: {name}({make})"]
    above = ""
    if path.diverged_at is not None:
        above = "# It diverges: adam-tui follows it no further either.\n"
        arguments.append(f"steps={path.last}")
    if lane.schedule != CONSTANT:
        arguments.append(f"factor=lambda done: {_factor(lane, steps)}")
    if changes := _changes(lane, steps):
        at = (f"{step}: {{{', '.join(f'{key!r}: {v}' for key, v in new.items())}}}" for step, new in changes.items())
        arguments.append(f"changes={{{', '.join(at)}}}".replace("'", '"'))
    line = f"race({', '.join(arguments)})"
    return above + (line if len(line) <= LINE else "race(\n" + indent(",\n".join(arguments), "    ") + ",\n)")


def _is_given(lane: Lane, name: str, value: float) -> bool:
    return name == "lr" or value != TORCH_DEFAULTS.get(name, lane.rule.knob(name).default)


def _arguments(new: Mapping[str, float], values: Mapping[str, float], lane: Lane) -> dict[str, str]:
    """The values `new` under torch's names, as Python text; both betas, from `values`, where one of them is new."""
    written: dict[str, str] = {}
    for name, value in new.items():
        if name in ("beta1", "beta2"):
            written["betas"] = repr((values["beta1"], values["beta2"]))  # torch wants floats: 0.0, not 0
        else:
            written[name] = _literal(lane.rule.knob(name), value)
    return written


def _literal(knob: Knob, value: float) -> str:
    return str(bool(value)) if knob.scale == "flag" else format_number(value)


def _changes(lane: Lane, steps: int) -> dict[int, dict[str, str]]:
    """What the lane's optimizer is told after which step, as Python text under torch's names."""
    values = dict(lane.values)
    found: dict[int, dict[str, str]] = {}
    unheard = (ONCE,) if _by_hand(lane, steps) else (ONCE, OURS)
    for change in lane.changes:  # in the order of their steps
        values[change.name] = change.value
        if change.step < steps and change.name not in unheard:
            found.setdefault(change.step, {}).update(_arguments({change.name: change.value}, values, lane))
    return found


def _by_hand(lane: Lane, steps: int) -> bool:
    """True when no class of torch.optim does what this lane does."""
    if lane.rule.torch_name is None:
        return True
    if OURS in lane.rule.defaults():
        return not all(_course(lane, OURS, steps))
    courses = [_course(lane, name, steps) for name in REMEMBERED.get(lane.optimizer, ())]
    return any(0.0 in course and any(course[course.index(0.0) :]) for course in courses)  # turned on after it was off


def _course(lane: Lane, name: str, steps: int) -> list[float]:
    """The values that a knob has over the race, one after the other."""
    return [lane[name], *(change.value for change in lane.changes if change.name == name and change.step < steps)]


def _factor(lane: Lane, steps: int) -> str:
    """The schedule as Python text, a function of the steps done."""
    schedule, gamma = lane.schedule, format_number(lane.schedule.gamma)
    done = f"(done - {schedule.warmup})" if schedule.warmup else "done"
    match schedule.kind:
        case "constant":
            proper = "1.0"
        case "step":
            proper = f"{gamma} ** ({done} // {schedule.every})"
        case "exponential":
            proper = f"{gamma} ** {done}"
        case "cosine":
            proper = f"0.5 * (1 + math.cos(math.pi * {done} / {max(steps - schedule.warmup, 1)}))"
    if not schedule.warmup:
        return proper
    return f"(done + 1) / {schedule.warmup} if done < {schedule.warmup} else {proper}"
