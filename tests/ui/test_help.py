"""The help: every key of a mode by purpose, those of what one is at first, in as many columns as there is room for."""

import pytest
from textual.containers import VerticalScroll

from adam_tui.ui.actions import Action, KeyGroup, KeyRow
from adam_tui.ui.app import AdamApp
from adam_tui.ui.help import Help, by_purpose, in_columns
from adam_tui.ui.playground.state import PlaygroundState

MODES = ("playground", "train", "learn", "sweep")


def seen(app):
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def lines(column):
    return [
        "" if not (group or words) else group.title if group else f"{key} {words}"
        for group, key, words in column.lines()
    ]


# --- lines and columns: pure functions ------------------------------------------------------------------------------


def action(keys, title, group="View"):
    return Action(title, keys, title, group, None)


def test_actions_that_differ_in_one_word_share_a_line():
    [group] = by_purpose([action("z", "Zoom in"), action("Z", "Zoom out"), action("0", "Reset the view")])
    assert group.rows == (KeyRow("z Z", "Zoom in / out"), KeyRow("0", "Reset the view"))


def test_a_word_at_the_beginning_is_written_small_after_the_first():
    [group] = by_purpose([action("s", "Next surface"), action("S", "Previous surface")])
    assert group.rows == (KeyRow("s S", "Next / previous surface"),)


def test_four_ways_of_one_action_are_one_line_too():
    [group] = by_purpose(
        [action(key, f"Pan {way}") for key, way in zip("HJKL", ("left", "down", "up", "right"), strict=True)]
    )
    assert group.rows == (KeyRow("H J K L", "Pan left / down / up / right"),)


def test_several_keys_for_one_action_are_kept_apart_from_the_others():
    [group] = by_purpose([action("plus,equals_sign", "Play faster"), action("minus", "Play slower")])
    assert group.rows == (KeyRow("+ = / -", "Play faster / slower"),)


def test_what_differs_in_another_word_or_is_one_word_stands_alone():
    titles = ("Type the start", "Type the end", "Move the end", "Undo", "Redo")
    [group] = by_purpose([action("x", title) for title in titles])
    assert [row.words for row in group.rows] == ["Type the start / end", "Move the end", "Undo", "Redo"]


GROUPS = [
    KeyGroup("Time", (KeyRow("space", "Play or pause"), KeyRow(".", "One step forward"))),
    KeyGroup("View", (KeyRow("z", "Zoom in"),)),
    KeyGroup("Lanes", (KeyRow("o", "Next optimizer in this lane"), KeyRow("x", "Remove it"))),
]


def test_one_column_is_enough_where_it_shows_all():
    [column] = in_columns(GROUPS, 80, 10)
    assert lines(column) == [
        "Time", "space Play or pause", ". One step forward", "",
        "View", "z Zoom in", "",
        "Lanes", "o Next optimizer in this lane", "x Remove it",
    ]  # fmt: skip


def test_more_columns_are_as_even_as_whole_groups_allow():
    even = [*GROUPS, GROUPS[0]]
    left, right = in_columns(even, 90, 8)
    assert [group.title for group in left.groups] == ["Time", "View"]
    assert [group.title for group in right.groups] == ["Lanes", "Time"]


def test_where_nothing_shows_all_there_are_as_many_columns_as_can_be_read():
    assert len(in_columns(GROUPS, 200, 1)) == 3
    assert len(in_columns(GROUPS, 80, 1)) == 2
    assert len(in_columns(GROUPS, 60, 1)) == 1


def test_words_too_long_for_their_column_go_on_in_the_next_line():
    [column] = in_columns(GROUPS, 24, 1)
    assert lines(column)[-3:] == ["o Next optimizer in", " this lane", "x Remove it"]


# --- in the app -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_at_120_by_40_every_key_of_a_mode_is_seen_at_once(mode, tmp_path):
    app = AdamApp(PlaygroundState(), mode=mode, runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        groups = by_purpose(app.screen.actions)
        await pilot.press("?")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        text = " ".join(seen(app).split())
        for group in groups:
            assert group.title in text
            for row in group.rows:
                assert f"{row.keys} {row.words[:30]}" in text
        frame = app.screen.query_one(VerticalScroll)
        assert frame.max_scroll_y == frame.max_scroll_x == 0
        assert "scroll" not in frame.border_subtitle
        await pilot.press("?")
        assert mode == app.screen.MODE


async def test_where_it_does_not_fit_it_scrolls_to_the_last_key():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.press("?")
        await pilot.pause()
        frame = app.screen.query_one(VerticalScroll)
        assert "↑↓ scroll" in frame.border_subtitle
        assert frame.max_scroll_x == 0
        assert "space  Play or pause" in seen(app)
        await pilot.press("end")
        await pilot.pause(0.3)
        assert "q  Quit" in seen(app)


async def test_the_keys_of_placing_a_start_come_first_while_it_is_placed():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", "?")
        await pilot.pause()
        text = seen(app)
        assert text.index("Now: placing the start") < text.index("Time")
        assert "←↑↓→  Move the crosshair" in text
        assert app.screen.query_one(VerticalScroll).max_scroll_y == 0


async def test_the_keys_of_an_open_map_come_first_and_all_others_are_still_seen():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h", "?")
        await pilot.pause()
        assert seen(app).index("Now: a map") < seen(app).index("Time")
        assert app.screen.query_one(VerticalScroll).max_scroll_y == 0


async def test_the_keys_of_windows_are_listed_where_they_hide_no_others():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(200, 55)) as pilot:
        await pilot.press("?")
        await pilot.pause()
        assert "↑↓ tab enter  Choose an answer and take it" in seen(app)


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        (("tab",), "Now: the wide table"),
        (("i",), "Now: reading with the cursor"),
        (("p",), "Now: the landscape of the loss"),
        (("h",), "Now: tuning a running run"),
        ((), "Training"),
    ],
)
async def test_in_training_the_keys_of_what_is_open_come_first(keys, first, made_run, tmp_path):
    made_run().start().train(2)
    app = AdamApp(PlaygroundState(), mode="train", runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(100):
            await pilot.pause(0.05)
            if app.screen.selected_history is not None and len(app.screen.selected_history.curve):
                break
        await pilot.press(*keys, "?")
        await pilot.pause()
        assert app.screen.query("Static").first().render().plain.startswith(first)
        assert app.screen.query_one(VerticalScroll).max_scroll_y == 0


async def test_it_is_laid_out_anew_in_another_terminal():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("?")
        await pilot.pause()
        assert app.screen.query_one(VerticalScroll).max_scroll_y > 0
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        await pilot.pause()
        assert app.screen.query_one(VerticalScroll).max_scroll_y == 0
        assert "Close crosshair, map, caption or hints" in seen(app)
