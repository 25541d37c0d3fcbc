"""Learning-rate schedules: constant, stepwise, exponential or cosine, each with an optional linear warm-up.

Each factor equals that of torch.optim.lr_scheduler with `scheduler.step()` after every optimizer step: StepLR(every,
gamma), ExponentialLR(gamma), CosineAnnealingLR(steps − warmup); with a warm-up of w ≥ 2 steps, SequentialLR of
LinearLR(start_factor=1/w, total_iters=w − 1) and of one of these, with its milestone at w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from adam_tui.engine import json_fields
from adam_tui.engine.numbers import format_number

Kind = Literal["constant", "step", "exponential", "cosine"]
KINDS: tuple[Kind, ...] = ("constant", "step", "exponential", "cosine")
STEP_GAMMA = 0.5
EXPONENTIAL_END = 0.01  # without a gamma the exponential schedule falls to this factor over the race


@dataclass(frozen=True, slots=True)
class Schedule:
    """A factor on the learning rate for each step.

    In `warmup` steps the factor rises linearly to 1; then the `kind` starts, also at 1: `step` multiplies by `gamma`
    after every `every` steps, `exponential` by `gamma` after each step, `cosine` falls as half a wave and would reach 0
    one step after the last. `gamma` None means 0.5, and in an exponential schedule the rate that leads to 0.01
    at the end of the race, however long it is. Raises ValueError for numbers out of range.
    """

    kind: Kind = "constant"
    warmup: int = 0
    gamma: float | None = None
    every: int = 100

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a schedule is one of {', '.join(KINDS)}, not {json_fields.excerpt(self.kind)}")
        if not self.warmup >= 0 or self.warmup % 1:
            raise ValueError(
                f"warmup must be a whole number of steps, at least 0, not {json_fields.excerpt(self.warmup)}"
            )
        if self.gamma is None and self.kind != "exponential":
            object.__setattr__(self, "gamma", STEP_GAMMA)
        if self.gamma is not None and not 0 < self.gamma <= 1:
            raise ValueError(f"gamma must be above 0 and at most 1, not {format_number(self.gamma)}")
        if not self.every >= 1 or self.every % 1:
            raise ValueError(
                f"every must be a whole number of steps, at least 1, not {json_fields.excerpt(self.every)}"
            )
        object.__setattr__(self, "warmup", int(self.warmup))  # 20.0 is written and read as 20
        object.__setattr__(self, "every", int(self.every))

    def factor(self, step: int, steps: int) -> float:
        """The factor on the learning rate in `step`, 1 … `steps`, of a race of `steps`."""
        if step <= self.warmup:
            return step / self.warmup
        done = step - 1 - self.warmup  # steps taken since the warm-up
        match self.kind:
            case "constant":
                return 1.0
            case "step":
                return float(self.rate(steps) ** (done // self.every))
            case "exponential":
                return float(self.rate(steps) ** done)
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * done / max(steps - self.warmup, 1)))

    def rate(self, steps: int) -> float:
        """`gamma`, or its default for a race of `steps`."""
        return EXPONENTIAL_END ** (1 / max(steps - self.warmup, 1)) if self.gamma is None else self.gamma

    def describe(self) -> str:
        """A short description: "cosine to 0, warm-up 20"."""
        match self.kind:
            case "step":
                words = f"×{self.rate(1):g} every {self.every}"
            case "exponential":
                words = f"down to {EXPONENTIAL_END:.0%}" if self.gamma is None else f"×{self.gamma:g} a step"
            case "cosine":
                words = "cosine to 0"
            case _:
                words = "constant"
        return f"{words}, warm-up {self.warmup}" if self.warmup else words


CONSTANT = Schedule()
