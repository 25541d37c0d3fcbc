"""Terminals that draw sextants (2 × 3 blocks) themselves, so that they fill their cells without gaps in every font.

All other terminals take sextants from a font that seldom has them, and show boxes of the same width, which the position
of the cursor does not show. So only terminals that are known by name get sextants. A terminal is added here with the
version in which it was seen to draw them, or whose documentation names them.

Standard library, `draw.blocks` and `environment` only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from adam_tui.draw.blocks import Blocks
from adam_tui.terminal.environment import can_be_asked, is_multiplexed, is_remote

BlocksSetting = Blocks | Literal["auto"]
BLOCK_SETTINGS: tuple[BlocksSetting, ...] = ("auto", *get_args(Blocks))
# Values of TERM, whole or up to the first hyphen. foot 1.13 was seen, kitty's changelog has sextants in 0.19, ghostty's
# file font/sprite/Face.zig in 1.0.
_TERMS = ("foot", "xterm-kitty", "xterm-ghostty")
_OLDEST_VTE, _OLDEST_KONSOLE = 7000, 221200  # as in VTE_VERSION and KONSOLE_VERSION; older ones were not tried
_OLDEST_WEZTERM = 20210814  # its page on custom_block_glyphs
# A program that is started from one of the terminals inherits their variables: these say that it has its own window.
_OTHER_TERMINALS = ("XTERM_VERSION", "ALACRITTY_WINDOW_ID", "ZUTTY_VERSION", "TERM_PROGRAM", "WT_SESSION")
_VTE_TERMINAL = (61, 65)  # the first number of VTE's secondary device attributes; the second is its version


def blocks_for(setting: BlocksSetting, environ: Mapping[str, str]) -> Blocks:
    """Return the blocks of a setting; for "auto" the finest that the terminal of the environment is known to draw."""
    if setting != "auto":
        return setting
    return "sextants" if named_by_environment(environ) else "quadrants"


def named_by_environment(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names a terminal that draws sextants.

    Inside tmux and GNU screen, and in a browser, the terminal that draws is not known.
    """
    term = environ.get("TERM", "")
    if is_multiplexed(environ) or "TEXTUAL_DRIVER" in environ:
        return False
    if term in _TERMS or term.partition("-")[0] in _TERMS:
        return True
    if environ.get("TERM_PROGRAM") == "WezTerm":
        return _number(environ.get("TERM_PROGRAM_VERSION", "")) >= _OLDEST_WEZTERM
    if not term.startswith("xterm") or any(map(environ.get, _OTHER_TERMINALS)):
        return False
    return (
        _number(environ.get("VTE_VERSION", "")) >= _OLDEST_VTE
        or _number(environ.get("KONSOLE_VERSION", "")) >= _OLDEST_KONSOLE
    )


def may_name_itself(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is worth asking: the variables that would name it do not pass through SSH."""
    return is_remote(environ) and can_be_asked(environ) and not named_by_environment(environ)


def named_by_answers(version: str, device: Sequence[int]) -> bool:
    """Return whether a terminal draws sextants, by its answers to XTVERSION and DA2; "" and () are no answer."""
    name, number = re.match(r"(\w*)[ (]?([\d.]*)", version).groups()  # type: ignore[union-attr]  # matches everything
    match name.lower():
        case "foot" | "kitty" | "ghostty":
            return True
        case "wezterm":
            return _number(number) >= _OLDEST_WEZTERM
        case "vte":
            return _number(number) >= _OLDEST_VTE
        case "konsole":
            return _number(_padded(number)) >= _OLDEST_KONSOLE
    return len(device) == 3 and device[0] in _VTE_TERMINAL and device[1] >= _OLDEST_VTE


def _number(text: str) -> int:
    """Return the number at the beginning of a text, 0 without one."""
    digits = re.match(r"\d{0,18}", text)
    return int(digits[0]) if digits and digits[0] else 0


def _padded(version: str) -> str:
    """Return a version such as 22.8.3 as KONSOLE_VERSION has it: 220803."""
    return "".join(f"{_number(part):02}" for part in version.split(".")[:3])
