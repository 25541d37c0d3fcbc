"""The losses of a landscape: the same as the network's own, and complete after a kill."""

import os

import numpy as np
import pytest
import torch
from torch.nn import functional

from adam_tui.landscape import directory, grid
from adam_tui.landscape.directory import ALL, GRID, PATH, POINT, Landscape
from adam_tui.landscape.process import Order
from adam_tui.landscape.step_losses import StepLosses
from adam_tui.landscape.survey import PARAMETERS, SHAPES, survey_of
from adam_tui.landscape.weights import read
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.weights_file import WeightsFile
from adam_tui.training import landscape_loss, landscape_worker, model
from adam_tui.training.data import normalise

IMAGES = 120


@pytest.fixture(scope="module")
def digits():
    images, labels, mean, deviation = landscape_loss.load_images("mnist", None)
    index = landscape_loss.spread(300, len(images))
    return normalise(images[index], mean, deviation, torch.device("cpu"), torch.float32), labels[index]


@pytest.fixture
def few_images(monkeypatch):
    """Of the test images only the first 300 are there: a measurement of all is quick."""
    images, labels, mean, deviation = landscape_loss.load_images("mnist", None)
    some = images[:300], labels[:300], mean, deviation
    monkeypatch.setattr(landscape_worker, "load_images", lambda *given: some)
    monkeypatch.setattr(landscape_worker.device_setup, "tune_process", lambda device: None)
    return normalise(*some[:1], mean, deviation, torch.device("cpu"), torch.float32), some[1]


def network_at(weights):
    network = model.build(torch.device("cpu"))
    torch.nn.utils.vector_to_parameters(torch.as_tensor(np.array(weights, np.float32)), network.parameters())
    return network


@torch.no_grad()
def loss_of(weights, images, labels):
    return functional.cross_entropy(network_at(weights)(images), labels).item()


def random_weights(seed):
    torch.manual_seed(seed)
    return torch.cat([each.detach().flatten() for each in model.build(torch.device("cpu")).parameters()]).numpy()


def keep(run, path):
    """Write a path as the run's weights.bin."""
    file = WeightsFile(run.weights)
    for step, weights in enumerate(path):
        file.append(step, np.asarray(weights, "<f4").tobytes())
    return run


@pytest.fixture
def walked(new_run):
    def make(seed, steps=5, start=0):
        walk = np.random.default_rng(seed).normal(size=(steps, model.PARAMETERS)).cumsum(0) * 0.003
        return keep(new_run(), random_weights(start) + walk - walk[0])

    return make


def landscape_of(runs, kind="pca", size=(3, 3), **changes):
    asked, _ = directory.request(runs, kind, *size, 1.0, IMAGES, 0)
    return Landscape.create(runs[0], asked)


@pytest.mark.parametrize("count", [1, 99, 100, 250])
def test_the_loss_is_the_networks_own(digits, count, monkeypatch):
    monkeypatch.setattr(landscape_loss, "MOST_LAID_OUT", 200)
    images, labels = (each[:count] for each in digits)
    measure = landscape_loss.LossAt(images, labels)
    for seed in (0, 1):
        weights = random_weights(seed) * 2
        made = measure(torch.from_numpy(weights))
        assert made.loss == pytest.approx(loss_of(weights, images, labels), rel=1e-5)
        with torch.no_grad():
            right = network_at(weights)(images).argmax(1) == labels
        assert made.accuracy == pytest.approx(right.float().mean().item())


def test_the_shapes_are_those_of_the_network():
    shapes = [tuple(each.shape) for each in model.build(torch.device("cpu")).parameters()]
    assert list(SHAPES) == shapes
    assert PARAMETERS == model.PARAMETERS


def test_weights_of_another_network_are_refused(digits):
    with pytest.raises(ValueError, match="the network has 62,346 weights, not 5"):
        landscape_loss.LossAt(*digits)(torch.zeros(5))


def test_the_end_of_a_pca_plane_and_every_step_have_their_true_loss(walked, few_images):
    run = walked(1)
    made = landscape_of([run])
    assert landscape_worker.compute(made) == 0
    survey = made.survey()
    points = made.points(survey)
    index = landscape_loss.spread(IMAGES, 300)
    images, labels = few_images
    losses = [loss_of(weights, images[index], labels[index]) for weights in read(run).weights]
    assert points.path_losses[0] == pytest.approx(losses, abs=1e-5)
    at_origin = loss_of(survey.plane.at(*survey.paths[0].places[-1]), images[index], labels[index])
    assert at_origin == pytest.approx(losses[-1], abs=1e-5)
    assert points.all_loss == pytest.approx(loss_of(read(run).weights[-1], images, labels), abs=1e-5)
    a, b = survey.grid.axes
    corner = loss_of(survey.plane.at(a[2], b[0]), images[index], labels[index])
    assert points.losses[0, 2] == pytest.approx(corner, abs=1e-5)
    assert points.done == 9


def test_the_three_points_of_a_plane_through_points_have_their_true_losses(walked, few_images):
    runs = [walked(seed) for seed in (1, 2)]
    made = landscape_of(runs, "points", (2, 2))
    landscape_worker.compute(made)
    survey = made.survey()
    points = made.points(survey)
    index = landscape_loss.spread(IMAGES, 300)
    images, labels = (each[index] for each in few_images)
    for number, step in ((0, 0), (0, -1), (1, -1)):
        place = survey.paths[number].places[step]
        at_place = loss_of(survey.plane.at(*place), images, labels)
        assert at_place == pytest.approx(points.path_losses[number][step], abs=1e-5)
        assert at_place == pytest.approx(loss_of(read(runs[number]).weights[step], images, labels), abs=1e-5)


def test_a_killed_process_loses_one_point_and_the_next_one_goes_on(walked, few_images, monkeypatch):
    run = walked(1, steps=3)
    made = landscape_of([run], size=(2, 2))
    landscape_worker.compute(made)
    whole = made.points_file.read_bytes()
    kept = whole[: 5 * POINT.itemsize]
    made.points_file.write_bytes(kept + whole[5 * POINT.itemsize :][:17])
    appended, append = [], landscape_worker._append
    monkeypatch.setattr(landscape_worker, "_append", lambda *given: appended.append(1) or append(*given))
    landscape_worker.compute(made)
    assert made.points_file.read_bytes() == whole
    assert len(appended) == len(whole) // POINT.itemsize - 5
    landscape_worker.compute(made)
    assert made.points_file.read_bytes() == whole


def test_the_coarse_grid_comes_first_then_the_paths_then_all_images_then_the_rest(walked, few_images):
    made = landscape_of([walked(1, steps=3)], size=(17, 2))
    survey = survey_of(made.request(), [read(each) for each in made.runs()])
    kinds = [kind for kind, _ in directory.work(survey)]
    assert kinds == [GRID] * 18 + [PATH] * 3 + [ALL] + [GRID] * 16


def test_the_landscape_of_a_linear_model_is_its_ellipse(run, monkeypatch):
    """The loss |Xw − y|²/n has the Hessian 2XᵀX/n; on a plane its level lines are ellipses of the projected one."""
    random = np.random.default_rng(0)
    inputs, targets = random.normal(size=(50, 12)) * np.geomspace(1, 0.2, 12), random.normal(size=50)
    hessian = 2 * inputs.T @ inputs / 50
    path = [random.normal(size=12)]
    for _ in range(30):
        path.append(path[-1] - 0.3 * (2 * inputs.T @ (inputs @ path[-1] - targets) / 50))
    keep(run, path)

    def measure(weights):
        rest = inputs @ weights.double().numpy() - targets
        return landscape_loss.Loss(float(rest @ rest) / 50, 0.0)

    made = landscape_of([run], size=(7, 5))
    monkeypatch.setattr(landscape_worker.Images, "of", lambda *given: (measure, measure, 50))
    landscape_worker.compute(made)
    survey = made.survey()
    losses = made.points(survey).losses
    a, b = np.meshgrid(*survey.grid.axes)
    terms = np.stack([a * a, a * b, b * b, a, b, np.ones_like(a)], -1).reshape(-1, 6)
    fitted, rest, *_ = np.linalg.lstsq(terms, losses.ravel(), rcond=None)
    projected = survey.plane.directions @ hessian @ survey.plane.directions.T / 2
    expected = [projected[0, 0], 2 * projected[0, 1], projected[1, 1]]
    assert fitted[:3] == pytest.approx(expected, rel=1e-5)
    assert rest == pytest.approx(0, abs=1e-10)


def test_a_run_that_has_gone_on_keeps_its_landscape_and_gets_another_one(walked, few_images):
    run = walked(1, steps=3)
    made = landscape_of([run], size=(2, 2))
    WeightsFile(run.weights).append(9, random_weights(3).tobytes())
    landscape_worker.compute(made)
    assert made.survey().paths[0].steps.tolist() == [0, 1, 2]
    assert landscape_of([run], size=(2, 2)).path != made.path


def test_a_landscape_that_another_process_computes_is_left_alone(walked, few_images, capsys):
    made = landscape_of([walked(1, steps=3)], size=(2, 2))
    import fcntl

    with open(made.points_file, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert landscape_worker.main([str(made.path)]) == landscape_worker.BUSY
    assert capsys.readouterr().err == "another process computes this landscape\n"


def test_an_error_is_one_line(walked, few_images, capsys):
    run = walked(1, steps=3)
    made = landscape_of([run], size=(2, 2))
    run.weights.unlink()
    assert landscape_worker.main([str(made.path)]) == 1
    assert capsys.readouterr().err == f"{run.id} has kept no weights: train it with --weights 64\n"


# Orders of a screen.


@pytest.fixture
def pipe(monkeypatch):
    monkeypatch.setattr(grid, "FINEST", 4)  # few points
    reader, writer = os.pipe()
    yield landscape_worker.Orders(reader, idle_seconds=0.01), writer
    os.close(reader)
    if writer is not None:
        os.close(writer)


def test_an_order_computes_the_part_of_its_view_and_the_steps_of_all_runs(walked, few_images, pipe):
    orders, writer = pipe
    run, other = walked(1), walked(2, steps=3)
    made = landscape_of([run], size=(5, 5))
    a_min, a_max, b_min, b_max = survey_of(made.request(), [read(run)]).grid.bounds
    view = ((3 * a_min + a_max) / 4, (a_min + a_max) / 2, b_min, (b_min + b_max) / 2)
    os.write(writer, Order(made.path, view, (run.path, other.path)).to_line().encode())
    assert landscape_worker.serve(orders) == 0  # after a time without another order
    survey = made.survey()
    part = survey.grid.covering(view)
    losses, accuracies = made.losses_on(part, survey)
    wanted = np.zeros(len(part), bool)
    wanted[part.order(view)] = True
    assert np.array_equal(np.isfinite(losses.ravel()), wanted)
    index = landscape_loss.spread(IMAGES, 300)
    images, labels = (each[index] for each in few_images)
    number = part.order(view)[-1]
    expected = loss_of(survey.plane.at(*part.point(number)), images, labels)
    assert losses.ravel()[number] == pytest.approx(expected, abs=1e-5)
    assert np.isfinite(accuracies.ravel()[number])
    for each in (run, other):
        truth = [loss_of(weights, images, labels) for weights in read(each).weights]
        assert StepLosses.of(each, made.request()).read(read(each))[0] == pytest.approx(truth, abs=1e-5)
    assert made.points(survey).total_images == 300
    assert np.isfinite(made.points(survey).losses).any(), "the points of the landscape's own grid are in its file"


def test_a_newer_order_replaces_the_one_before_and_nothing_is_computed_twice(walked, few_images, pipe, monkeypatch):
    orders, writer = pipe
    run = walked(1, steps=3)
    made = landscape_of([run], size=(5, 5))
    bounds = survey_of(made.request(), [read(run)]).grid.bounds
    line = Order(made.path, bounds, (run.path,)).to_line().encode()
    os.write(writer, line)
    appended, append = [], landscape_worker._append

    def count(*given):
        append(*given)
        appended.append(1)
        if len(appended) == 3:
            os.write(writer, line)

    monkeypatch.setattr(landscape_worker, "_append", count)
    assert landscape_worker.serve(orders) == 0
    part = made.survey().grid.covering(bounds)
    assert len(appended) == len(part.order(bounds)) + 1  # and all images; the steps are in another file


def test_the_server_ends_when_the_screen_does(walked, few_images):
    reader, writer = os.pipe()
    os.close(writer)
    assert landscape_worker.serve(landscape_worker.Orders(reader)) == 0
    os.close(reader)


def test_the_landscape_on_training_images_is_of_those_that_the_run_learns_from(walked, monkeypatch):
    run = walked(1, steps=3)
    seen = []

    def load(*given):
        seen.append(given)
        return torch.zeros(20, 28, 28, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64), 0.1, 0.3

    monkeypatch.setattr(landscape_worker, "load_images", load)
    monkeypatch.setattr(landscape_worker.device_setup, "tune_process", lambda device: None)
    asked, _ = directory.request([run], "pca", 2, 2, 1.0, 10, 0, "train")
    made = Landscape.create(run, asked)
    landscape_worker.compute(made)
    spec = run.spec()
    assert seen == [(spec.data, spec.data_dir, "train", spec.limit, spec.validation)]
    assert made.points(made.survey()).total_images == 20
    assert (run.path / "losses-train-10.bin").exists(), "not mixed with those on test images"


def test_the_device_is_the_runs_or_the_best_one_of_this_machine():
    assert landscape_worker.device_of(RunSpec(device="cpu")) == torch.device("cpu")
    missing = landscape_worker.device_of(RunSpec(device="cuda:63"))
    assert missing == landscape_worker.device_setup.device_of(RunSpec(device="auto"))


def test_the_training_images_are_those_of_the_run():
    images, labels, mean, _ = landscape_loss.load_images("mnist", None, "train", 100, 5000)
    from adam_tui.training import data

    digits = data.load(torch.device("cpu"), limit=100, validation=5000)
    assert torch.equal(labels, digits.train_labels)
    assert normalise(images, mean, data.DEVIATION, torch.device("cpu"), torch.float32).equal(digits.train_images)
