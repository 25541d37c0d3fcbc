"""Training in this process, on a few real digits: what is recorded, carried out, repeated and continued."""

import itertools
import math

import numpy as np
import pytest
import torch

from adam_tui.history import samples
from adam_tui.runs.protocol import Ended, Steps
from adam_tui.runs.run import Run
from adam_tui.training import device_setup, trainer, worker
from adam_tui.training.journal import Journal

pytestmark = pytest.mark.usefixtures("quick_digits")


def train(run, commands=None, **changes):
    """Train a run; `commands` maps a number of steps of this process to the commands that come after them."""
    calls = iter(range(10**9))

    class Steered(Journal):
        def new_commands(self):
            return (commands or {}).get(next(calls), [])

    with Steered(run) as journal:
        return trainer.train(journal, **changes)


def recorded(run):
    return run.follow().poll()


def losses(run):
    return [loss for event in recorded(run) if isinstance(event, Steps) for loss in event.losses]


def only(run, name):
    return [event for event in recorded(run) if event.name == name]


STOP = [{"command": "stop"}]


def test_a_run_records_its_start_every_loss_its_epochs_its_samples_and_its_end(new_run):
    run = new_run()
    assert train(run) == ("finished", "epoch 2 of 2 done")
    events = recorded(run)
    start, end = events[0], events[-1]
    assert (start.name, start.run, start.spec, start.parameters) == ("start", run.id, run.spec(), 62_346)
    assert (start.steps_per_epoch, start.precision) == (8, "float32")
    assert end == Ended(end.time, 16, "finished", "epoch 2 of 2 done")
    assert len(losses(run)) == 16
    assert [event.step for event in only(run, "epoch")] == [8, 16]
    assert [event.step for event in only(run, "checkpoint")] == [0, 8, 16]  # the first one before the first step
    for event in only(run, "sample"):
        assert event.labels == tuple(range(10))
        assert all(0.1 <= confidence <= 1 for confidence in event.confidences)
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert run.status().state == "finished"
    assert (run.status().step, run.status().epoch) == (16, 2)


def test_the_train_loss_of_an_epoch_is_its_mean_over_images_the_short_last_batch_too(new_run):
    run = new_run(epochs=1)  # 250 images: 7 batches of 32 and one of 26
    train(run)
    per_step = losses(run)
    mean = (sum(per_step[:7]) * 32 + per_step[7] * 26) / 250
    assert only(run, "epoch")[0].train_loss == pytest.approx(mean, rel=1e-12)


def test_held_out_images_are_measured_every_epoch_and_the_test_images_once(new_run):
    run = new_run(epochs=2, validation=500)
    assert train(run)[0] == "finished"
    first, last = only(run, "epoch")
    assert 0 < first.validation_accuracy < last.validation_accuracy < 1
    assert first.validation_loss > last.validation_loss > 0
    assert math.isnan(first.test_accuracy)
    assert 0 < last.test_accuracy < 1
    assert last.test_loss != last.validation_loss
    with np.load(run.evaluation, allow_pickle=False) as held:
        assert held["epoch"] == 2
        assert held["confusion"].sum() == 500


def test_every_epoch_shows_every_image_once_in_a_new_order(new_run, monkeypatch):
    seen = []
    step = trainer.Training.train_step

    def watched(self, images, labels):
        seen.append(images.sum((1, 2, 3)))
        return step(self, images, labels)

    monkeypatch.setattr(trainer.Training, "train_step", watched)
    train(new_run())
    first, second = torch.cat(seen[:8]), torch.cat(seen[8:])
    assert torch.equal(first.sort().values, second.sort().values)
    assert not torch.equal(first, second)


def test_a_seed_repeats_every_loss_exactly_and_another_seed_does_not(new_run):
    runs = [new_run(), new_run(), new_run(seed=1)]
    for run in runs:
        train(run)
    assert losses(runs[0]) == losses(runs[1]) != losses(runs[2])


def assert_same(value, other):
    """Equal in every bit, whatever is nested in it."""
    if isinstance(value, torch.Tensor):
        assert torch.equal(value, other)
    elif isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value.keys() - {"seconds"}:  # a clock's
            assert_same(value[key], other[key])
    elif isinstance(value, list | tuple):
        assert len(value) == len(other)
        for one, another in zip(value, other, strict=True):
            assert_same(one, another)
    else:
        assert value == other


@pytest.mark.parametrize(
    ("optimizer", "stops"),
    [("adam", [3]), ("adam", [8]), ("adam", [0]), ("adam", [15]), ("momentum", [5, 4])]
    + [(name, [11]) for name in ("rmsprop", "lion", "muon", "nadam", "radam", "adagrad", "adadelta", "amsgrad")],
)
def test_a_run_continued_from_its_checkpoint_is_the_same_run_bit_for_bit(new_run, optimizer, stops):
    whole, parted = new_run(optimizer), new_run(optimizer)
    train(whole)
    for stop in stops:  # steps of that process
        assert train(parted, {stop: STOP}) == ("stopped", "asked to stop")
    assert parted.status().step == sum(stops)
    assert parted.can_resume()
    assert train(parted) == ("finished", "epoch 2 of 2 done")
    assert not parted.can_resume()
    assert losses(parted) == losses(whole)
    assert [event.step for event in only(parted, "start")] == [0, *itertools.accumulate(stops)]
    for name in ("train_loss", "test_loss", "test_accuracy"):
        assert [getattr(event, name) for event in parted.epochs()] == [getattr(event, name) for event in whole.epochs()]
    for one, other in zip(only(parted, "layers"), only(whole, "layers"), strict=True):
        assert (one.gradient_norm, one.update_ratio) == (other.gradient_norm, other.update_ratio)
    ends = [torch.load(run.checkpoint, weights_only=True) for run in (whole, parted)]
    assert ends[0].keys() == {"model", "optimizer", "sampler", "rng", "progress", "layers"}
    assert_same(*ends)


def test_an_epoch_records_the_moves_of_its_layers_and_writes_its_mistakes(new_run):
    run = new_run("sgd", epochs=1)
    assert train(run, {4: STOP})[0] == "stopped"
    assert not run.evaluation.exists()
    run = new_run("sgd", {"lr": 1e-4}, epochs=1)
    train(run)
    (layers,) = only(run, "layers")
    assert layers.names == ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "linear.weight", "linear.bias")
    weights = torch.load(run.checkpoint, weights_only=True)["model"]
    for norm, ratio, weight in zip(layers.gradient_norm, layers.update_ratio, weights.values(), strict=True):
        assert ratio * weight.norm().item() == pytest.approx(1e-4 * norm, rel=0.01)  # sgd's move is lr·g
    (epoch,) = run.epochs()
    with np.load(run.evaluation, allow_pickle=False) as held:
        right = held["confusion"].trace() / held["confusion"].sum()
        assert right == epoch.test_accuracy
        assert len(held["worst_indices"]) == 20
        assert (held["worst_labels"] != held["worst_predictions"]).all()
        assert (np.diff(held["worst_confidences"]) <= 0).all()
        assert held["sample_images"].tolist() == samples.sample_images()[0].tolist()
        assert np.array_equal(held["filters"], weights["0.weight"].numpy()[:, 0])


def test_a_command_to_kill_leaves_the_last_checkpoint_and_the_run_continues_from_there(new_run):
    whole, killed = new_run(), new_run()
    train(whole)
    state, reason = train(killed, {11: [{"command": "kill"}]})
    assert (state, "without a checkpoint" in reason) == ("stopped", True)
    assert [event.step for event in only(killed, "checkpoint")] == [0, 8]
    train(killed)
    assert [event.step for event in only(killed, "start")] == [0, 8]
    assert losses(killed)[-8:] == losses(whole)[-8:]
    assert [event.test_loss for event in killed.epochs()] == [event.test_loss for event in whole.epochs()]


def test_a_finished_run_that_is_continued_has_nothing_left_to_do(new_run):
    run = new_run(epochs=1)
    train(run)
    assert train(run)[0] == "finished"
    assert len(losses(run)) == 8


def test_a_hyperparameter_that_is_set_acts_from_that_step_on_and_survives_a_continuation(new_run):
    run = new_run("sgd", epochs=1)
    still = [{"command": "set", "name": "lr", "value": 0.0}]
    train(run, {3: still, 6: STOP})
    (change,) = only(run, "set")
    assert (change.step, change.parameter, change.value) == (3, "lr", 0.0)
    saved = torch.load(run.checkpoint, weights_only=True)
    assert saved["optimizer"]["param_groups"][0]["lr"] == 0.0
    weights = saved["model"]
    train(run)
    for name, weight in torch.load(run.checkpoint, weights_only=True)["model"].items():
        assert torch.equal(weight, weights[name])


@pytest.mark.parametrize(("optimizer", "name", "value"), [("adam", "beta2", 0.5), ("muon", "momentum", 0.2)])
def test_a_hyperparameter_that_is_set_changes_later_losses_only(new_run, optimizer, name, value):
    plain, changed = new_run(optimizer, epochs=1), new_run(optimizer, epochs=1)
    train(plain)
    train(changed, {4: [{"command": "set", "name": name, "value": value}]})
    # The fifth step is the first with it; the sixth loss the first that shows it.
    assert losses(changed)[:5] == losses(plain)[:5]
    assert losses(changed)[5] != losses(plain)[5]
    assert [(event.step, event.parameter, event.value) for event in only(changed, "set")] == [(4, name, value)]


@pytest.mark.parametrize(
    "values",
    [
        *({"name": "lr", "value": value} for value in (-1, "x", None, [], 10**400, float("nan"))),
        *({"name": name, "value": 1} for name in ("tempo", "\ud800", ["lr"], {})),
        {},
    ],
)
def test_an_invalid_command_is_logged_and_ignored(new_run, capsys, values):
    run = new_run(epochs=1)
    assert train(run, {2: [{"command": "set"} | values, {"command": "dance"}]})[0] == "finished"
    assert only(run, "set") == []
    assert capsys.readouterr().err.startswith("cannot set")


def test_a_paused_run_takes_no_step_until_it_is_resumed(new_run):
    run = new_run(epochs=1)
    pause, resume = [{"command": "pause"}], [{"command": "resume"}]
    # Commands are read while it pauses too: the pause comes in call 4, and 5 to 8 pass while it waits.
    assert train(run, {4: pause, 6: pause, 9: resume})[0] == "finished"
    names = [(event.name, event.step) for event in recorded(run) if event.name in ("pause", "resume")]
    assert names == [("pause", 4), ("resume", 4)]
    (epoch,) = run.epochs()
    waited = only(run, "resume")[0].time - only(run, "pause")[0].time
    assert waited >= 4 * trainer.PAUSE_SECONDS
    assert epoch.seconds < only(run, "epoch")[0].time - recorded(run)[0].time - waited + 0.05
    assert len(losses(run)) == 8


def test_a_paused_run_can_be_stopped_and_keeps_its_checkpoint(new_run):
    run = new_run()
    assert train(run, {4: [{"command": "pause"}], 6: STOP})[0] == "stopped"
    assert [event.step for event in only(run, "checkpoint")] == [0, 4]


def test_a_run_that_diverges_fails_and_names_the_step(new_run):
    run = new_run("sgd", {"lr": 1e30})
    state, reason = train(run)
    per_step = losses(run)
    assert state == "failed"
    assert not math.isfinite(per_step[-1])
    assert all(math.isfinite(loss) for loss in per_step[:-1])
    (event,) = only(run, "diverged")
    assert event.step == len(per_step)
    assert reason == f"diverged at step {event.step}: the loss is not finite"
    assert recorded(run)[-1].step == event.step
    assert (run.status().state, run.status().reason) == ("failed", reason)
    assert [event.step for event in only(run, "checkpoint")] == [0]  # nothing of what is no number


def test_a_missing_device_is_reported(new_run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert train(new_run(device="cuda:3")) == ("failed", "no cuda:3 here: torch sees 1 CUDA devices")


def test_precision_follows_the_machine_unless_it_is_chosen(new_run, monkeypatch):
    cpu = torch.device("cpu")
    for native, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(device_setup, "_cpu_computes_bfloat16", lambda native=native: native)
        assert device_setup.precision_of(new_run(precision="auto").spec(), cpu) == wanted
        assert device_setup.precision_of(new_run(precision="float32").spec(), cpu) == torch.float32
        assert device_setup.precision_of(new_run(precision="bfloat16").spec(), cpu) == torch.bfloat16


def test_bfloat16_trains_as_well_and_keeps_its_weights_in_float32(new_run):
    half, full = new_run(precision="bfloat16", epochs=4), new_run(epochs=4)
    train(half)
    train(full)
    assert half.epochs()[-1].test_loss == pytest.approx(full.epochs()[-1].test_loss, rel=0.05)
    weights = torch.load(half.checkpoint, weights_only=True)["model"]
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[]", "is not a run specification"),
        ('{"hyperparameters": {"lr": -1}}', "lr must be at least 0"),
        ('{"hyperparameters": {"lr": 1}, "optimizer": "adm"}', "no optimizer 'adm'"),
        ('{"hyperparameters": {"lr": 1}, "batch_size": 0}', "batch_size must be at least 1"),
    ],
)
def test_a_bad_spec_fails_with_one_clear_line(new_run, text, reason):
    run = new_run()
    (run.path / "spec.json").write_text(text)
    state, message = train(run)
    assert state == "failed"
    assert reason in message
    assert "\n" not in message
    assert recorded(run)[-1].reason == run.status().reason == message


def test_a_damaged_checkpoint_is_reported_and_not_overwritten(new_run):
    run = new_run()
    run.checkpoint.write_bytes(b"PK not a checkpoint")
    state, reason = train(run)
    assert state == "failed"
    assert f"cannot continue from {run.checkpoint}" in reason
    assert run.checkpoint.read_bytes() == b"PK not a checkpoint"


def test_a_missing_directory_is_a_usage_error(tmp_path, capsys):
    assert worker.main([str(tmp_path / "nowhere")]) == 2
    assert worker.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_run_that_another_process_trains_is_left_alone(new_run, capsys):
    run = new_run()
    with Journal(Run(run.path)):
        assert worker.main([str(run.path)]) == 1
    assert "another process is training" in capsys.readouterr().err
