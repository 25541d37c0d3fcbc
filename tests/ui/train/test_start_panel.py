"""The training screen before the first run: digits, the start key, the size of the run, the network, the settings."""

import re

import torch
from training_pilot import after, joined

from adam_tui.draw.palette import DARK
from adam_tui.runs.protocol import RunSpec
from adam_tui.training import model
from adam_tui.ui.actions import key_names
from adam_tui.ui.train import events as e
from adam_tui.ui.train import start_panel
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.state import TrainState

KEYS = key_names(ACTIONS)


def drawn(state, width, height):
    return start_panel.draw(state, KEYS, width, height, DARK)


def test_there_are_digits_and_one_line_on_how_to_start():
    cells = drawn(TrainState(), 56, 20)
    assert "t trains a network with Adam, lr 0.0005, 50 epochs" in joined(cells)
    assert "images" not in joined(cells), "there is no room"
    labels = [line.split() for line in drawn(TrainState(), 72, 34).lines() if line.strip() and "▀" not in line]
    assert [word for line in labels[:2] for word in line] == [str(digit) for digit in range(10)]


def test_a_large_terminal_shows_the_size_of_the_run_and_what_will_come():
    text = joined(drawn(TrainState(), 134, 49))
    for fact in ("60,000 of MNIST", "46,900: 938 an epoch, each on 64 images", "about 4:16", "2.3 MB", "when you quit"):
        assert fact in text
    quick = joined(drawn(after(TrainState(), e.QuickTry()), 134, 49))
    assert "6,000 of MNIST" in quick
    assert "4,700: 94 an epoch" in quick
    assert "50 epochs, 6,000 images" in quick
    assert "f: all 60,000 images again" in quick
    small = joined(drawn(TrainState(), 72, 24))
    assert "about 4:16" in small
    assert "when you quit" not in small, "the last facts are the first to go"


def test_the_disk_that_a_run_needs_is_that_of_its_files():
    """adam, limit 6000, 2 epochs: 1.53 MB in checkpoints, 6 kB of metrics."""
    [disk] = [text for label, text in start_panel.facts(RunSpec(limit=6000, epochs=2)) if label == "disk"]
    assert disk.startswith("about 1.6 MB")


def test_every_setting_of_the_next_run_has_its_meaning_beside_it():
    texts = [text for text, _ in start_panel.side_notes(after(TrainState(), e.CycleOptimizer(1)), DARK)]
    for knob in after(TrainState(), e.CycleOptimizer(1)).knobs:
        assert f"{knob.name}: {knob.meaning}" in texts


def test_the_network_is_described_as_it_is():
    network, shapes = model.build(torch.device("cpu")), []
    out = torch.zeros(1, 1, 28, 28)
    for layer in network:
        out = layer(out)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ReLU | torch.nn.Linear):  # pooling and ReLU are one line
            shapes.append(out.shape[1:])
    described = [re.findall(r"\d+", line.split("  ", 1)[1]) for line in start_panel.NETWORK[1:-1]]
    assert [list(map(int, numbers)) for numbers in described] == [list(shape) for shape in shapes]
    assert start_panel.NETWORK[-1].startswith(f"{sum(weight.numel() for weight in network.parameters()):,} weights")
    counts = [sum(weight.numel() for weight in layer.parameters()) for layer in network]
    named = re.findall(r"\d[\d,]*", start_panel.WEIGHTS)
    assert [int(number.strip(",").replace(",", "")) for number in named] == [count for count in counts if count]
