"""A run as text to take away: the command that starts it again, a PyTorch script that trains the same, its JSON.

Text in, text out: torch is not needed to write it. The script does what the training process does, in the same order,
so that on a CPU in float32 it prints the same accuracies; a test runs it.
"""

from __future__ import annotations

import json
import shlex
from textwrap import indent

from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import format_value, typed
from adam_tui.engine.knobs import Knob
from adam_tui.engine.numbers import format_number
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.pytorch_sources import BY_HAND
from adam_tui.engine.rule import PARTS, join_parts
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import RUN_KNOBS, TRAINING_OPTIMIZERS, check_spec
from adam_tui.ui.train.labels import default_numbers

# The answers of the dialog: a key, the kind, and the label.
COPIES: tuple[tuple[str, str, str], ...] = (
    ("c", "command", "command line"),
    ("p", "pytorch", "PyTorch code"),
    ("j", "json", "JSON"),
)
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "emnist-digits": "EMNIST"}
# MNIST's pixels, 0 to 1, as the training normalises them; of the others it computes them.
MNIST_MEAN, MNIST_DEVIATION = 0.1307, 0.3081

MUON = '''\
class Muon:
    """Muon on every weight matrix, AdamW on every bias (Jordan et al. 2024); a filter bank is taken for a matrix."""

    def __init__(self, params, lr, momentum, nesterov, weight_decay, ns_steps):
        self.filters, vectors = [p for p in params if p.ndim > 1], [p for p in params if p.ndim <= 1]
        self.matrices = [self.matrix(p.detach()) for p in self.filters]
        self.parts = (
            torch.optim.Muon(
                self.matrices, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay,
                ns_steps=ns_steps, adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(vectors, lr=lr, weight_decay=weight_decay),
        )

    @staticmethod
    def matrix(weight):  # a view: the channels come last in memory
        return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight

    def zero_grad(self):
        for p in [*self.filters, *self.parts[1].param_groups[0]["params"]]:
            p.grad = None

    def step(self):
        for p, matrix in zip(self.filters, self.matrices):
            matrix.grad = self.matrix(p.grad)
        for part in self.parts:
            part.step()
'''


def copy_text(kind: str, spec: RunSpec) -> str:
    """Return a run as text, in one of `COPIES`.

    Raises ValueError with one line for a run that cannot be written so, such as a run of a newer version; KeyError for
    another kind.
    """
    return {"command": command, "pytorch": to_pytorch, "json": _json}[kind](spec)


def command(spec: RunSpec) -> str:
    """The `adam-tui train` that starts this run, quoted for a shell; defaults are left out."""
    usual = RunSpec()
    defaults = default_numbers(spec)
    changed = {k: v for k, v in spec.hyperparameters.items() if k != "lr" and v != defaults.get(k)}
    settings = [f"{name}={format_number(value)}" for name, value in changed.items()]
    settings += [f"{name}={format_value(value)}" for name, value in spec.arguments.items()]
    words = ["adam-tui", "train", "--optimizer", spec.optimizer + (f":{','.join(settings)}" if settings else "")]
    if spec.lr is not None and spec.lr != defaults.get("lr"):
        words += ["--lr", format_number(spec.lr)]
    if spec.network:
        words += ["--network", spec.network]
    for name in (*RUN_KNOBS, "device", "precision", "limit", "validation", "data", "data_dir", "weights"):
        value = getattr(spec, name)
        if value != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if spec.tensorboard:
        words.append("--tensorboard")
    if not spec.queue:
        words.append("--no-queue")
    if spec.after_sweeps:
        words.append("--after-sweeps")
    return shlex.join(words)


def _json(spec: RunSpec) -> str:
    return json.dumps(spec.to_json(), indent=2, allow_nan=False) + "\n"


def to_pytorch(spec: RunSpec) -> str:
    """A whole script: the same network, data, optimizer and seed; it prints the accuracy after each epoch.

    Raises ValueError with one line for an unknown optimizer or data set, and for values that no optimizer accepts.
    """
    spec = check_spec(spec)
    auto = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    device = auto if spec.device == "auto" else f'torch.device("{spec.device}")'
    by_hand = {"lion": BY_HAND["lion"][1], "muon": MUON}.get(spec.optimizer)
    parts = [
        f"# The run that this command starts, in PyTorch:\n#   {command(spec)}\n"
        + ("import runpy\n" if spec.code else "")
        + "import torch\nfrom torch import nn\nfrom torch.nn import functional\nfrom torchvision import datasets\n",
        f"DEVICE = {device}\nEPOCHS, BATCH, SEED = {spec.epochs}, {spec.batch_size}, {spec.seed}\n",
        _data(spec),
        *([by_hand] if by_hand else []),
        f"torch.manual_seed(SEED)\n{_network(spec)}optimizer = {_optimizer(spec)}\n",
        _loop(spec),
    ]
    return "\n".join(parts)


NETWORK = """\
network = nn.Sequential(
    nn.Conv2d(1, 32, 5), nn.MaxPool2d(2), nn.ReLU(),
    nn.Conv2d(32, 64, 5), nn.MaxPool2d(2), nn.ReLU(),
    nn.Flatten(), nn.Linear(64 * 4 * 4, 10),
).to(DEVICE, memory_format=torch.channels_last)
"""


def _network(spec: RunSpec) -> str:
    """The network: the article's, in torch's usual order of the weights for a class of the user; or the user's."""
    if spec.network:
        return f"network = {_imported(spec.network)}().to(DEVICE)\n"
    return NETWORK.replace(", memory_format=torch.channels_last", "") if spec.signature else NETWORK


def _imported(reference: str) -> str:
    """The expression for an object of the user's: `runpy.run_path("mine.py")["MyAdam"]`, or pkg.Class."""
    named = ClassReference.parse(reference)
    if named.path is None:
        return f"__import__({named.module!r}, fromlist=['_']).{named.name}"
    first, dot, rest = named.name.partition(".")
    return f"runpy.run_path({named.path!r})[{first!r}]{dot}{rest}"


def _data(spec: RunSpec) -> str:
    """Both halves as tensors on the device: no sample is touched by Python again."""
    root = spec.data_dir or "data"
    split = ', split="digits"' if spec.data == "emnist-digits" else ""
    limit = f"[:{spec.limit}]" if spec.limit else ""
    call = f"datasets.{TORCHVISION[spec.data]}({root!r}, train=train{split}, download={spec.data_dir is None})"
    pixels = "data.data.transpose(1, 2)" if spec.data == "emnist-digits" else "data.data"
    lines = [
        "def load(train):",
        f"    data = {call}",
        f"    images = {pixels}.unsqueeze(1).float().div(255)",
        "    return images.to(DEVICE), data.targets.to(DEVICE)",
        "",
        "",
        "(images, labels), (test_images, test_labels) = load(True), load(False)",
    ]
    if spec.data == "mnist":
        lines.append(f"mean, deviation = {MNIST_MEAN}, {MNIST_DEVIATION}")
    else:
        lines.append("mean, deviation = images.mean(), images.std()")
    if count := spec.validation:
        lines += [
            "kept = torch.ones(len(images), dtype=torch.bool)  # without the images that are held out",
            f"kept[(2 * torch.arange({count}) + 1) * len(images) // {2 * count}] = False",
            "held_images, held_labels = (images[~kept] - mean) / deviation, labels[~kept]",
            "images, labels = images[kept], labels[kept]",
        ]
    lines += [
        f"images, labels = ((images - mean) / deviation){limit}, labels{limit}",
        "test_images = (test_images - mean) / deviation",
    ]
    return "\n".join(lines) + "\n"


def _optimizer(spec: RunSpec) -> str:
    """The call that makes the optimizer, every value given."""
    values = dict(spec.hyperparameters)
    if spec.signature:
        return _class_call(spec)
    recipe = TRAINING_OPTIMIZERS[spec.optimizer]
    every = {knob.name: float(values.get(knob.name, knob.default)) for knob in recipe.knobs}
    whole = join_parts(every)
    written: dict[str, str] = {}
    for knob in recipe.knobs:
        if knob.name in PARTS:
            argument = PARTS[knob.name][0]
            written[argument] = repr(whole[argument])
        else:
            written[knob.name] = _literal(knob, every[knob.name])
    if spec.optimizer in ("lion", "muon"):
        name = recipe.title
    else:
        rule = OPTIMIZERS[spec.optimizer]
        name = f"torch.optim.{rule.torch_name}"
        written |= {key: repr(value) for key, value in rule.torch_arguments.items()}
    arguments = ", ".join(f"{key}={value}" for key, value in written.items())
    return f"{name}(list(network.parameters()), {arguments})"


def _class_call(spec: RunSpec) -> str:
    """The call of a class of the user, with the values that differ from its defaults."""
    defaults, given = default_numbers(spec), {**spec.hyperparameters, **spec.arguments}
    written: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for each in spec.signature:
        if each.name not in given:
            continue
        value = typed(each, given[each.name])
        if each.part_of:
            parts.setdefault(each.part_of, []).append(repr(value))
        elif each.name not in defaults or defaults[each.name] != given[each.name]:
            written[each.name] = repr(value)
    written |= {name: f"({', '.join(values)})" for name, values in parts.items()}
    arguments = "".join(f", {key}={value}" for key, value in written.items())
    return f"{_imported(spec.optimizer)}(list(network.parameters()){arguments})"


def _literal(knob: Knob, value: float) -> str:
    return str(bool(value)) if knob.scale == "flag" else knob.format(value).replace("off", "0.0")


def _loop(spec: RunSpec) -> str:
    scores = "network({})"
    if spec.precision == "bfloat16":
        scores = "scores({})"
    call = scores.format("images[batch]")
    graph = "create_graph=True" if "graph" in spec.calls else ""
    body = f"loss = functional.cross_entropy({call}, labels[batch])\noptimizer.zero_grad()\nloss.backward({graph})\n"
    step = "optimizer.step()\n"
    if "closure" in spec.calls:
        body, step = "def closure():\n" + indent(body + "return loss\n", " " * 4), "optimizer.step(closure)\n"
    train, test_mode = (["network.train()\n"], ["network.eval()\n"]) if spec.network else ([], [])
    if "modes" in spec.calls:
        train, test_mode = [*train, "optimizer.train()\n"], [*test_mode, "optimizer.eval()\n"]

    def measured(part: str, images: str, indented: str, epoch: str) -> str:
        count = (
            "right = 0\n"
            f"for some, wanted in zip({images}_images.split(1000), {images}_labels.split(1000)):\n"
            f"    right += ({scores.format('some')}.argmax(1) == wanted).sum().item()\n"
        )
        return (
            f"{indented}with torch.no_grad():\n"
            + indent(count, f"{indented}    ")
            + f'{indented}print(f"{epoch}{part} accuracy {{right / len({images}_labels):.2%}}")\n'
        )

    each = measured(spec.measured_on, "held" if spec.validation else "test", "    ", "epoch {epoch}: ")
    once = measured("test", "test", "", "") if spec.validation else ""
    return (
        (AUTOCAST if spec.precision == "bfloat16" else "")
        + "order = torch.Generator().manual_seed(SEED)  # a generator of its own shuffles\n"
        "for epoch in range(1, EPOCHS + 1):\n"
        + indent("".join(train), " " * 4)
        + "    for batch in torch.randperm(len(images), generator=order).to(DEVICE).split(BATCH):\n"
        + indent(body + step, " " * 8)
        + indent("".join(test_mode), " " * 4)
        + each
        + once
    )


AUTOCAST = """\
def scores(images):
    with torch.autocast(DEVICE.type, torch.bfloat16):
        return network(images).float()


"""
