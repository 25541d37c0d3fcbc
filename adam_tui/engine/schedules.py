"""How the learning rate changes over a race: constant, in steps, exponentially, along a cosine, after a warm-up.

Each factor equals that of torch.optim.lr_scheduler with `scheduler.step()` after every optimizer step: StepLR,
ExponentialLR, CosineAnnealingLR (to 0 over the whole race), and LinearLR for the warm-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["constant", "step", "exponential", "cosine"]
KINDS: tuple[Kind, ...] = ("constant", "step", "exponential", "cosine")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A factor on the learning rate for each step.

    `warmup` steps rise linearly to the full rate; then the `kind` begins: `step` multiplies by `gamma` after every
    `every` steps, `exponential` by `gamma` after each step, `cosine` falls to 0 at the race's last step.
    """

    kind: Kind = "constant"
    warmup: int = 0
    gamma: float = 0.5
    every: int = 100

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a schedule is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.warmup < 0 or self.warmup != int(self.warmup):
            raise ValueError(f"warmup must be a whole number of steps, at least 0, not {self.warmup:g}")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"gamma must be above 0 and at most 1, not {self.gamma:g}")
        if self.every < 1 or self.every != int(self.every):
            raise ValueError(f"every must be a whole number of steps, at least 1, not {self.every:g}")

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by for step 1 … `steps` of a race of `steps`."""
        if step <= self.warmup:
            return step / self.warmup
        done = step - 1 - self.warmup  # steps taken since the schedule proper began
        match self.kind:
            case "constant":
                return 1.0
            case "step":
                return float(self.gamma ** (done // self.every))
            case "exponential":
                return float(self.gamma**done)
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * done / max(steps - self.warmup, 1)))

    def describe(self) -> str:
        """In a few words: "cosine after 20 steps of warm-up"."""
        words = {
            "constant": "constant",
            "step": f"×{self.gamma:g} every {self.every}",
            "exponential": f"×{self.gamma:g} a step",
            "cosine": "cosine to 0",
        }[self.kind]
        return f"{words}, warm-up {self.warmup}" if self.warmup else words


CONSTANT = Schedule()
