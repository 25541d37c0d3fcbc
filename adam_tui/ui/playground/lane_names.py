"""The names of lanes that share an optimizer: the settings in which they differ, such as "sgd lr 0.041".

Exports name the same lanes sgd and sgd-2 (`Scenario.labels`); the screen says what the number stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from adam_tui.engine.lane import Lane
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import CONSTANT


class LaneName(NamedTuple):
    """The names of one lane, the longest first, and the settings alone; `settings` is "" where nothing differs."""

    names: tuple[str, ...]
    settings: str = ""


class _Setting(NamedTuple):
    name: str
    symbol: str
    value: str


@lru_cache(maxsize=8)
def lane_names(scenario: Scenario) -> tuple[LaneName, ...]:
    """The names of every lane. A lane that differs from no other of its optimizer has only its label."""
    lanes = scenario.lanes
    labels = scenario.labels()
    names = []
    for label, lane in zip(labels, lanes, strict=True):
        twins = [each for each in lanes if each.optimizer == lane.optimizer]
        settings = [_settings(each) for each in twins]
        own = _settings(lane)
        different = [i for i in range(len(own)) if len({each[i] for each in settings}) > 1]
        if not different:
            names.append(LaneName((label,)))
            continue
        unique = sum(each == own for each in settings) == 1
        words = ", ".join(f"{own[i].name} {own[i].value}".strip() for i in different)
        symbols = ", ".join(f"{own[i].symbol} {own[i].value}".strip() for i in different)
        stem = lane.rule.label if unique else label
        names.append(LaneName((f"{stem} {words}", f"{stem} {symbols}", symbols if unique else label, label), symbols))
    return tuple(names)


def _settings(lane: Lane) -> tuple[_Setting, ...]:
    """All settings of a lane as text, the same ones for every lane of an optimizer."""
    settings = []
    for name, text in lane.texts:
        settings.append(_Setting(name, name, text))
    for knob in lane.rule.knobs:
        values = [lane[knob.name], *(change.value for change in lane.changes if change.name == knob.name)]
        symbol = "lr" if knob.name == "lr" else knob.symbol
        settings.append(_Setting(knob.name, symbol, "→".join(map(knob.format, values))))
    steps = sorted({change.step for change in lane.changes})
    settings.append(_Setting("changed at", "at", ", ".join(map(str, steps))))
    schedule = "" if lane.schedule == CONSTANT else lane.schedule.describe()
    settings.append(_Setting("", "", schedule or "constant"))
    return tuple(settings)


def fitting(names: Sequence[str], columns: int) -> str:
    """The longest name that fits, else the last one."""
    return next((name for name in names if len(name) <= columns), names[-1])
