"""Keys, mouse, pastes, resizes and events of runs in any order: no error, no freeze, and every invariant holds.

`campaigns/keys.py` does this for hours. Here are a short run at random in every mode, and one by hypothesis, which
shrinks a failure to few events.
"""

import asyncio
import contextvars
import tempfile
from pathlib import Path

import pytest
from any_events import EVERYWHERE, HAPPENINGS, IN_WINDOWS, LEAST_SIZE, MODES, OTHERS, PASTES, Session
from campaigns.keys import campaign
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from invariants import check_app

EVENTS = 60
TABLES = [key for _, actions in MODES.values() for action in actions for key in action.keys.split(",")]
shares = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("mode", MODES)
async def test_after_any_events_in_a_mode_the_invariants_hold_and_keys_are_answered(mode, tmp_path):
    report = await campaign(mode, 1, EVENTS, tmp_path)
    if report.failure is not None:
        raise AssertionError(f"after {report.done[-10:]}") from report.failure


class AnyOrder(RuleBasedStateMachine):
    """The app in one event loop for as long as an example lasts."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop, self.context = asyncio.new_event_loop(), contextvars.copy_context()
        self.session = Session(Path(self.folder.name))
        self.wait_for(self.session.__aenter__())

    def wait_for(self, coroutine):
        return self.loop.run_until_complete(self.loop.create_task(coroutine, context=self.context))

    def do(self, *event):
        self.wait_for(self.session.do(event))

    def place(self, across, down):
        width, height = self.session.app.size
        return int(across * width), int(down * height)

    @rule(key=st.sampled_from(TABLES))
    def press_a_key_of_some_table(self, key):
        self.do("key", key)

    @rule(key=st.sampled_from(EVERYWHERE + OTHERS))
    def press_another_key(self, key):
        self.do("key", key)

    @rule(keys=st.lists(st.sampled_from(IN_WINDOWS), min_size=1, max_size=5))
    def type_fast(self, keys):
        for key in keys[:-1]:
            self.wait_for(self.session.do(("key", key), hurry=True))
        self.do("key", keys[-1])

    @rule(text=st.sampled_from(PASTES) | st.text(max_size=20))
    def paste(self, text):
        self.do("paste", text)

    @rule(across=shares, down=shares, button=st.sampled_from((0, 1, 2)), times=st.integers(1, 3))
    def click(self, across, down, button, times):
        self.do("click", *self.place(across, down), button, times)

    @rule(across=shares, down=shares, to_across=shares, to_down=shares)
    def drag(self, across, down, to_across, to_down):
        self.do("drag", *self.place(across, down), *self.place(to_across, to_down))

    @rule(across=shares, down=shares, downward=st.booleans())
    def scroll(self, across, down, downward):
        self.do("scroll", *self.place(across, down), downward, 3)

    @rule(width=st.integers(LEAST_SIZE[0], 120), height=st.integers(LEAST_SIZE[1], 36))
    def resize(self, width, height):
        self.do("resize", width, height)

    @rule(mode=st.sampled_from(sorted(MODES)))
    def go_to_a_mode(self, mode):
        self.do("mode", mode)

    @rule(what=st.sampled_from(HAPPENINGS), which=st.integers(0, 20))
    def something_happens_to_a_run(self, what, which):
        self.do("run", what, which)

    @invariant()
    def the_invariants_hold(self):
        if self.session.calm:
            check_app(self.session.app, whole=True)

    def teardown(self):
        try:
            self.wait_for(self.session.__aexit__(None, None, None))
        finally:
            self.loop.close()
            self.folder.cleanup()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
