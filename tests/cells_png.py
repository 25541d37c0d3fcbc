"""Cells as a PNG picture, for pages that cannot show SVG: the shapes of `adam_tui.draw.svg`, painted with pillow."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adam_tui.draw.blocks import PARTS
from adam_tui.draw.svg import ARMS, BLOCKS, BRAILLE, BRAILLE_LAST, DASHES, DOTS, HEAVY_ARMS, ROUND

# Painted at twice the size and halved, which smooths dots and round corners.
OVER = 2
WIDTH, HEIGHT = 12, 24  # of a cell in the picture
W, H = WIDTH * OVER, HEIGHT * OVER
FONT_SIZE, BASELINE = 20 * OVER, 18 * OVER
LINE, HEAVY_LINE, DOT = 2, 6, 3.4  # of the larger picture
COLORS, EXACT = 256, 200  # colours of the picture; how many of them are the cells' own
FONTS = ("DejaVuSansMono{}.ttf", "LiberationMono{}.ttf", "Menlo{}.ttc")
SIGNS = ("DejaVuSans{}.ttf", "DejaVuSansMono{}.ttf")


@lru_cache
def _font(names, bold):
    """The first installed font. Raises OSError if none is installed."""
    endings = ("-Bold", "-Regular", "") if bold else ("", "-Regular")
    for name in (name.format(ending) for name in names for ending in endings):
        try:
            return ImageFont.truetype(name, FONT_SIZE)
        except OSError:
            continue
    raise OSError("no monospace font is installed; install DejaVu Sans Mono (Debian: fonts-dejavu-core)")


def to_png(cells, path):
    """Write the picture to `path`, 12 × 24 pixels for each cell."""
    image = Image.new("RGB", (cells.width * W, cells.height * H))
    draw = ImageDraw.Draw(image)
    for row, column in np.ndindex(cells.glyph.shape):
        x, y = column * W, row * H
        draw.rectangle((x, y, x + W - 1, y + H - 1), fill=tuple(cells.bg[row, column].tolist()))
    for row, column in np.ndindex(cells.glyph.shape):  # after all backgrounds: a sign may be wider than its cell
        color, bold = tuple(cells.fg[row, column].tolist()), bool(cells.bold[row, column])
        _glyph(draw, cells.text(row, column, column + 1), column * W, row * H, color, bold)
    image = image.resize((cells.width * WIDTH, cells.height * HEIGHT), Image.Resampling.BOX)
    image.quantize(palette=_palette(cells, image), dither=Image.Dither.NONE).save(path, optimize=True)


def _palette(cells, image):
    """The most frequent colours of the cells unchanged, and other colours for the edges of letters."""
    colors, counts = np.unique(np.concatenate([cells.fg, cells.bg]).reshape(-1, 3), axis=0, return_counts=True)
    exact = colors[np.argsort(-counts)][:EXACT].flatten().tolist()
    palette = Image.new("P", (1, 1))
    palette.putpalette(exact + image.quantize(COLORS - len(exact) // 3).getpalette())
    return palette


def _glyph(draw, text, x, y, color, bold):
    code = ord(text[0])
    if text in PARTS:
        rows = len(PARTS[text]) // 2
        for part, filled in enumerate(PARTS[text]):
            if filled:
                left, top = x + part % 2 * W // 2, y + part // 2 * H // rows
                draw.rectangle((left, top, left + W // 2 - 1, top + H // rows - 1), fill=color)
    elif BRAILLE <= code <= BRAILLE_LAST:
        for bit, (dx, dy) in enumerate(DOTS):
            if code >> bit & 1:
                cx, cy = x + dx * W / 4, y + dy * H / 8
                draw.ellipse((cx - DOT, cy - DOT, cx + DOT, cy + DOT), fill=color)
    elif text in BLOCKS:
        left, top, right, bottom = (part * whole / 8 for part, whole in zip(BLOCKS[text], (W, H, W, H), strict=True))
        draw.rectangle((x + left, y + top, x + right - 1, y + bottom - 1), fill=color)
    elif text in ARMS or text in HEAVY_ARMS:
        for arm in ARMS.get(text) or HEAVY_ARMS[text]:
            _straight(draw, _middle(x, y), _end(arm, x, y), color, LINE if text in ARMS else HEAVY_LINE)
    elif text in ROUND:
        (ax, ay), (bx, by) = (_end(arm, x, y) for arm in ROUND[text])
        mx, my = _middle(x, y)
        curve = [
            ((1 - t) ** 2 * ax + 2 * t * (1 - t) * mx + t**2 * bx, (1 - t) ** 2 * ay + 2 * t * (1 - t) * my + t**2 * by)
            for t in np.linspace(0, 1, 9)
        ]
        draw.line([(cx - 0.5, cy - 0.5) for cx, cy in curve], fill=color, width=LINE)
    elif text in DASHES:
        direction, count = DASHES[text]
        size, (mx, my) = W if direction == "h" else H, _middle(x, y)
        for i in range(count):
            a, b = (i + 0.25) * size / count, (i + 0.75) * size / count
            ends = ((x + a, my), (x + b, my)) if direction == "h" else ((mx, y + a), (mx, y + b))
            _straight(draw, *ends, color, LINE)
    elif text != " ":
        letter = code < 0x0530 or 0x2010 <= code < 0x2100
        font = _font(FONTS if letter else SIGNS, bold)
        draw.text((x + W / 2, y + BASELINE), text, fill=color, font=font, anchor="ms")


def _straight(draw, start, end, color, width):
    """Draw a line along an axis as a rectangle: pillow's lines differ by a pixel between the two directions."""
    (left, top), (right, bottom) = map(min, start, end), map(max, start, end)
    before, after = width // 2, width - width // 2 - 1
    if top == bottom:
        draw.rectangle((left, top - before, right - 1, bottom + after), fill=color)
    else:
        draw.rectangle((left - before, top, right + after, bottom - 1), fill=color)


def _middle(x, y):
    return x + W // 2 + 1, y + H // 2 - 1


def _end(arm, x, y):
    mx, my = _middle(x, y)
    return {"l": (x, my), "r": (x + W, my), "u": (mx, y), "d": (mx, y + H)}[arm]
