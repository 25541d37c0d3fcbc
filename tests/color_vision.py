"""Simulation of colour blindness, and the visible difference of two colours (CIEDE2000).

Machado, Oliveira & Fernandes 2009, A Physiologically-based Model for Simulation of Color Vision Deficiency: their
matrices for severity 1, on linear light. CIEDE2000 as in Sharma, Wu & Dalal 2005, whose examples test it.
"""

import numpy as np

from adam_tui.draw.color import linear

VIEWS = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def to_cielab(colors, view):
    """Convert sRGB colours (N, 3) to CIELAB as seen with the colour vision `view`."""
    light = np.clip(linear(colors) @ np.array(VIEWS[view]).T, 0, 1)
    ratio = light @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)


def ciede2000(one, other):
    """The visible difference of two CIELAB colours: 1 is barely visible side by side."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    hue = (h1 + h2) / 2 if abs(h1 - h2) <= 180 else ((h1 + h2 + 360) / 2) % 360
    hue = hue if c1 * c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    t = 1 + sum(share * np.cos(np.radians(times * hue + shift)) for share, times, shift in waves)
    in_l = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    in_c = (c2 - c1) / (1 + 0.045 * chroma)
    in_h = d_hue / (1 + 0.015 * chroma * t)
    blue = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    bend = -np.sin(np.radians(blue)) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return float(np.sqrt(in_l**2 + in_c**2 + in_h**2 + bend * in_c * in_h))


def least_difference(colors, view):
    """The smallest difference of any two of the colours."""
    points = to_cielab(np.array(colors), view)
    return min(ciede2000(a, b) for i, a in enumerate(points) for b in points[:i])
