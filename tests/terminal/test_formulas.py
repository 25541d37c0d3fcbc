"""Where hats, roots and powers are not drawn, the formulas still say the same."""

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from adam_tui.draw.cells import Cells
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.terminal.environment import drops_marks
from adam_tui.terminal.fallback import Fallback
from adam_tui.terminal.fallback_filter import FallbackFilter

ASCII, CONSOLE, UNMARKED = Fallback(ascii=True), Fallback(console=True), Fallback(unmarked=True)
INK, PAPER, RED = (200, 200, 200), (10, 10, 20), (255, 0, 0)


def shown(text, limits, width=90):
    """A line of a panel on a terminal with these limits."""
    cells = Cells.blank(width, 1, INK, PAPER)
    cells.put(0, 0, text, INK)
    return limits.picture(cells).lines()[0].rstrip()


@pytest.mark.parametrize(
    ("text", "ascii", "unmarked"),
    [
        ("m̂ = m / (1−β1ᵗ),   v̂ = 1", "m^ = m / (1-b1^t), v^ = 1", "m^ = m / (1−β1ᵗ),  v^ = 1"),
        ("Δ = −α·m̂ / (√v̂ + ε)", "d = -a.m^ / (sqrt(v^) + e)", "Δ = −α·m^ / (√(v^) + ε)"),
        ("√(1−β2ᵗ) / (√v + ε)", "sqrt(1-b2^t) / (sqrt(v) + e)", "√(1−β2ᵗ) / (√v + ε)"),
        ("m ← β1·m, r ≥ ½", "m <- b1.m, r >= 0.5", "m ← β1·m, r ≥ ½"),
        ("x² + 10⁻³", "x^2 + 10^-3", "x² + 10⁻³"),
        ("← → page", "< > page", "← → page"),
    ],
)
def test_formulas_are_spelled_out(text, ascii, unmarked):
    assert shown(text, ASCII) == ascii
    assert shown(text, UNMARKED) == unmarked


def test_a_text_that_is_wrapped_later_may_become_longer_and_loses_nothing():
    text = "like 1/√B, so\nm̂·√v̂  on\nβ and nothing else"
    assert ASCII.text(text) == "like 1/sqrt(B), so\nm^·sqrt(v^) on\nβ and nothing else"
    assert UNMARKED.text(text) == "like 1/√B, so\nm^·√(v^) on\nβ and nothing else"
    assert Fallback().text(text) == text
    assert shown(ASCII.text("m̂·√v̂"), ASCII) == "m^.sqrt(v^)", "what is spelled out stays"


def test_the_linux_console_keeps_the_powers_that_it_has():
    assert shown("x² + m̂ᵗ ½", CONSOLE) == "x² + m^^t ½"


def test_columns_after_a_gap_and_the_frame_stay_where_they_are():
    assert shown("m̂ v̂ bias    on │", ASCII) == "m^ v^ bias  on |"
    assert shown("╭─ x² + y² ───╮", ASCII) == "+- x^2 + y^2 -+"
    cells = Cells.blank(6, 1, INK, PAPER)
    cells.put(0, 0, "m̂ = 1│", INK)
    assert ASCII.picture(cells).lines() == ["m^ = |"]


def test_styles_move_with_their_characters():
    cells = Cells.blank(9, 1, INK, PAPER)
    cells.put(0, 0, "m̂ ", INK)
    cells.put(0, 2, "v̂", RED, bold=True)
    drawn = ASCII.picture(cells)
    assert drawn.lines() == ["m^ v^    "]
    assert [tuple(color) for color in drawn.fg[0, 2:6].tolist()] == [INK, RED, RED, INK]
    assert drawn.bold[0].tolist() == [False] * 3 + [True, True] + [False] * 4


def test_a_line_of_textual_is_spelled_out_in_the_same_way_and_as_wide():
    red = Style(color="red")
    line = [Segment("│ "), Segment("m̂", red), Segment(" = √v̂         "), Segment("│", red)]
    drawn = FallbackFilter(ASCII).apply(line, Color(0, 0, 0))
    assert [text for text, _, _ in drawn] == ["| ", "m^", " = sqrt(v^)  ", "|"]
    assert [style for _, style, _ in drawn] == [None, red, None, red]


@pytest.mark.parametrize("limits", [ASCII, CONSOLE, UNMARKED])
def test_no_rule_loses_a_hat(limits):
    for optimizer in OPTIMIZERS.values():
        for text in optimizer.rule:
            assert shown(text, limits, 120).count("^") >= text.count("\u0302")


@pytest.mark.parametrize(
    ("environ", "dropped"),
    [({"TERM": "st-256color"}, True), ({"TERM": "xterm", "ZUTTY_VERSION": "0.14"}, True), ({"TERM": "xterm"}, False)],
)
def test_terminals_that_drop_marks_are_known(environ, dropped):
    assert drops_marks(environ) == dropped
