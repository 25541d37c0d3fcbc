"""The tables beside a map: every character where it belongs, at every width."""

import math
from dataclasses import replace

from adam_tui.draw.map_panels import BasinRow, CurveRow, OutcomeRow, basin_table, curve_table, outcome_table
from adam_tui.draw.palette import DARK

GOLD, BLUE = DARK.lanes[:2]
OUTCOMES = [
    OutcomeRow("●", "lane", ("0.02", "0.9"), 2.5e-17, "converged", 299, GOLD),
    OutcomeRow("┼", "cursor", ("0.0512", "0.918"), math.nan, "diverged", 12),
    OutcomeRow("★", "best", ("0.0573", "0.59"), 7.3e-91, "running"),
]


class TestOutcomes:
    def test_wide_it_names_each_setting_and_its_state(self):
        assert outcome_table(OUTCOMES, ("lr", "momentum", "loss"), 56, DARK).lines() == [
            "                lr  momentum      loss                  ",
            "● lane        0.02       0.9   2.5e-17  converged 299   ",
            "┼ cursor    0.0512     0.918         –  diverged 12     ",
            "★ best      0.0573      0.59   7.3e-91  running         ",
        ]

    def test_narrow_it_has_marks_and_signs(self):
        assert outcome_table(OUTCOMES, ("lr", "μ", "loss"), 27, DARK).lines() == [
            "       lr       μ    loss  ",
            "●    0.02     0.9 2.5e-17 ✓",
            "┼  0.0512   0.918       – ✕",
            "★  0.0573    0.59 7.3e-91 ·",
        ]

    def test_steps_are_whole_numbers(self):
        row = OutcomeRow("●", "lane", ("0.02", "0.9"), 299.0, "converged", 299)
        assert (
            outcome_table([row], ("lr", "μ", "steps"), 27, DARK, whole=True).lines()[1] == "●    0.02     0.9     299 ✓"
        )


class TestBasins:
    ROWS = (
        BasinRow((1, 2, 3), "a", (3.0, 2.0), 0.0, 0.284, listed=True),
        BasinRow((4, 5, 6), "e", (-0.2708, -0.923), 181.6, 0.004, listed=False),
    )

    def test_it_has_the_colour_place_loss_and_share_of_each_rest_point(self):
        cells = basin_table(self.ROWS, 44, DARK)
        assert cells.lines() == [
            "   rest point                    loss starts",
            "   3, 2 ✛                     0.0e+00    28%",
            "   −0.271, −0.923             1.8e+02   0.4%",
        ]
        assert tuple(cells.bg[1, 0].tolist()) == (1, 2, 3)

    def test_narrow_it_has_no_loss_and_without_colours_letters(self):
        assert basin_table(self.ROWS, 27, DARK, letters=True).lines() == [
            "   rest point        starts",
            "a  3, 2 ✛               28%",
            "e  −0.271, −0.923      0.4%",
        ]

    def test_the_last_row_counts_the_rest_points_without_a_row(self):
        assert basin_table(self.ROWS[:1], 27, DARK, others=(119, 0.985)).lines() == [
            "   rest point        starts",
            "   3, 2 ✛               28%",
            "   119 more             98%",
        ]


class TestCurves:
    ROWS = (
        CurveRow("●", GOLD, "sgd", 5.1e-21, "converged", 1e-22, "0.0379", "0.04"),
        CurveRow("◆", BLUE, "adam", math.nan, "diverged", 0.3, "0.422", "–"),
    )

    def test_wide_it_shows_the_best_rate_and_where_the_curve_breaks(self):
        cells = curve_table(self.ROWS, 0, 52, DARK)
        assert cells.lines() == [
            "                 here      best     at lr breaks at ",
            "● sgd         5.1e-21   1.0e-22    0.0379      0.04 ",
            "◆ adam              ✕   3.0e-01     0.422         – ",
        ]
        assert cells.bold[1, 2]
        assert not cells.bold[2, 2]

    def test_where_rows_are_short_the_chosen_curve_and_the_best_ones_stay(self):
        rows = [replace(self.ROWS[0], name=name, best=best) for name, best in (("a", 3.0), ("b", 2.0), ("c", math.nan))]
        names = [line[2:].split()[0] for line in curve_table((*rows, self.ROWS[1]), 2, 52, DARK, height=4).lines()[1:]]
        assert names == ["c", "adam", "2"]
        cells = curve_table(rows, -1, 52, DARK, height=3)
        assert cells.lines()[1].startswith("● b ")
        assert cells.lines()[2].strip() == "2 curves more"
        assert curve_table(rows, -1, 52, DARK, height=4).height == 4, "all fit"

    def test_narrow_it_shows_the_value_here_and_the_best_rate(self):
        assert curve_table(self.ROWS, 1, 27, DARK).lines() == [
            "              here  best at",
            "● sgd      5.1e-21   0.0379",
            "◆ adam           ✕    0.422",
        ]
