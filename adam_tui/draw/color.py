"""Colour arithmetic: sRGB to OKLab and back, mixing, and the contrast of two colours (WCAG 2.2).

Colours are sRGB bytes, (..., 3). OKLab (Björn Ottosson, 2020, https://bottosson.github.io/posts/oklab) is a colour
space in which equal distances look equally large. No colour of the program is named here: those are in palette.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adam_tui.draw.cells import Color

# The least contrast with the background of text and of graphical objects (WCAG 2.2).
TEXT_CONTRAST, GRAPHICS_CONTRAST = 4.5, 3.0

# Linear sRGB to cone responses, and the cube roots of those to lightness, green-red, blue-yellow (Ottosson).
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def linear(color: ArrayLike) -> NDArray[np.float64]:
    """Convert sRGB, 0 to 255, (..., 3), to linear light, 0 to 1 (IEC 61966-2-1)."""
    c = np.asarray(color, np.float64) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def to_oklab(color: ArrayLike) -> NDArray[np.float64]:
    """Convert sRGB, 0 to 255, (..., 3), to OKLab: lightness 0 to 1, green-red, blue-yellow."""
    return np.asarray(np.cbrt(linear(color) @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: ArrayLike) -> NDArray[np.uint8]:
    """Convert OKLab, (..., 3), to the nearest sRGB bytes; colours outside the sRGB gamut are clipped."""
    light = np.clip((np.asarray(lab, np.float64) @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)


def mix_oklab(a: Color, b: Color, share: float) -> Color:
    """Mix two colours in OKLab: `share` 0 gives `a`, 1 gives `b`."""
    red, green, blue = from_oklab((1 - share) * to_oklab(a) + share * to_oklab(b)).tolist()
    return red, green, blue


def luminance(color: ArrayLike) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2.2) of sRGB colours (..., 3): 0 for black, 1 for white."""
    return np.asarray(linear(color) @ _LUMINANCE)


def contrast(a: Color, b: Color) -> float:
    """The WCAG 2.2 contrast ratio of two colours: 1 (the same) to 21 (black and white)."""
    low, high = sorted((float(luminance(a)), float(luminance(b))))
    return (high + 0.05) / (low + 0.05)
