"""What the keys of the training screen do beyond its state: start, stop, tune and delete runs, copy, ask, look.

A function a name in the table of actions; each takes the screen. Loaded when the first of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.dialogs import AskText, Choose, ShowText
from adam_tui.ui.train import axes, labels, lane_to_run, table
from adam_tui.ui.train import events as e
from adam_tui.ui.train.export import COPIES, copy_text
from adam_tui.ui.train.state import AXES

if TYPE_CHECKING:
    from adam_tui.engine.lane import Lane
    from adam_tui.runs.status import Status
    from adam_tui.ui.train.screen import TrainScreen

LOG_LINES = 200
KILL_SECONDS = 1.5  # a process that hears ends within 0.2 s; one that hangs, or loads torch, is killed after that
PAN = 0.25  # of the part that is shown


def start(screen: TrainScreen) -> None:
    """T: a new run with the hyperparameters that are shown for the next one."""
    screen.start_run(screen.state.spec())


def pause(screen: TrainScreen) -> None:
    """Space: pause the selected run, or let it go on."""
    run = _at_work(screen)
    if run is not None:
        screen.command(run.id, "resume" if run.state == "paused" else "pause")


def stop(screen: TrainScreen) -> None:
    """X: ask how to stop the selected run."""
    run = _at_work(screen)
    if run is None:
        return

    def answered(order: str | None) -> None:
        asked = screen.feed.reported_status(run.id)
        if order is not None:
            screen.command(run.id, order)
        if order == "kill" and asked is not None:
            screen.set_timer(KILL_SECONDS, lambda: _kill(screen, run.id, asked))

    answers = (
        ("s", "stop", "stop: finish this step, write a checkpoint, end"),
        ("k", "kill", "kill: end at once, without a checkpoint"),
    )
    text = labels.spec_line(run.spec)
    if run.silent:
        text += f"\n{run.reason}: only kill reaches it"
    screen.app.push_screen(Choose(f"Stop {run.id}?", text, answers), answered)


def _kill(screen: TrainScreen, id: str, asked: Status) -> None:
    """End by force what did not end when it was told to."""
    try:
        screen.feed.kill(id, asked)
    except (OSError, ValueError) as error:
        screen.notify(labels.problem(error), severity="error")
    screen.look_again()


def continue_run(screen: TrainScreen) -> None:
    """U: let the selected run go on from its checkpoint."""
    run = _selected(screen)
    if run is None:
        return
    try:
        screen.feed.resume(run.id)
    except (OSError, ValueError) as error:
        screen.notify(f"cannot go on: {labels.problem(error)}", severity="warning")
    screen.look_again()


def again(screen: TrainScreen) -> None:
    """Shift+T: start a run with the selected one's settings, or take them for the next one."""
    run = _selected(screen)
    if run is None:
        return

    def answered(answer: str | None) -> None:
        if answer == "start":
            screen.start_run(run.spec)
        elif answer == "adopt":
            screen.dispatch(e.Adopt(run.spec))

    answers = (("t", "start", "start it now"), ("k", "adopt", "take them for the next run, to change one first"))
    screen.app.push_screen(Choose(f"Start again as {run.id}?", labels.spec_line(run.spec), answers), answered)


def copy(screen: TrainScreen) -> None:
    """C: copy the selected run, or the next one, as text: through the terminal (OSC 52) and on the screen."""
    run = screen.state.run
    spec, name = (run.spec, run.id) if run is not None else (screen.state.spec(), "the next run")

    def chosen(kind: str | None) -> None:
        if kind is not None:
            text = copy_text(kind, spec)
            screen.app.copy_to_clipboard(text)
            said = next(said for _, each, said in COPIES if each == kind)
            screen.app.push_screen(ShowText(f"Copied: {said}", text, from_end=False))

    screen.app.push_screen(Choose(f"Copy {name} as", "", COPIES), chosen)


def log_tail(screen: TrainScreen) -> None:
    """Shift+L: the end of worker.log."""
    run = _selected(screen)
    if run is not None:
        text = screen.feed.log(run.id, LOG_LINES) or "The process has written nothing here."
        screen.app.push_screen(ShowText(f"worker.log of {run.id}", text))


def delete(screen: TrainScreen) -> None:
    """D: ask, then remove the selected run's directory."""
    run = _selected(screen)
    if run is None:
        return
    if run.alive:
        screen.notify(
            f"{run.id} is {run.state}: {screen.key_names['stop']} stops it first", severity="warning", markup=False
        )
        return

    def answered(answer: str | None) -> None:
        if answer is None:
            return
        try:
            screen.feed.delete(run.id)
        except (OSError, ValueError) as error:
            screen.notify(f"cannot delete {run.id}: {labels.problem(error)}", severity="error")
        screen.look_again()

    lost = "Its curves and its checkpoint are gone for good."
    if target := screen.feed.link_target(run.id):
        lost = f"It is a link to {target}: only the link is removed."
    text = f"{labels.spec_line(run.spec)}\n{lost}"
    screen.app.push_screen(Choose(f"Delete {run.id}?", text, (("y", "yes", "yes, delete it"),)), answered)


def type_value(screen: TrainScreen) -> None:
    """Enter: type the chosen knob's value; in the wide table, look at the selected run."""
    state = screen.state
    if state.table:
        screen.dispatch(e.Toggle("table"))
        return
    knob = state.chosen_knob

    def entered(text: str | None) -> None:
        if text is not None:
            screen.dispatch(e.SetKnob(knob.parse(text)))

    hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
    title = f"{state.tuning.id if state.tuning else state.recipe.title} {knob.name}"
    screen.app.push_screen(AskText(title, knob.format(state.value(knob)), hint, knob.parse), entered)


def sort(screen: TrainScreen) -> None:
    """S: the wide table by its next column."""
    screen.dispatch(e.SortBy(table.next_column(screen.state, 1, screen.size.width)))


def search(screen: TrainScreen) -> None:
    """/: type the words that the runs in the wide table must have."""

    def entered(text: str | None) -> None:
        if text is not None:
            screen.dispatch(e.Search(text))
            if not screen.state.table:
                screen.dispatch(e.Toggle("table"))

    hint = "words of a run's name, state or settings, such as: adam lr=0.01 running; nothing keeps all"
    screen.app.push_screen(AskText("Runs with", screen.state.search, hint, str), entered)


def cursor(screen: TrainScreen) -> None:
    """I: read values at the last step, or put the cursor away."""
    history = screen.selected_history()
    if screen.state.cursor is not None or history is None or not len(history.curve):
        screen.dispatch(e.PutCursor(None))
    else:
        screen.dispatch(e.PutCursor(len(history.curve)))


def first(screen: TrainScreen) -> None:
    """Home: the cursor at the first step."""
    screen.dispatch(e.PutCursor(1))


def last(screen: TrainScreen) -> None:
    """End: the cursor at the last step."""
    history = screen.selected_history()
    if history is not None:
        screen.dispatch(e.PutCursor(max(len(history.curve), 1)))


def axis(screen: TrainScreen) -> None:
    """G: the next x axis."""
    screen.dispatch(e.ShowAxis(AXES[(AXES.index(screen.state.axis) + 1) % len(AXES)]))


def zoom_in(screen: TrainScreen) -> None:
    """Z: closer around the cursor, or around the end of the curve."""
    _zoom(screen, 1)


def zoom_out(screen: TrainScreen) -> None:
    """Shift+Z: from further away."""
    _zoom(screen, -1)


def _zoom(screen: TrainScreen, notches: int) -> None:
    shown = screen.x_axis()
    if shown is None:
        return
    step = screen.state.cursor if screen.state.cursor is not None else len(shown.history.curve)
    at = shown.scale.at(shown.history, step)
    closest = abs(shown.scale.at(shown.history, axes.CLOSEST) - shown.scale.at(shown.history, 0)) or axes.CLOSEST
    screen.dispatch(e.Look(axes.zoomed(shown.limits, notches, at, shown.whole, closest)))


def earlier(screen: TrainScreen) -> None:
    """Comma: an earlier part of the curves."""
    _pan(screen, -PAN)


def later(screen: TrainScreen) -> None:
    """Full stop: a later one."""
    _pan(screen, PAN)


def _pan(screen: TrainScreen, share: float) -> None:
    shown = screen.x_axis()
    if shown is not None and screen.state.zoom is not None:
        screen.dispatch(e.Look(axes.panned(shown.limits, share, shown.whole)))


def close(screen: TrainScreen) -> None:
    """Esc: put away what was opened last: the table, the cursor, the zoom, a view of the model, what to do."""
    state = screen.state
    if state.table:
        screen.dispatch(e.Search("") if state.search else e.Toggle("table"))
    elif state.cursor is not None:
        screen.dispatch(e.PutCursor(None))
    elif state.zoom is not None:
        screen.dispatch(e.Look(None))
    elif state.live:
        screen.dispatch(e.Toggle("live"))
    elif state.lesson is not None and state.view == "digits":
        screen.dispatch(e.Teach())
    else:
        while screen.state.view != "digits":
            screen.dispatch(e.CycleView())


def train_lane(screen: TrainScreen, lane: Lane) -> None:
    """Say where the playground's lane and the network differ, then start a run with its settings."""
    spec, remarks = lane_to_run.spec_for(lane)
    usual = lane_to_run.usual_lr(spec)

    def answered(answer: str | None) -> None:
        chosen: dict[str, RunSpec] = {"start": spec, "usual": usual}
        if answer in chosen:
            screen.start_run(chosen[answer])
        elif answer == "adopt":
            screen.dispatch(e.Adopt(spec))

    answers = [("t", "start", "train with exactly these")]
    if usual != spec:
        answers.append(("l", "usual", f"train with lr {usual.hyperparameters['lr']:g}, the rest as it is"))
    answers.append(("k", "adopt", "take them for the next run, to change one first"))
    text = "\n".join([labels.spec_line(spec), "", *(f"· {screen.named(remark)}" for remark in remarks), ""])
    screen.app.push_screen(Choose("Train the network with this lane's optimizer?", text, answers), answered)


def _selected(screen: TrainScreen) -> RunView | None:
    run = screen.state.run
    if run is None:
        screen.notify(f"there is no run yet: {screen.key_names['start']} starts one", markup=False)
    return run


def _at_work(screen: TrainScreen) -> RunView | None:
    """The selected run when it can be commanded; else say why not."""
    run = _selected(screen)
    if run is not None and not run.alive:
        word = labels.state_word(run, screen.selected_history())
        again = f", {screen.key_names['continue_run']} lets it go on" if run.resumable else ""
        screen.notify(f"{run.id} is over: {word}{again}", markup=False)
        return None
    return run


EFFECTS: Mapping[str, Callable[[TrainScreen], None]] = {
    effect.__name__: effect
    for effect in (
        start,
        pause,
        stop,
        continue_run,
        again,
        copy,
        log_tail,
        delete,
        type_value,
        sort,
        search,
        cursor,
        first,
        last,
        axis,
        zoom_in,
        zoom_out,
        earlier,
        later,
        close,
    )
}
