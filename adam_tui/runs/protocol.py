"""The vocabulary between a training process and whoever watches it: what is asked, what is told, what is ordered.

Every message is a frozen dataclass and one JSON line. Standard library only, so that any script, and the interface,
can read a run without importing torch. A number that is not finite is written as the string "nan", "inf" or "-inf",
because JSON has no word for it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

# "queued" is a process that waits for its turn on the device, see `turn`.
State = Literal["queued", "starting", "running", "paused", "finished", "stopped", "failed"]
ENDED: frozenset[str] = frozenset({"finished", "stopped", "failed"})


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What was asked of a run; written once as spec.json. Defaults are the article's: Adam, 5e-4, 64, 50 epochs.

    `hyperparameters` holds every knob of the optimizer by torch.optim's name with betas split, and always `lr`.
    `device` is auto, cpu, cuda, cuda:N or mps; `precision` is auto, float32 or bfloat16. `limit` keeps only the first
    so many training images, for a quick try; 0 keeps all. The test images are always all of them.

    `data` is a name of `recipes.DATA_SETS`; `data_dir` is a folder that holds it already, in torchvision's layout, so
    nothing is downloaded. With `queue` the run waits while another one trains on the same device of this host.
    `tensorboard` writes event files into the run's directory besides.
    """

    optimizer: str = "adam"
    hyperparameters: Mapping[str, float] = field(default_factory=lambda: {"lr": 5e-4})
    batch_size: int = 64
    epochs: int = 50
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    limit: int = 0
    data: str = "mnist"
    data_dir: str | None = None
    queue: bool = True
    tensorboard: bool = False

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | {
            "hyperparameters": dict(self.hyperparameters)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """Read what `to_json` wrote; unknown keys, of a newer version, are left out. ValueError when it is no spec."""
        try:
            known = {f.name: _read(f.type, data[f.name]) for f in dataclasses.fields(cls) if f.name in data}
            if "lr" not in known["hyperparameters"]:
                raise ValueError("hyperparameters hold no lr")
        except KeyError as error:
            raise ValueError(f"not a run specification: {error.args[0]} is missing") from None
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a run specification: {error}") from None
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of metrics.jsonl. `time` is in seconds since 1970, `step` is the number of optimizer steps taken so far.

    The lines are in the order of time, but not always of step: a process that was killed after its last checkpoint
    leaves lines that the next one repeats. The `Started` of that one says with its `step` where it took up the work,
    so whatever was told of later steps, or of epochs that ended later, no longer counts.
    """

    name: ClassVar[str] = ""
    time: float
    step: int


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The process has its data and its model and is about to take the first step (of this process)."""

    name: ClassVar[str] = "start"
    run: str
    spec: RunSpec
    device: str
    precision: str
    parameters: int
    steps_per_epoch: int
    torch: str


@dataclass(frozen=True, slots=True)
class Steps(Event):
    """The losses of the steps since the last such event, up to `step`; about four a second.

    The last loss is that of step number `step` (counted from 1), taken before that step moved the weights.
    """

    name: ClassVar[str] = "steps"
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Epoch(Event):
    """An epoch, counted from 1, is over.

    `train_loss` is its mean over the images, `test_accuracy` the share (0 to 1) of all test images. `seconds`
    is the time spent on training and testing, pauses left out; `samples_per_second` is that of training alone.
    """

    name: ClassVar[str] = "epoch"
    epoch: int
    train_loss: float
    test_loss: float
    test_accuracy: float
    seconds: float
    samples_per_second: float


@dataclass(frozen=True, slots=True)
class Layers(Event):
    """How the weights moved in this epoch, tensor by tensor: the numbers that tell whether the learning rate is right.

    Means over a few steps spread over the epoch: `gradient_norm` is ‖g‖, `update_ratio` is ‖Δw‖/‖w‖ of one step. A
    ratio near 1e-3 is healthy; far above the weights jump, far below they stand still.
    """

    name: ClassVar[str] = "layers"
    names: tuple[str, ...]
    gradient_norm: tuple[float, ...]
    update_ratio: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sample(Event):
    """The predictions and their confidence (0 to 1) for the fixed sample digits, image by image."""

    name: ClassVar[str] = "sample"
    labels: tuple[int, ...]
    predictions: tuple[int, ...]
    confidences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Changed(Event):
    """A hyperparameter took a new value from this step on; `parameter` is its name (the JSON key is "name")."""

    name: ClassVar[str] = "set"
    parameter: str
    value: float


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """No step is taken until `Resumed`."""

    name: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """Steps are taken again."""

    name: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class Checkpointed(Event):
    """checkpoint.pt now holds the state after `step`."""

    name: ClassVar[str] = "checkpoint"
    path: str


@dataclass(frozen=True, slots=True)
class Diverged(Event):
    """The loss of this step was not finite; told once."""

    name: ClassVar[str] = "diverged"


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """The run is over: `state` is finished, stopped or failed."""

    name: ClassVar[str] = "end"
    state: str
    reason: str


EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (Started, Steps, Epoch, Layers, Sample, Changed, Paused, Resumed, Checkpointed, Diverged, Ended)
}


def to_line(event: Event) -> str:
    """The event as one line of JSON, with the newline."""
    keys = {"parameter": "name"} if isinstance(event, Changed) else {}
    body = {keys.get(f.name, f.name): getattr(event, f.name) for f in dataclasses.fields(event)}
    if isinstance(event, Started):
        body["spec"] = event.spec.to_json()
    return json.dumps({"event": event.name} | _spelled(body), separators=(",", ":"), allow_nan=False) + "\n"


def from_line(line: str) -> Event | None:
    """The event of one line; None for a torn line or an event of a newer version."""
    try:
        data = parse_json(line)
        kind = EVENTS[data["event"]]
        if kind is Changed:
            data["parameter"] = data["name"]
        if kind is Started:
            data["spec"] = RunSpec.from_json(data["spec"])
        values = {f.name: _read(f.type, data[f.name]) for f in dataclasses.fields(kind)}
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return kind(**values)


def parse_json(text: str | bytes) -> Any:
    """`json.loads` for a file that anyone may have damaged: ValueError for all that it refuses."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _spelled(value: Any) -> Any:
    """The value with every non-finite float spelled as a string."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {k: _spelled(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(v) for v in value]
    return value


def _whole(value: Any) -> int:
    """An integer that a float holds too: nobody counts further, but a damaged line may."""
    number = int(value)
    if abs(number) > 1 << 53:
        raise ValueError("an integer is too large")
    return number


def _read(annotation: Any, value: Any) -> Any:
    """The JSON value as the field's type says (annotations are strings here)."""
    if annotation == "float":
        return float(value)
    if annotation == "int":
        return _whole(value)
    if annotation == "tuple[float, ...]":
        return tuple(map(float, value))
    if annotation == "tuple[int, ...]":
        return tuple(map(_whole, value))
    if annotation == "tuple[str, ...]":
        return tuple(_read("str", each) for each in value)
    if annotation == "bool" and not isinstance(value, bool):
        raise TypeError(f"true or false is needed, not {value!r}")
    if annotation == "str | None":
        return None if value is None else _read("str", value)
    if annotation == "Mapping[str, float]":
        return {str(k): float(v) for k, v in dict(value).items()}
    if annotation == "str" and not isinstance(value, str):
        raise TypeError(f"text is needed, not {value!r}")
    return value
