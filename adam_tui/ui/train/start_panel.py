"""The training screen before the first run: the digits to learn, the effect of the start key, and facts about the run.

The facts fill a large terminal, so that a user knows the size of a run before starting it. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adam_tui.draw.cells import Cells
from adam_tui.draw.digits import DigitGrid, digit_grid, sample_digits
from adam_tui.draw.elements import wrap
from adam_tui.draw.palette import Palette
from adam_tui.engine.numbers import format_duration
from adam_tui.history.samples import sample_images
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import DATA_SETS
from adam_tui.ui.actions import with_keys_named
from adam_tui.ui.train import model_views
from adam_tui.ui.train.labels import epochs_text
from adam_tui.ui.train.run_panel import Note
from adam_tui.ui.train.state import QUICK_IMAGES, TrainState

# Of two cores in bfloat16, as measured in tests/bench/README.md, and the seconds of a test of 10,000 images.
IMAGES_PER_SECOND = 12_400
TEST_SECONDS = 0.3
BYTES_PER_STEP = 15  # of metrics.jsonl
CHECKPOINT_MEGABYTES = 1.6  # at most: the newest and the one before it, with two moments of every weight
LABEL = 11  # columns of a fact's label
FACTS_FROM = 60  # columns of the panel from which the facts have room
LEAST_SIDE = 14  # pixels of a digit that the facts must leave, unless there is no room for so many anyway
DIGITS = 10
# The network layer by layer: channels × rows × columns that come out of each.
NETWORK = (
    "a digit         1 × 28 × 28",
    "conv 5×5       32 × 24 × 24",
    "max 2×2, ReLU  32 × 12 × 12",
    "conv 5×5       64 ×  8 ×  8",
    "max 2×2, ReLU  64 ×  4 ×  4",
    "linear                   10",
    "62,346 weights, cross-entropy",
)
WEIGHTS = "832 weights in the first filters, 51,264 in the second ones, 10,250 in the linear layer"


def invitation(state: TrainState) -> str:
    """The effect of the start key, in words that follow the key."""
    spec = state.spec()
    lr, epochs = "" if spec.lr is None else f", lr {spec.lr:g}", epochs_text(spec.epochs)
    images = f", {spec.limit:,} images" if spec.limit else ""
    return f"trains a network with {state.recipe.title}{lr}, {epochs}{images}"


def _quick_try(spec: RunSpec) -> str:
    """The effect of the key for a quick try, which is a switch."""
    if spec.limit:
        return f"all {DATA_SETS[spec.data].train_images:,} images again"
    return f"only {QUICK_IMAGES:,} images, for a first look"


def facts(spec: RunSpec) -> list[tuple[str, str]]:
    """The size of a run as (label, text): time, images, steps, disk, and when which panels fill; least needed last."""
    data = DATA_SETS[spec.data]
    images = min(spec.limit or data.train_images, data.train_images - spec.validation)
    per_epoch = -(-images // spec.batch_size)
    steps = per_epoch * spec.epochs
    seconds = spec.epochs * (images / IMAGES_PER_SECOND + TEST_SECONDS * data.test_images / 10_000)
    megabytes = CHECKPOINT_MEGABYTES + steps * BYTES_PER_STEP / 1e6
    own = {"time", "disk"} if spec.network else set()  # they were measured with the article's network
    measured = f"{spec.measured_on} accuracy and loss"
    known = [
        ("time", f"about {format_duration(seconds)} on two fast cores; the first seconds show the speed of yours"),
        ("quick try", f"{{quick_try}}: {_quick_try(spec)}"),
        ("images", f"{images:,} of {data.title} to learn from, {_others(spec)}"),
        ("steps", f"{steps:,}: {per_epoch:,} an epoch, each on {spec.batch_size} images"),
        ("disk", f"about {megabytes:.1f} MB: the loss of every step, two checkpoints"),
        ("at first", "torch and the images are loaded; then the loss curve grows, and the digits get predictions"),
        ("each epoch", f"{measured}, a checkpoint; mistakes, confusions, filters, gradients ({{view}})"),
        ("meanwhile", "{pause} pauses, {live} tunes the running run, {stop} stops it; it continues when you quit"),
    ]
    return [(label, text) for label, text in known if label not in own]


def _others(spec: RunSpec) -> str:
    """The images that are not trained on, and their use."""
    held = f"{spec.validation:,} held out to choose with, " if spec.validation else ""
    return f"{held}{DATA_SETS[spec.data].test_images:,} others to test with{' at the end' if spec.validation else ''}"


def side_notes(state: TrainState, palette: Palette) -> list[Note]:
    """The network layer by layer, its weights, and the meaning of every setting of the next run."""
    meanings = [f"{knob.name}: {knob.meaning}" for knob in state.knobs]
    network = state.rest.get("network")
    own = (f"of your own: {network}", "N×1×28×28 to N×10, cross-entropy")
    layers = [(line, palette.faint) for line in (own if network else (*NETWORK, WEIGHTS))]
    return [*layers, ("", palette.faint), *((text, palette.faint) for text in meanings)]


def draw(state: TrainState, keys: Mapping[str, str], width: int, height: int, palette: Palette) -> Cells:
    """The sample digits, below them the effect of the start key, and as many facts as there is room for."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines = wrap(f"{keys['start']} {invitation(state)}", width - 2)
    given, rows = facts(state.spec()), list[tuple[str, str]]()
    grid = _largest_grid(width - 2, height - len(lines) - 3)
    least = min(LEAST_SIDE, grid.side) if grid else LEAST_SIDE
    for count in range(len(given), 0, -1) if width >= FACTS_FROM else ():
        fitting = _fact_rows(given[:count], keys, width - 2)
        smaller = _largest_grid(width - 2, height - len(lines) - len(fitting) - 4)
        if smaller is not None and smaller.side >= least and smaller.columns * smaller.rows >= DIGITS:
            rows, grid = fitting, smaller
            break
    used = (grid.height + 1 if grid else 0) + len(lines) + (len(rows) + 1 if rows else 0)
    top = max((height - used) // 2, 0)
    if grid is not None:
        images, labels = sample_images()
        pictures = sample_digits(images, model_views.guesses(None, labels.tolist()), grid, width, grid.height, palette)
        area = slice(top, top + grid.height)
        cells.glyph[area], cells.fg[area], cells.bg[area] = pictures.glyph, pictures.fg, pictures.bg
        top += grid.height + 1
    for i, line in enumerate(lines):
        cells.put(top + i, (width - len(line)) // 2, line, palette.foreground)
        if i == 0:
            cells.put(top, (width - len(line)) // 2, keys["start"], palette.accent, bold=True)
    left = max((width - LABEL - max((len(text) for _, text in rows), default=0)) // 2, 0)
    for i, (label, text) in enumerate(rows, start=top + len(lines) + 1):
        cells.put(i, left, label, palette.faint)
        cells.put(i, left + LABEL, text, palette.foreground)
    return cells


def _fact_rows(given: Sequence[tuple[str, str]], keys: Mapping[str, str], width: int) -> list[tuple[str, str]]:
    """The facts in rows of so many columns; the label is in the first row of a wrapped text."""
    rows: list[tuple[str, str]] = []
    for label, text in given:
        first, *more = wrap(with_keys_named(text, keys), width - LABEL)
        rows += [(label, first), *(("", line) for line in more)]
    return rows


def _largest_grid(width: int, height: int) -> DigitGrid | None:
    """The layout of the ten digits with the largest pictures, all of them if possible."""
    grids = (digit_grid(DIGITS, width, height, rows=rows) for rows in (2, 5, 1))
    return max((grid for grid in grids if grid), key=lambda grid: (grid.columns * grid.rows, grid.side), default=None)
