"""The playground's tables: every character where it belongs, at every width."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw import playground_panels
from adam_tui.draw.cells import text_width
from adam_tui.draw.palette import DARK, PALETTES
from adam_tui.draw.playground_panels import LaneRow, knob_table, lane_table, step_arithmetic, timeline
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.ui.layout import NARROW, SIDE_COLUMNS

GOLD, CORAL = DARK.lanes[:2]
ROWS = [
    LaneRow("●", GOLD, ("adam",), 0.056, 1.2e-5, "converged", rank=1, distance=0.0123, since=123),
    LaneRow("◆", CORAL, ("adadelta-2",), -4.0e100, math.inf, "diverged", rank=2, distance=math.nan, since=40),
]
ADAM = OPTIMIZERS["adam"].knobs
DEFAULTS = [(knob, knob.default) for knob in ADAM]


def color(cells, row, column):
    return tuple(cells.fg[row, column].tolist())


class TestLanes:
    def test_narrow_it_has_loss_and_a_sign_for_the_state(self):
        cells = lane_table(ROWS, 0, 32, 3, DARK)
        assert cells.lines() == [
            "                  loss          ",
            "▸● adam        0.05600 ✓123     ",
            " ◆ adadelta-2  -4e+100 ✕40      ",
        ]

    def test_wider_it_has_rank_gradient_and_distance(self):
        assert lane_table(ROWS, 1, 46, 3, DARK).lines() == [
            "                   loss     ‖g‖    dist state ",
            " ● 1 adam       0.05600 1.2e-05 1.2e-02 ✓123  ",
            "▸◆ 2 adadelta-2 -4e+100       ∞       – ✕40   ",
        ]

    def test_widest_it_has_the_state_in_words(self):
        assert lane_table(ROWS, 0, 56, 3, DARK).lines() == [
            "                     loss     ‖g‖    dist state         ",
            "▸● 1 adam         0.05600 1.2e-05 1.2e-02 converged 123 ",
            " ◆ 2 adadelta-2 -4.0e+100       ∞       – diverged 40   ",
        ]

    def test_one_lane_has_no_rank(self):
        assert lane_table(ROWS[:1], 0, 45, 2, DARK).lines()[1] == "▸● adam         0.05600 1.2e-05 1.2e-02 ✓123 "

    def test_the_chosen_lane_is_bold_with_a_pointer_and_each_has_its_colour(self):
        cells = lane_table(ROWS, 1, 46, 3, DARK)
        assert color(cells, 1, 1) == color(cells, 1, 5) == GOLD
        assert color(cells, 2, 1) == color(cells, 2, 5) == CORAL
        assert not cells.bold[1, 5:].any()
        assert cells.bold[2, 0]
        assert [
            place for place, glyph in enumerate(cells.lines()[2]) if glyph != " " and not cells.bold[2, place]
        ] == []
        assert color(cells, 1, 40) == DARK.states["converged"]
        assert color(cells, 2, 40) == DARK.states["diverged"]

    def test_a_long_list_scrolls_to_the_chosen_lane(self):
        many = [LaneRow("●", GOLD, (f"lane{i}",), 1.0, 1.0, "running") for i in range(9)]
        names = [line[3:8].strip() for line in lane_table(many, 7, 30, 4, DARK).lines()]
        assert names == ["+6", "lane6", "lane7", "lane8"]

    def test_a_name_that_is_too_long_keeps_its_number(self):
        [_, line] = lane_table([LaneRow("●", GOLD, ("adadelta-12",), 1.0, 1.0, "running")], 0, 23, 2, DARK).lines()
        assert line.startswith("▸● adadelt-12 ")

    def test_a_name_with_settings_takes_free_columns_then_those_of_the_distance(self):
        names = ("sgd weight_decay 0.1", "sgd λ 0.1", "λ 0.1", "sgd-2")
        twins = [LaneRow("●", GOLD, names, 1.0, 1.0, "running")] * 2
        assert lane_table(twins, 0, 27, 2, DARK).lines()[1] == "▸● sgd λ 0.1        1.000 ·"
        assert lane_table(twins, 0, 46, 3, DARK).lines()[:2] == [
            "                            loss     ‖g‖ state",
            "▸● 1 sgd λ 0.1             1.000 1.0e+00 ·    ",
        ]
        assert lane_table(twins, 0, 80, 2, DARK).lines()[1].split()[:5] == ["▸●", "1", "sgd", "weight_decay", "0.1"]

    def test_ranks_of_two_digits_do_not_touch_the_marker(self):
        many = [LaneRow("●", GOLD, ("adam",), 1.0, 1.0, "running", rank=13)] * 10
        assert lane_table(many, 0, 46, 2, DARK).lines()[1].startswith("▸● 13 adam ")

    def test_losses_that_differ_look_different(self):
        losses = [-78.332331, -78.332309, -0.5, 9.4123456, 9.4123456]
        rows = [LaneRow("●", GOLD, ("adam",), loss, 1.0, "running") for loss in losses]
        texts = [line[15:23].strip() for line in lane_table(rows, 0, 46, 6, DARK).lines()[1:]]
        assert texts == ["-78.332", "+2e-05", "-0.5000", "9.412", "9.412"]

    def test_a_step_that_does_not_fit_is_left_out_and_not_cut(self):
        late = [LaneRow("●", GOLD, ("adam",), 1.0, 1.0, "converged", since=100_000)]
        assert lane_table(late, 0, 58, 2, DARK).lines()[1].endswith("converged 100000")
        assert lane_table(late, 0, 57, 2, DARK).lines()[1].endswith("converged      ")
        assert lane_table(late, 0, 28, 2, DARK).lines()[1].endswith(" ✓    ")

    @given(st.integers(0, 80), st.integers(0, 8), st.integers(0, 1), st.sampled_from(sorted(PALETTES)))
    def test_it_fills_any_rectangle(self, width, height, chosen, palette):
        cells = lane_table(ROWS, chosen, width, height, PALETTES[palette])
        assert (cells.width, cells.height) == (width, height)


class TestKnobs:
    def test_values_stand_in_a_column_to_the_right_with_a_slider(self):
        lines = knob_table(DEFAULTS, 0, GOLD, 44, 6, DARK).lines()
        assert lines[0] == "▸ α   lr                 0.001  ────●───────"
        assert lines[2] == "  β2  beta2              0.999  ─────●──────"
        assert lines[4] == "  λ   weight_decay         off  ●───────────"
        assert lines[5] == "  m̂ v̂ bias_correction       on  ───────────●"

    def test_without_room_the_slider_goes_then_the_symbol_then_the_names_end(self):
        assert knob_table(DEFAULTS, 1, GOLD, 36, 6, DARK).lines()[1] == "▸ β1  beta1                0.9      "
        assert knob_table(DEFAULTS, 1, GOLD, 30, 6, DARK).lines()[1] == "▸ beta1                0.9    "
        assert knob_table(DEFAULTS, 1, GOLD, 24, 6, DARK).lines()[5] == "  bias_correcti       on"

    @pytest.mark.parametrize(
        ("lr", "beta2", "shown"),
        [
            (0.157064642947156, 0.932998124964904, ["0.157", "0.933"]),
            (1.2345678e-05, 0.9999999, ["1.235e-05", "0.9999999"]),
            (12345.6789, 0.99999, ["1.235e+04", "0.99999"]),
            (0.12345, 0.123456, ["0.12345", "0.123456"]),
        ],
    )
    def test_a_long_value_is_shortened_and_a_rate_near_one_keeps_its_distance_from_it(self, lr, beta2, shown):
        table = [(knob, {"lr": lr, "beta2": beta2}.get(knob.name, value)) for knob, value in DEFAULTS]
        lines = knob_table(table, 0, GOLD, 60, 6, DARK).lines()
        assert [lines[0].split()[3], lines[2].split()[2]] == shown

    @given(st.sampled_from([knob.name for knob in ADAM]), st.integers(-40, 40), st.integers(24, 60))
    def test_turning_a_knob_moves_nothing_but_its_own_line(self, name, notches, width):
        turned = [(knob, knob.turn(value, notches) if knob.name == name else value) for knob, value in DEFAULTS]
        before, after = (knob_table(table, 0, GOLD, width, 6, DARK) for table in (DEFAULTS, turned))
        line = [knob.name for knob in ADAM].index(name)
        changed = after.changed(before)
        changed[line] = False
        assert not changed.any()
        text = after.lines()[line].split("─")[0].split("●")[0].rstrip()
        assert text.endswith({knob.name: knob.format(value) for knob, value in turned}[name])

    def test_what_is_not_the_default_is_brighter(self):
        turned = [(knob, 0.5 if knob.name == "beta1" else value) for knob, value in DEFAULTS]
        cells = knob_table(turned, 0, GOLD, 30, 6, DARK)
        assert color(cells, 1, 2) == DARK.foreground
        assert color(cells, 2, 2) == DARK.faint

    def test_the_chosen_one_is_bold_and_its_slider_has_the_lanes_colour(self):
        cells = knob_table(DEFAULTS, 2, CORAL, 44, 6, DARK)
        assert cells.text(2, 0, 2) == "▸ "
        assert cells.bold[2, 0]
        head = cells.lines()[2].index("●")
        assert color(cells, 2, head) == CORAL
        assert color(cells, 1, cells.lines()[1].index("●")) != CORAL

    @given(st.sampled_from(sorted(OPTIMIZERS)), st.integers(0, 60), st.integers(0, 10), st.data())
    def test_it_fills_any_rectangle_and_shows_the_chosen_knob(self, optimizer, width, height, data):
        table = [(knob, knob.default) for knob in OPTIMIZERS[optimizer].knobs]
        chosen = data.draw(st.integers(0, len(table) - 1))
        cells = knob_table(table, chosen, GOLD, width, height, DARK)
        assert (cells.width, cells.height) == (width, height)
        if width and height:
            assert sum(line.startswith("▸") for line in cells.lines()) == 1


TERMS = {"g": (5.8, -7.8), "m̂": (-3.0e-12, 0.5), "Δ": (-0.1, math.nan)}
RULE = ("m ← β1·m + (1−β1)·g", "m̂ = m / (1−β1ᵗ)", "Δ = −α·m̂")


class TestArithmetic:
    def test_a_line_a_term_a_column_a_coordinate_and_the_rule_below(self):
        cells = step_arithmetic(TERMS, RULE, 26, 7, DARK)
        assert cells.lines() == [
            "            x          y  ",
            "g     5.80000   -7.80000  ",
            "m̂  -3.000e-12    0.50000  ",
            "Δ    -0.10000        nan  ",
            "m ← β1·m + (1−β1)·g       ",
            "m̂ = m / (1−β1ᵗ)           ",
            "Δ = −α·m̂                  ",
        ]
        assert cells.bold[3, 0]
        assert not cells.bold[2, 0]

    def test_a_term_without_numbers_has_dashes(self):
        cells = step_arithmetic({"g": (5.8, -7.8), "Δ": None}, (), 26, 3, DARK)
        assert cells.lines()[1:] == ["g     5.80000   -7.80000  ", "Δ           –          –  "]

    def test_the_end_of_the_rule_stays_when_there_is_little_room(self):
        lines = step_arithmetic(TERMS, RULE, 26, 5, DARK).lines()
        assert lines[4].strip() == "Δ = −α·m̂"

    def test_a_line_of_the_rule_that_is_too_long_ends_in_dots(self):
        assert step_arithmetic({}, RULE[:1], 12, 2, DARK).lines()[1] == "m ← β1·m + …"

    @given(st.integers(0, 40), st.integers(0, 9))
    def test_it_fills_any_rectangle(self, width, height):
        cells = step_arithmetic(TERMS, RULE, width, height, DARK)
        assert (cells.width, cells.height) == (width, height)


class TestTimeline:
    def test_the_step_a_bar_up_to_it_and_what_time_does(self):
        [line] = timeline(100, 400, True, "40/s", [], 50, DARK).lines()
        assert line == " step 100/400 ━━━━━━━●──────────────────── ▶ 40/s "
        [line] = timeline(0, 400, False, "40/s", [], 50, DARK).lines()
        assert line == " step   0/400 ●─────────────────────────── ‖ 40/s "

    def test_the_bar_ends_at_the_last_step(self):
        [line] = timeline(400, 400, False, "", [], 40, DARK).lines()
        assert line == " step 400/400 ━━━━━━━━━━━━━━━━━━━━━● ‖  "

    def test_marks_stand_at_their_steps_but_never_on_the_head(self):
        marks = [(200, "✓", GOLD), (400, "✕", CORAL)]
        cells = timeline(100, 400, False, "", marks, 40, DARK)
        [line] = cells.lines()
        assert line == " step 100/400 ━━━━━●────✓──────────✕ ‖  "
        assert color(cells, 0, line.index("✓")) == GOLD
        assert "✓" not in timeline(200, 400, False, "", marks, 40, DARK).lines()[0]

    @given(st.integers(1, 100_000), st.floats(0, 1), st.integers(0, 120))
    def test_it_fills_any_width(self, steps, share, width):
        cells = timeline(round(steps * share), steps, True, "320/s", [(steps, "✓", GOLD)], width, DARK)
        assert (cells.width, cells.height) == (width, 1)

    @given(st.integers(0, 400), st.integers(0, 400))
    def test_the_columns_do_not_jump_as_time_goes_on(self, one, other):
        lines = [timeline(step, 400, True, "40/s", [], 60, DARK).lines()[0] for step in (one, other)]
        assert lines[0].index("/400") == lines[1].index("/400")
        assert lines[0].index("▶") == lines[1].index("▶")


def test_every_line_of_a_rule_fits_the_panel_of_120_columns():
    panel = dict(SIDE_COLUMNS)[NARROW] - 4
    long = ("nadam", "radam")  # their sums have no shorter form
    lines = [line for name, optimizer in OPTIMIZERS.items() if name not in long for line in optimizer.rule]
    assert [line for line in lines if text_width(line) > panel] == []


def test_the_longest_texts_fit_their_columns():
    assert max(map(len, OPTIMIZERS)) <= playground_panels.NAME
    reached = (knob.format(knob.turn(knob.default, turn)) for rule in OPTIMIZERS.values() for knob in rule.knobs
               for turn in range(-60, 60))  # fmt: skip
    assert max(map(len, reached)) <= playground_panels.VALUE
