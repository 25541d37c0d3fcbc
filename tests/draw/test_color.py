"""Contrasts are those of the WCAG, and OKLab is that of its author."""

import itertools

import numpy as np
import pytest

from adam_tui.draw.color import contrast, from_oklab, mix_oklab, to_oklab


def test_black_on_white_has_the_largest_contrast_and_order_does_not_matter():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert contrast((9, 99, 199), (9, 99, 199)) == 1


def test_contrast_is_that_of_the_wcag_for_a_known_grey():
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.005)


def test_oklab_of_the_primaries_is_as_published():
    # https://bottosson.github.io/posts/oklab: white has lightness 1 and no tint; red as in CSS Color 4's sample
    assert to_oklab((255, 255, 255)) == pytest.approx([1, 0, 0], abs=1e-4)
    assert to_oklab((255, 0, 0)) == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)


def test_every_byte_survives_the_way_to_oklab_and_back():
    colors = np.array(list(itertools.product(range(0, 256, 15), repeat=3)))
    assert (from_oklab(to_oklab(colors)) == colors).all()


def test_a_mixture_is_even_in_oklab_and_ends_on_both_colours():
    black, white = (0, 0, 0), (255, 255, 255)
    assert [mix_oklab(black, white, share) for share in (0.0, 1.0)] == [black, white]
    assert to_oklab(mix_oklab(black, white, 0.5)) == pytest.approx([0.5, 0, 0], abs=2e-3)
