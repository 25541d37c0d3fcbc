"""The choices that training offers: optimizers with their knobs and defaults, data sets, devices; and their checks.

The optimizers have the engine's names and knobs, without those that only the playground has. The learning rates differ
from the playground's: a network of 62,346 weights with noisy gradients is not a bowl. The command line and the screens
read these tables, so nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adam_tui.engine.class_reference import ClassReference, is_reference, short_name
from adam_tui.engine.class_signature import NUMERIC, Signature, knobs_of, split_settings
from adam_tui.engine.knobs import Knob, find_knob
from adam_tui.engine.names import suggest
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.user_paths import expand_home
from adam_tui.runs.weights_file import KEPT, MOST

# torch.optim has no such switch: its Adam always corrects the bias.
PLAYGROUND_ONLY = {"bias_correction"}

# Learning rates that train this network well with batches of 64: Adam's is the article's; those of Adadelta, Adagrad,
# Adamax, NAdam, RAdam, Adafactor and Rprop are torch.optim's own, Lion's is its paper's. torch's 1e-3 for SGD is too
# slow for 50 epochs and its 1e-2 for RMSprop too coarse; AdamW and AMSGrad share Adam's, ASGD SGD's.
TRAINING_LR = {
    "sgd": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "asgd": 0.1,
    "rprop": 1e-2,
    "adagrad": 1e-2,
    "adadelta": 1.0,
    "rmsprop": 5e-4,
    "adam": 5e-4,
    "amsgrad": 5e-4,
    "adamw": 5e-4,
    "adamax": 2e-3,
    "nadam": 2e-3,
    "radam": 1e-3,
    "adafactor": 1e-2,
    "lion": 1e-4,
    "muon": 1e-3,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """An optimizer as training offers it, with training's defaults."""

    name: str
    title: str
    knobs: tuple[Knob, ...]

    def defaults(self) -> dict[str, float]:
        """Every knob at its default."""
        return {knob.name: knob.default for knob in self.knobs}

    def knob(self, name: str) -> Knob:
        """The knob with this name. Raises ValueError with one line that lists the knobs."""
        return find_knob(self.knobs, name, self.name)


def _recipe(name: str, title: str, knobs: Iterable[Knob]) -> Recipe:
    own = [
        dataclasses.replace(knob, default=TRAINING_LR[name]) if knob.name == "lr" else knob
        for knob in knobs
        if knob.name not in PLAYGROUND_ONLY
    ]
    return Recipe(name, title, tuple(own))


TRAINING_OPTIMIZERS: dict[str, Recipe] = {
    optimizer.name: _recipe(optimizer.name, optimizer.title, optimizer.knobs)
    for optimizer in OPTIMIZERS.values()
    if optimizer.name in TRAINING_LR  # the playground may have one that the training process cannot build
}

RUN_KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob("batch_size", "B", 64.0, "power_of_two", "images a step", low=1.0, high=8192.0),
        Knob("epochs", "E", 50.0, "integer", "times through the training images", low=1.0, high=100_000.0),
        Knob("seed", "", 0.0, "integer", "of the weights and the order of the images", low=0.0, high=2.0**32 - 1),
    )
}
WEIGHTS_KNOB = Knob("weights", "", KEPT, "integer", "keep the weights of so many steps", low=0.0, high=MOST)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Ten classes of grey 28×28 images, as MNIST has. `megabytes` is the size of the download."""

    name: str
    title: str
    train_images: int
    test_images: int
    megabytes: int
    classes: tuple[str, ...] = tuple("0123456789")


DATA_SETS: dict[str, DataSet] = {
    each.name: each
    for each in (
        DataSet("mnist", "MNIST", 60_000, 10_000, 0),
        # Class names shortened to fit a column.
        DataSet(
            "fashion-mnist",
            "Fashion-MNIST",
            60_000,
            10_000,
            31,
            ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
        ),
        DataSet(
            "kmnist",
            "Kuzushiji-MNIST",
            60_000,
            10_000,
            21,
            ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        ),
        # The archive holds every other part of EMNIST too.
        DataSet("emnist-digits", "EMNIST digits", 240_000, 40_000, 562),
    )
}
DEVICES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
PRECISIONS = ("auto", "float32", "bfloat16")


def parse_optimizer(text: str, settings: Sequence[str] = ()) -> tuple[str, dict[str, float]]:
    """The name and the given values of "adam:beta1=0.95,eps=1e-8"; `settings` are more of them, "eps=1e-8" each.

    Raises ValueError with one line.
    """
    name, colon, rest = text.strip().partition(":")
    recipe = _find(name.strip())
    values: dict[str, float] = {}
    for part in [*(rest.split(",") if colon else ()), *settings]:
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part.strip()!r} in {text!r} is not a setting: write {recipe.name}:lr=0.01")
        knob = recipe.knob(key.strip())
        if knob.name in values:
            raise ValueError(f"{knob.name} is set twice in {text!r}")
        values[knob.name] = knob.parse(value)
    return recipe.name, values


def make_spec(optimizer: str, values: Mapping[str, float], **rest: Any) -> RunSpec:
    """A checked specification with every knob: `values` over the defaults, `rest` are RunSpec's other fields.

    Raises ValueError with one line for an unknown name or a value that is not allowed.
    """
    if is_reference(optimizer):
        name, hyperparameters = optimizer, _numbers_of_class(optimizer, rest.get("signature", ()), values)
    else:
        recipe = _find(optimizer)
        name, hyperparameters = recipe.name, recipe.defaults()
        for each, value in values.items():
            hyperparameters[each] = recipe.knob(each).check(float(value))
    for knob in (*RUN_KNOBS.values(), WEIGHTS_KNOB, *_image_knobs(rest.get("data", RunSpec().data))):
        if knob.name in rest:
            rest[knob.name] = int(knob.check(rest[knob.name]))
    spec = RunSpec(optimizer=name, hyperparameters=hyperparameters, **rest)
    if not DEVICES.fullmatch(spec.device):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps, not {spec.device!r}")
    if spec.precision not in PRECISIONS:
        raise ValueError(f"precision must be auto, float32 or bfloat16, not {spec.precision!r}")
    if spec.after_sweeps and not spec.queue:
        raise ValueError("a run that does not queue cannot wait for sweeps")
    return spec


def _image_knobs(data: str) -> tuple[Knob, Knob]:
    """The knobs `limit` and `validation` for a data set. Raises ValueError for an unknown one."""
    if data not in DATA_SETS:
        raise ValueError(f"no data set {data!r}{suggest(data, DATA_SETS)}")
    most = float(DATA_SETS[data].train_images)
    return (
        Knob("limit", "", 0.0, "integer", "train on the first so many images only", low=0.0, high=most),
        Knob("validation", "", 0.0, "integer", "hold out so many training images", low=0.0, high=most - 1),
    )


def accuracy_with_error(data: str, accuracy: float) -> str:
    """A test accuracy with its standard error, from the number of test images: "98.60% ± 0.12%"."""
    if data not in DATA_SETS:  # of a newer version
        return f"{accuracy:.2%}"
    return f"{accuracy:.2%} ± {math.sqrt(accuracy * (1 - accuracy) / DATA_SETS[data].test_images):.2%}"


def check_spec(spec: RunSpec) -> RunSpec:
    """The specification from a file that anyone may have edited, checked and completed as by `make_spec`."""
    given = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return make_spec(given.pop("optimizer"), given.pop("hyperparameters"), **given)


def _numbers_of_class(optimizer: str, signature: Signature, values: Mapping[str, float]) -> dict[str, float]:
    """The numbers that the constructor of a user's class gets: its own defaults, and `values` over them.

    Raises ValueError with one line for a specification without the signature, and for a wrong name or value.
    """
    label = ClassReference.parse(optimizer).label
    if not signature:
        raise ValueError(f"the specification lacks the parameters of {label}")
    known = {each.name: each for each in signature if each.kind in NUMERIC}
    numbers = {
        name: float(each.default)
        for name, each in known.items()
        if each.default is not None and math.isfinite(each.default)
    }
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{label} has no {name!r}{suggest(name, known)}")
        knob = known[name].knob()
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, not {value}")
        numbers[name] = knob.check(float(value)) if knob is not None else float(value)
    return numbers


def check_data_directory(text: str) -> str:
    """The absolute path of an existing folder. Raises ValueError; the training process checks its content."""
    path = expand_home(text)
    if not path.is_dir():
        raise ValueError(f"there is no folder {text}")
    return str(path.absolute())


def check_tensorboard() -> None:
    """Raise ValueError with one line when the package tensorboard is not installed. Does not import it."""
    try:
        specification = importlib.util.find_spec("tensorboard")
    except ValueError:  # a module without a specification has that name
        specification = None
    if specification is None:
        raise ValueError("tensorboard is not installed: pip install tensorboard, or leave --tensorboard out")


def recipe_of(spec: RunSpec) -> Recipe:
    """The knobs of a run's optimizer, with their defaults. Raises ValueError for an unknown optimizer."""
    return class_recipe(spec.optimizer, spec.signature) if is_reference(spec.optimizer) else _find(spec.optimizer)


def class_recipe(optimizer: str, signature: Signature) -> Recipe:
    """The recipe of a user's class: those of its parameters that are knobs."""
    label = short_name(optimizer)
    return Recipe(label, label, knobs_of(signature))


def optimizer_title(optimizer: str) -> str:
    """The optimizer as people write it: Adam, or MyAdam for a class of the user; an unknown name as it is."""
    recipe = TRAINING_OPTIMIZERS.get(optimizer)
    return recipe.title if recipe is not None else short_name(optimizer)


def check_setting(spec: RunSpec, name: str, value: float) -> float:
    """The value, if the run's optimizer has this knob, which can change, and allows it. Raises ValueError."""
    if any(each.name == name and each.fixed for each in spec.signature):
        raise ValueError(f"{name} acts before the first step only")
    return recipe_of(spec).knob(name).check(value)


def parse_settings(spec: RunSpec, text: str) -> dict[str, float]:
    """The values in "lr=0.01,beta1=0.5" for a run's optimizer. Raises ValueError with one line."""
    values: dict[str, float] = {}
    for name, value in split_settings(text):
        knob = recipe_of(spec).knob(name)
        if name in values:
            raise ValueError(f"{name} is set twice in {text!r}")
        values[name] = check_setting(spec, name, knob.parse(value))
    return values


def _find(name: str) -> Recipe:
    if name in TRAINING_OPTIMIZERS:
        return TRAINING_OPTIMIZERS[name]
    raise ValueError(f"no optimizer {name!r}{suggest(name, TRAINING_OPTIMIZERS)}")
