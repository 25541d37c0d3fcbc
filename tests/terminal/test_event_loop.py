"""The loop shows when it has nothing to do."""

import asyncio
import threading

from adam_tui.terminal.event_loop import IdleLoop, idle_of


def test_a_thread_sees_the_loop_idle_while_it_waits_and_busy_while_it_works():
    seen = []

    async def app():
        idle = idle_of(asyncio.get_running_loop())
        thread = threading.Thread(target=lambda: seen.append(idle.wait(5)))
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.01)
        seen.append(idle.is_set())

    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        runner.run(app())
    assert seen == [True, False]


def test_work_that_waits_is_no_idle_time():
    seen = []

    async def app():
        idle = idle_of(asyncio.get_running_loop())
        done = threading.Event()
        thread = threading.Thread(target=lambda: (seen.append(idle.wait(0.1)), done.set()))
        thread.start()
        while not done.is_set():
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        runner.run(app())
    assert seen == [False]


def test_another_loop_counts_as_idle():
    async def app():
        return idle_of(asyncio.get_running_loop()).is_set()

    assert asyncio.run(app())
