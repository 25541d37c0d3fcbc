"""The vocabulary of a run: its specification, its events, and how an event is written as a line of metrics.jsonl.

Every message is a frozen dataclass and one JSON line. A change here changes a file format: lines and specifications of
earlier versions must stay readable, and unknown keys and events of later ones are ignored. JSON has no word for a
number that is not finite: such a number is written as the string "nan", "inf" or "-inf". Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from adam_tui.engine.class_reference import short_name
from adam_tui.engine.class_signature import Signature, signature_from_json
from adam_tui.runs.weights_file import KEPT

# "queued": the process waits until its device is free, see `training.device_queue`.
State = Literal["queued", "starting", "running", "paused", "finished", "stopped", "failed"]
QUEUED: State = "queued"
ENDED: frozenset[str] = frozenset({"finished", "stopped", "failed"})
LOST = "lost"  # the state of a run whose process ended without an `Ended`; no process writes it
INACTIVE = ENDED | {LOST}
# Only a damaged file has values beyond these.
MAX_COUNT = 1 << 53  # larger integers are not exact as floats
YEAR_3000 = 32_503_680_000.0  # the last year of Windows' calendar
NOT_FINITE = {"nan", "inf", "-inf"}
CLASSES = 10  # of every data set


@dataclass(frozen=True, slots=True)
class RunSpec:
    """The specification of a run, written once as spec.json. The defaults are the article's: Adam, 5e-4, 64, 50 epochs.

    `hyperparameters` holds every knob of the optimizer by torch.optim's name with betas split, and always `lr`.
    `device` is auto, cpu, cuda, cuda:N or mps; `precision` is auto, float32 or bfloat16. `limit` is the number of
    training images to use, 0 for all; a test always uses all test images.

    `data` is a name of `recipes.DATA_SETS`; `data_dir` is a folder that already holds it in torchvision's layout, so
    that nothing is downloaded. With `queue` the run waits while another one trains on the same device of this host, and
    with `after_sweeps` while the slots of a sweep do.
    `tensorboard` adds TensorBoard's event files to the run's directory.

    `validation` is the number of training images that are held out to choose settings with, spread evenly over the
    file whatever the seed; the test images are then used once, after the last epoch. `sweep` and `trial` are the sweep
    that started the run and the identity of its trial, "" for a run of its own.

    `weights` is the number of steps whose weights are kept in weights.bin, 0 for none. A specification of an earlier
    version has no such field: that run keeps none.

    `optimizer` may be a class of the user (`engine.class_reference`). Then `signature` holds the parameters of its
    constructor, `hyperparameters` those that are numbers, and `arguments` the given ones that are none. `network` is
    the function that builds the network, "" for the article's. `code` holds the SHA-256 of each file of the user, by
    the name of its copy in the run's directory (`runs.user_code`). `calls` is what a step of the class needs besides
    the gradients, as far as it is known: closure, graph (of second derivatives), modes (train and eval).
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
    after_sweeps: bool = False
    tensorboard: bool = False
    validation: int = 0
    sweep: str = ""
    trial: str = ""
    weights: int = KEPT
    signature: Signature = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    network: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()

    @property
    def optimizer_label(self) -> str:
        """The short name of the optimizer: adam, or MyAdam for a class of the user."""
        return short_name(self.optimizer)

    @property
    def lr(self) -> float | None:
        """The learning rate; None for a class of the user without one."""
        return self.hyperparameters.get("lr")

    @property
    def measured_on(self) -> str:
        """The images of the numbers after each epoch, which were not trained on: "validation" or "test"."""
        return "validation" if self.validation else "test"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back; the fields of a user's code only where there is some."""
        body = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        body |= {"hyperparameters": dict(self.hyperparameters), "arguments": dict(self.arguments)}
        body |= {"signature": [each.to_json() for each in self.signature], "code": dict(self.code)}
        body |= {"calls": list(self.calls)}
        return {name: value for name, value in body.items() if value or name not in OF_USER_CODE}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """The inverse of `to_json`. Ignores unknown keys. Raises ValueError for anything else."""
        try:
            known = {f.name: _decode(f.type, data[f.name]) for f in dataclasses.fields(cls) if f.name in data}
            known.setdefault("weights", 0)
            if "lr" not in known["hyperparameters"] and not known.get("signature"):
                raise ValueError("hyperparameters hold no lr")
        except KeyError as error:
            raise ValueError(f"not a run specification: {error.args[0]} is missing") from None
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a run specification: {error}") from None
        return cls(**known)


# Fields that only a run with code of the user has; the specification of any other run is as before.
OF_USER_CODE = {"signature", "arguments", "network", "code", "calls"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of metrics.jsonl. `time` is in seconds since 1970, `step` is the number of optimizer steps taken so far.

    The lines are in the order of time, but not always of steps: a process that is killed leaves lines that are newer
    than its last checkpoint, and the next process repeats those steps. The `step` of that process's `Started` is the
    step of the checkpoint: earlier lines about later steps, and about epochs that ended later, no longer count.
    """

    name: ClassVar[str] = ""
    time: float
    step: int

    def is_valid(self) -> bool:
        """Whether the values can belong together; `from_line` ignores the line of an event that is not valid."""
        return 0.0 <= self.time < YEAR_3000  # False for nan


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The process has loaded data and model and is about to take its first step."""

    name: ClassVar[str] = "start"
    run: str
    spec: RunSpec
    device: str
    precision: str
    parameters: int
    steps_per_epoch: int
    torch: str

    def is_valid(self) -> bool:
        """An epoch has at least one step."""
        return Event.is_valid(self) and self.steps_per_epoch >= 1


@dataclass(frozen=True, slots=True)
class Steps(Event):
    """The losses of the steps since the last such event, up to `step`; written about four times a second.

    The last loss is that of step number `step` (counted from 1), computed before that step moved the weights.
    """

    name: ClassVar[str] = "steps"
    losses: tuple[float, ...]

    def is_valid(self) -> bool:
        """There is at least one loss, and none is of a step before the first."""
        return Event.is_valid(self) and 1 <= len(self.losses) <= self.step


@dataclass(frozen=True, slots=True)
class Epoch(Event):
    """An epoch, counted from 1, has ended.

    `train_loss` is its mean over the images, `test_accuracy` the share (0 to 1) of all test images. `seconds`
    is the time of training and testing without pauses; `samples_per_second` is the speed of training alone.

    In a run with held-out images the validation numbers are theirs, and the test numbers are NaN before the last epoch.
    In any other run the validation numbers are NaN.
    """

    name: ClassVar[str] = "epoch"
    epoch: int
    train_loss: float
    test_loss: float
    test_accuracy: float
    seconds: float
    samples_per_second: float
    validation_loss: float = math.nan
    validation_accuracy: float = math.nan

    @property
    def held_out_loss(self) -> float:
        """The mean loss over images that were not trained on: the validation images, else the test images."""
        return self.test_loss if math.isnan(self.validation_accuracy) else self.validation_loss

    @property
    def held_out_accuracy(self) -> float:
        """The accuracy (0 to 1) for the same images."""
        return self.test_accuracy if math.isnan(self.validation_accuracy) else self.validation_accuracy

    def is_valid(self) -> bool:
        """Epochs are counted from 1, times and speeds are not negative, and one accuracy at least is measured.

        A measured accuracy is a share.
        """
        counted = self.epoch >= 1 and self.seconds >= 0 and self.samples_per_second >= 0
        accuracies = [each for each in (self.test_accuracy, self.validation_accuracy) if not math.isnan(each)]
        return Event.is_valid(self) and counted and bool(accuracies) and all(0 <= each <= 1 for each in accuracies)


@dataclass(frozen=True, slots=True)
class Layers(Event):
    """How the weights moved in this epoch, tensor by tensor: these numbers show whether the learning rate is right.

    Means over a few steps spread over the epoch: `gradient_norm` is ‖g‖, `update_ratio` is ‖Δw‖/‖w‖ of one step. A
    ratio near 1e-3 is healthy; with a much larger one the weights jump, with a much smaller one they hardly move.
    """

    name: ClassVar[str] = "layers"
    names: tuple[str, ...]
    gradient_norm: tuple[float, ...]
    update_ratio: tuple[float, ...]

    def is_valid(self) -> bool:
        """Each tensor has both numbers."""
        return Event.is_valid(self) and len(self.names) == len(self.gradient_norm) == len(self.update_ratio)


@dataclass(frozen=True, slots=True)
class Sample(Event):
    """The predictions and their confidence (0 to 1) for the fixed sample digits, image by image."""

    name: ClassVar[str] = "sample"
    labels: tuple[int, ...]
    predictions: tuple[int, ...]
    confidences: tuple[float, ...]

    def is_valid(self) -> bool:
        """Each image has a prediction and a confidence, and every class exists."""
        known = all(number < CLASSES for number in (*self.labels, *self.predictions))
        return Event.is_valid(self) and known and len(self.labels) == len(self.predictions) == len(self.confidences)


@dataclass(frozen=True, slots=True)
class Changed(Event):
    """A hyperparameter has a new value from this step on; `parameter` is its name (the JSON key is "name")."""

    name: ClassVar[str] = "set"
    parameter: str
    value: float


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The process takes no step until `Resumed`."""

    name: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The process takes steps again."""

    name: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class Checkpointed(Event):
    """checkpoint.pt holds the state after `step`."""

    name: ClassVar[str] = "checkpoint"
    path: str


@dataclass(frozen=True, slots=True)
class Diverged(Event):
    """The loss of this step was not finite; written once."""

    name: ClassVar[str] = "diverged"


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """The run has ended: `state` is finished, stopped or failed."""

    name: ClassVar[str] = "end"
    state: str
    reason: str

    def is_valid(self) -> bool:
        """The state is one of an ended run."""
        return Event.is_valid(self) and self.state in ENDED


EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (Started, Steps, Epoch, Layers, Sample, Changed, Paused, Resumed, Checkpointed, Diverged, Ended)
}


def to_line(event: Event) -> str:
    """The event as one line of JSON, with the newline."""
    keys = {"parameter": "name"} if isinstance(event, Changed) else {}
    body = {
        keys.get(f.name, f.name): getattr(event, f.name) for f in dataclasses.fields(event) if _is_written(event, f)
    }
    if isinstance(event, Started):
        body["spec"] = event.spec.to_json()
    return json.dumps({"event": event.name} | _encode(body), separators=(",", ":"), allow_nan=False) + "\n"


def _is_written(event: Event, field: dataclasses.Field[Any]) -> bool:
    """Whether a field is written: not one whose default, NaN, shows that nothing was measured."""
    return not (isinstance(field.default, float) and math.isnan(getattr(event, field.name)))


def from_line(line: str | bytes) -> Event | None:
    """The event of a line of any JSON writer; None for a torn line, damaged values or an event of a newer version."""
    try:
        data = parse_json(line.decode("utf-8", "replace") if isinstance(line, bytes) else line)
        kind = EVENTS[data["event"]]
        if kind is Changed:
            data["parameter"] = data["name"]
        if kind is Started:
            data["spec"] = RunSpec.from_json(data["spec"])
        event = kind(**{f.name: _decode(f.type, data[f.name]) for f in dataclasses.fields(kind) if _is_given(f, data)})
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return event if event.is_valid() else None


def _is_given(field: dataclasses.Field[Any], data: Mapping[str, Any]) -> bool:
    """Whether a field is to be read: earlier versions did not write those that have a default."""
    return field.name in data or field.default is dataclasses.MISSING


def parse_json(text: str | bytes) -> Any:
    """`json.loads` that raises ValueError for every damaged text, also for one that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _encode(value: Any) -> Any:
    """The value with every float that is not finite as a string."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {k: _encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(v) for v in value]
    return value


def _decode_number(value: Any) -> float:
    """A number, or the text of one that is not finite. Raises TypeError or ValueError for anything else."""
    if isinstance(value, str) and value in NOT_FINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number is needed, not {value!r:.50}")
    return float(value)


def _decode_count(value: Any) -> int:
    """A whole number of things, from 0 on. Raises TypeError or ValueError for anything else."""
    number = _decode_number(value)
    if not 0 <= number <= MAX_COUNT or number != int(number):
        raise ValueError(f"a whole number from 0 on is needed, not {value!r:.50}")
    return int(number)


def _sequence(value: Any) -> list[Any]:
    """A JSON array. Raises TypeError for anything else."""
    if not isinstance(value, list):
        raise TypeError(f"a list is needed, not {value!r:.50}")
    return value


def _decode(annotation: Any, value: Any) -> Any:
    """The JSON value as the type of a field; annotations are strings here. Raises ValueError or TypeError."""
    if annotation == "float":
        return _decode_number(value)
    if annotation == "int":
        return _decode_count(value)
    if annotation == "tuple[float, ...]":
        plain = set(map(type, _sequence(value))) <= {float, int}  # quicker: exports read millions
        return tuple(map(float if plain else _decode_number, value))
    if annotation == "tuple[int, ...]":
        return tuple(map(_decode_count, _sequence(value)))
    if annotation == "tuple[str, ...]":
        return tuple(_decode("str", each) for each in _sequence(value))
    if annotation == "bool" and not isinstance(value, bool):
        raise TypeError(f"true or false is needed, not {value!r:.50}")
    if annotation == "str | None":
        return None if value is None else _decode("str", value)
    if annotation == "Mapping[str, float]":
        return {str(k): _decode_number(v) for k, v in dict(value).items()}
    if annotation == "Signature":
        return signature_from_json(value)
    if annotation == "Mapping[str, str]":
        return {str(k): _decode("str", v) for k, v in dict(value).items()}
    if annotation == "Mapping[str, Any]":
        return {str(k): tuple(v) if isinstance(v, list) else v for k, v in dict(value).items()}
    if annotation == "str" and not isinstance(value, str):
        raise TypeError(f"text is needed, not {value!r:.50}")
    return value


# The fast path for long runs.


def event_name(line: bytes) -> str | None:
    """The name of the event of a line that `to_line` wrote, without parsing it; None for any other line."""
    match = _EVENT_NAME.match(line)
    return match[1].decode() if match else None


def split_steps(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The texts of `time`, `step` and `losses` (without brackets) of a `Steps` that `to_line` wrote; None for others.

    The fast path for long runs: a million losses take a tenth of a second this way and three times as long with
    `from_line`. A line with a loss that is not finite, or of another JSON writer, is left to `from_line`.
    """
    match = _STEPS.fullmatch(line)
    return (match[1], match[2], match[3]) if match else None


def _steps_pattern() -> re.Pattern[bytes]:
    """The pattern of a line of finite losses, made from such a line, so that `to_line` alone defines the format."""
    pattern = re.escape(to_line(Steps(1.5, 2, (3.5,))).rstrip("\n"))
    for example, group in ((r"1\.5", "([0-9.]+)"), (":2,", ":([0-9]{1,15}),"), (r"3\.5", "([-+.0-9e,]+)")):
        assert pattern.count(example) == 1
        pattern = pattern.replace(example, group)
    return re.compile(pattern.encode())


_STEPS = _steps_pattern()
_EVENT_NAME = re.compile(re.escape(to_line(Paused(0.0, 0)).partition("pause")[0]).encode() + rb"([a-z]+)\"")
