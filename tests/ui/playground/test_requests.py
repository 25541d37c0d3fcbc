"""The questions of the playground: what their answers may be."""

import pytest

from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.requests import effects_of
from adam_tui.ui.playground.state import PlaygroundState


@pytest.mark.parametrize(
    ("text", "steps"), [("15", 15), (" 15 ", 15), ("+15", 15), ("1,500", 1500), ("1500", 1500), ("100,000", 100_000)]
)
def test_a_number_of_steps_may_have_commas_between_thousands(text, steps):
    [question] = effects_of(PlaygroundState(), e.AskSteps())
    assert question.parse(text) == e.SetSteps(steps)


@pytest.mark.parametrize("text", ["1,5", "1,50", "1,5000", "15,", ",15", "1,,500", "1.5", "", "1 500", "9" * 5000, "x"])
def test_any_other_comma_is_refused(text):
    [question] = effects_of(PlaygroundState(), e.AskSteps())
    with pytest.raises(ValueError, match="a whole number is needed"):
        question.parse(text)


def test_a_step_beyond_the_race_is_refused():
    [question] = effects_of(PlaygroundState(), e.AskStep())
    assert question.parse("400") == e.Seek(400)
    with pytest.raises(ValueError, match="from 0 to 400"):
        question.parse("401")
