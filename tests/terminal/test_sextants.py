"""Sextants are drawn where the terminal names itself as one that draws them, and nowhere else."""

import os

import pytest
from pty_terminal import COMMAND, Terminal

from adam_tui.draw.blocks import QUADRANTS, SEXTANTS
from adam_tui.terminal.queries import FENCE, Question, questions_for
from adam_tui.terminal.sextants import blocks_for, named_by_answers, named_by_environment

XTERM = {"TERM": "xterm-256color"}
VTE = {**XTERM, "VTE_VERSION": "7006"}
KONSOLE = {**XTERM, "KONSOLE_VERSION": "221203"}
KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}
WEZTERM = {**XTERM, "TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809-5046fc22"}
REMOTE = {"SSH_CONNECTION": "a 1 b 2"}
NAMES = {Question.VERSION, Question.DEVICE}


@pytest.mark.parametrize(
    "environ", [VTE, KONSOLE, KITTY, WEZTERM, {"TERM": "foot"}, {"TERM": "foot-extra"}, {"TERM": "xterm-ghostty"}]
)
def test_terminals_that_draw_sextants_are_known_by_their_variables(environ):
    assert named_by_environment(environ)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        XTERM,
        {"TERM": "xterm"},
        {"TERM": "alacritty"},
        {"TERM": "st-256color"},
        {"TERM": "rxvt-unicode-256color", "VTE_VERSION": "7006"},
        {"TERM": "linux", "KITTY_WINDOW_ID": "1"},
        {**XTERM, "VTE_VERSION": "5202"},
        {**XTERM, "VTE_VERSION": "unknown"},
        {**XTERM, "KONSOLE_VERSION": "210801"},
        {**WEZTERM, "TERM_PROGRAM_VERSION": "20210203-095643-70a364eb"},
        # Started from a terminal that draws sextants.
        {**VTE, "XTERM_VERSION": "XTerm(379)"},
        {**KONSOLE, "ALACRITTY_WINDOW_ID": "1"},
        {**XTERM, "KITTY_WINDOW_ID": "1"},
        {**VTE, "TERM_PROGRAM": "vscode"},
        # Inside one: who draws is not known.
        {**KITTY, "TMUX": "/tmp/tmux,1,0"},
        {**VTE, "STY": "1.pts"},
        {"TERM": "tmux-256color", "VTE_VERSION": "7006"},
        {"TERM": "screen.xterm-kitty"},
        {**KITTY, "TEXTUAL_DRIVER": "adam_tui.terminal.web_driver:WebDriver"},
    ],
)
def test_no_other_terminal_is_taken_for_one(environ):
    assert not named_by_environment(environ)


@pytest.mark.parametrize(
    ("version", "device"),
    [
        ("kitty(0.26.5)", (1, 4000, 26)),
        ("Konsole 22.12.3", (1, 115, 0)),
        ("Konsole 24.8.1", (1, 115, 0)),
        ("foot(1.13.1)", (1, 11301, 0)),
        ("ghostty 1.0.1", ()),
        ("WezTerm 20240203-110809-5046fc22", (1, 277, 0)),
        ("", (65, 7006, 1)),  # VTE 0.70 does not know XTVERSION
        ("VTE(7802)", (61, 7802, 1)),
    ],
)
def test_they_name_themselves_in_their_answers(version, device):
    assert named_by_answers(version, device)


@pytest.mark.parametrize(
    ("version", "device"),
    [
        ("", ()),
        ("XTerm(379)", (41, 379, 0)),
        ("", (0, 1700, 1)),  # alacritty 0.11
        ("", (85, 95, 0)),  # urxvt
        ("", (1, 10, 0)),  # mosh
        ("tmux 3.3a", (84, 0, 0)),
        ("", (83, 40900, 0)),  # GNU screen
        ("", (65, 5202, 1)),
        ("", (65,)),
        ("Konsole 21.8.1", ()),
        ("WezTerm 20210203-095643-70a364eb", ()),
        ("kittyfork 1", ()),
        ("(", ()),
    ],
)
def test_no_other_answer_counts(version, device):
    assert not named_by_answers(version, device)


def test_only_a_remote_terminal_without_a_name_is_asked():
    assert set(questions_for(XTERM | REMOTE)) >= NAMES
    assert NAMES & set(questions_for(XTERM)) == set()
    for known in (
        {"TERM": "foot"},
        {"TERM": "tmux-256color"},
        {"TERM": "linux"},
        {"TERM": "dumb"},
        XTERM | {"STY": "1"},
    ):
        assert NAMES & set(questions_for(known | REMOTE)) == set()


def test_a_setting_holds_in_every_terminal():
    assert (blocks_for("auto", KITTY), blocks_for("auto", XTERM)) == ("sextants", "quadrants")
    assert (blocks_for("halves", KITTY), blocks_for("sextants", {"TERM": "tmux-256color"})) == ("halves", "sextants")


RINGS = ("--surface", "bowl", "--start", "0,0", "--steps", "1")
ONLY_SEXTANTS, ONLY_QUADRANTS = (set(a) - set(b) for a, b in ((SEXTANTS, QUADRANTS), (QUADRANTS, SEXTANTS)))


class Answering(Terminal):
    """A remote terminal that answers the questions for its name."""

    def __init__(self, answer, *flags, **env):
        super().__init__((*COMMAND, *RINGS, *flags), 80, 24, REMOTE | env)
        self.reply = f"{answer}\x1b[?62c".encode()

    def answer(self, data):
        super().answer(data)
        if FENCE.encode() in data:
            os.write(self.fd, self.reply)


def drawn(t, blocks):
    """Whether the screen is drawn, with some of these blocks."""
    return "? keys" in t.text() and any(block in t.text() for block in blocks)


def test_a_remote_terminal_that_names_itself_gets_sextants():
    with Answering("\x1b[>65;7006;1c") as t:
        t.until(lambda: drawn(t, ONLY_SEXTANTS) and not drawn(t, ONLY_QUADRANTS))
        t.press("q")
        assert t.wait() == 0
        assert "7006" not in t.text()


def test_another_remote_terminal_keeps_quadrants_and_a_flag_overrides_its_answer():
    for answer, flags in (("\x1b[>41;379;0c", ()), ("\x1b[>65;7006;1c", ("--blocks", "quadrants"))):
        with Answering(answer, *flags) as t:
            t.until(lambda t=t: drawn(t, ONLY_QUADRANTS))
            t.press("?")
            t.until("Play or pause")  # the answer came before the key
            t.press("escape")
            assert not drawn(t, ONLY_SEXTANTS)


@pytest.mark.parametrize(("chosen", "has_rgb"), [({}, True), ({"TEXTUAL_COLOR_SYSTEM": "256"}, False)])
def test_a_remote_terminal_that_names_itself_has_24_bit_colours_unless_others_are_chosen(chosen, has_rgb):
    with Answering("\x1b[>65;7006;1c", COLORTERM=None, **chosen) as t:
        t.until(lambda: drawn(t, ONLY_SEXTANTS) and not drawn(t, ONLY_QUADRANTS))
        t.press("?")
        t.until("Play or pause")
        raw = t.raw.replace(Question.COLOR.value.encode(), b"")
        assert (b"48;2;" in raw) == has_rgb


def test_the_first_picture_is_drawn_with_the_blocks_of_the_environment():
    with Terminal((*COMMAND, *RINGS), 80, 24, VTE | {"COLORTERM": "truecolor"}) as t:
        t.until("? keys")
        assert drawn(t, ONLY_SEXTANTS)
        assert not any(block.encode() in t.raw for block in ONLY_QUADRANTS)


@pytest.mark.parametrize(
    ("environ", "flags", "present", "absent"),
    [
        (VTE, (), ONLY_SEXTANTS, ONLY_QUADRANTS),
        (VTE, ("--blocks", "quadrants"), ONLY_QUADRANTS, ONLY_SEXTANTS),
        (XTERM, (), ONLY_QUADRANTS, ONLY_SEXTANTS),
        (XTERM, ("--blocks", "halves"), "▀", (ONLY_QUADRANTS | ONLY_SEXTANTS) - set("▀▄")),
    ],
)
def test_a_plot_is_drawn_with_the_blocks_of_its_terminal_or_of_the_flag(environ, flags, present, absent):
    with Terminal((*COMMAND, "plot", *RINGS, *flags), 80, 24, environ) as t:
        assert t.wait() == 0
        t.read(0.3)
        assert any(block.encode() in t.raw for block in present)
        assert not any(block.encode() in t.raw for block in absent)
