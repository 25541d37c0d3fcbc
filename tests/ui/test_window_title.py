"""The title of the window: the subject and its progress first, then the mode and the program."""

from training_pilot import until

from adam_tui.ui.learn.pages import pages


async def test_each_mode_names_its_subject_and_progress(training_app, made_run):
    made = made_run().start().train(1)
    async with training_app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: training_app.window_title.endswith(" running 1/5 · Train · adam-tui"))
        assert training_app.window_title.startswith(made.id)
        await pilot.press("3")
        assert training_app.window_title == f"A tour in ten stops 1/{len(pages())} · Learn · adam-tui"
        await pilot.press("1", "question_mark")
        assert training_app.window_title.endswith("/400 · Playground · adam-tui"), "behind a window too"


async def test_keys_with_alt_are_those_of_the_settings(training_app):
    training_app.keys = {"play": "space,alt+p", "quit": "alt+shift+q"}
    async with training_app.run_test(size=(80, 24)):
        assert training_app.keys_with_alt == {"p", "Q"}
