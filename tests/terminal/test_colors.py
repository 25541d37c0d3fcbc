"""The nearest colours of a terminal that has 256 or 16."""

import numpy as np

from adam_tui.terminal.colors import to_ansi16, to_xterm256


def xterm_palette() -> list[tuple[int, int, int]]:
    """Entries 16 to 255, as xterm's documentation gives them."""
    levels = [0, 95, 135, 175, 215, 255]
    cube = [(levels[i // 36], levels[i // 6 % 6], levels[i % 6]) for i in range(216)]
    return cube + [(8 + 10 * i,) * 3 for i in range(24)]


def test_every_entry_of_the_palette_maps_to_itself():
    assert to_xterm256(np.array(xterm_palette(), np.uint8)).tolist() == list(range(16, 256))


def test_the_nearest_entry_is_chosen():
    colors = np.random.default_rng(0).integers(0, 256, (2000, 3)).astype(np.uint8)
    palette = np.array(xterm_palette())
    distance = ((colors[:, None].astype(int) - palette) ** 2).sum(axis=-1)
    chosen = to_xterm256(colors).astype(int) - 16
    np.testing.assert_array_equal(distance[np.arange(2000), chosen], distance.min(axis=1))


def test_the_shape_of_the_colours_is_kept():
    assert to_xterm256(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5)
    assert to_ansi16(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5)
