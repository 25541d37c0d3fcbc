"""The path of any class of PyTorch: equal to ours where both exist, under the same conditions, and safe to run."""

import re
import threading
import time

import numpy as np
import pytest
import torch

from adam_tui.classes.path import withdraw_others
from adam_tui.engine import trajectory
from adam_tui.engine.class_optimizers import CLASSES
from adam_tui.engine.class_signature import format_value
from adam_tui.engine.lane import Lane
from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.cells import SettingsMap, coarse
from adam_tui.engine.maps.outcomes import NOT_COMPUTED
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.pytorch_code import to_pytorch
from adam_tui.engine.rule import join_parts
from adam_tui.engine.scenario import Scenario, suggested_lane
from adam_tui.engine.trajectory import path_computations, plotted_surface, trajectories
from adam_tui.runs import processes
from adam_tui.ui.learn.pages import sources

DESCENT = """
import torch

class Descent(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, betas=(0.5, 0.9), sign=False):
        super().__init__(params, {"lr": lr, "betas": betas, "sign": sign})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                t = self.state[p]["t"] = self.state[p].get("t", 0) + 1
                BODY
                p -= group["lr"] * (p.grad.sign() if group["sign"] else p.grad)
"""


@pytest.fixture
def written(tmp_path, imported):
    """Write a class with a line of code in its step, import it, and return its name."""

    def write(body="pass", name="mine.py"):
        file = tmp_path / name
        file.write_text(DESCENT.replace("BODY", body))
        reference = f"{file}::Descent"
        imported(reference)
        return reference

    return write


def race(*lanes, **rest):
    return trajectories(Scenario.parse(lanes, **rest))


def in_torch(lane):
    """The lane of the class of torch.optim that equals a built-in lane."""
    rule = lane.rule
    switches = {knob.name for knob in rule.knobs if knob.scale == "flag"}
    values = {name: bool(value) if name in switches else value for name, value in lane.values}
    values.pop("bias_correction", None)  # always on in torch
    arguments = join_parts(values) | dict(rule.torch_arguments)
    return f"torch.optim.{rule.torch_name}:" + ",".join(f"{k}={format_value(v)}" for k, v in arguments.items())


def test_the_classes_of_torch_equal_the_built_in_optimizers(imported):
    # The line search of L-BFGS magnifies the last digits: `engine/test_second_order.py` compares it.
    ours = [name for name, rule in OPTIMIZERS.items() if rule.torch_name and name != "lbfgs"]
    assert len(ours) >= 15
    imported(*{f"torch.optim.{OPTIMIZERS[name].torch_name}" for name in ours})
    conditions = {"surface": "himmelblau", "steps": 300, "noise": 0.3, "seed": 5}
    surface = plotted_surface(Scenario(surface="himmelblau"))
    for name in ours:
        lane = suggested_lane(name, surface)
        mine, torchs = race(lane.to_flag(), in_torch(lane), **conditions)
        assert mine.positions == pytest.approx(torchs.positions, rel=1e-12, abs=1e-12), name
        assert mine.terms["g"][1:] == pytest.approx(torchs.terms["g"][1:], rel=1e-11, abs=1e-11), name


def test_adam_of_torch_converges_at_the_same_step_with_its_schedule_and_its_changes(imported):
    imported("torch.optim.Adam", "torch.optim.SGD")
    settings = "lr=0.1,beta1@100=0.8,schedule=cosine,warmup=20"
    mine, torchs = race(f"adam:{settings}", f"torch.optim.Adam:{settings}", steps=1000)
    assert np.abs(mine.positions - torchs.positions).max() < 1e-12
    assert (mine.converged_at, mine.diverged_at) == (torchs.converged_at, torchs.diverged_at)
    assert mine.converged_at is not None
    assert list(torchs.terms) == ["g", "exp_avg", "exp_avg_sq", "Δ"]
    assert np.abs(mine.terms["m"][1:] - torchs.terms["exp_avg"][1:]).max() < 1e-12
    mine, torchs = race("sgd:lr=0.5", "torch.optim.SGD:lr=0.5", surface="rosenbrock")
    assert (mine.diverged_at, mine.last) == (torchs.diverged_at, torchs.last)


def test_adabelief_of_a_package_races_adam(imported):
    [rule] = imported("pytorch_optimizer.AdaBelief")
    assert rule.label == "AdaBelief"
    assert [knob.name for knob in rule.knobs][:3] == ["lr", "beta1", "beta2"]
    scenario = Scenario.parse(["adam:lr=0.05", "pytorch_optimizer.AdaBelief:lr=0.05"], steps=1000)
    assert scenario.labels() == ("adam", "AdaBelief")
    adam, belief = trajectories(scenario)
    assert adam.converged_at != belief.converged_at is not None
    assert {"exp_avg", "exp_avg_var"} < set(belief.terms)


def test_a_rule_with_a_closure_gets_its_losses_from_there(imported):
    imported("torch.optim.LBFGS")
    [path] = race("torch.optim.LBFGS:lr=1,line_search_fn=strong_wolfe", surface="rosenbrock", steps=30)
    assert path.losses[-1] < 1e-9, "Rosenbrock's valley within 30 steps"
    assert path.terms["g"][1:] == pytest.approx(path.gradients[:-1], rel=1e-9, abs=1e-12)


def test_a_typed_function_takes_the_slope_0_at_its_kinks(imported):
    imported("torch.optim.SGD")
    rest = {"function": "sqrt(x^2) + y^2", "start": (0.0, 1.0), "steps": 5}
    mine, torchs = race("sgd:lr=0.1", "torch.optim.SGD:lr=0.1", **rest)
    assert mine.positions.tolist() == torchs.positions.tolist()
    assert mine.positions[-1, 0] == 0.0


def test_an_optimizer_with_modes_shows_the_point_of_its_evaluation(tmp_path, imported):
    file = tmp_path / "averaged.py"
    file.write_text("""
import torch

class Averaged(torch.optim.SGD):
    def train(self):
        p = self.param_groups[0]["params"][0]
        p.data = self.state[p].get("z", p.data).clone()

    def eval(self):
        p = self.param_groups[0]["params"][0]
        sums = self.state[p].setdefault("sum", torch.zeros_like(p))
        sums += p.data
        self.state[p]["n"] = self.state[p].get("n", 0) + 1
        self.state[p]["z"] = p.data
        p.data = sums / self.state[p]["n"]
""")
    imported(f"{file}::Averaged")
    averaged, plain = race(f"{file}::Averaged:lr=0.1", "sgd:lr=0.1", steps=20)
    means = np.cumsum(plain.positions[1:], axis=0) / np.arange(1, 21)[:, np.newaxis]
    assert averaged.positions[1:] == pytest.approx(means, rel=1e-12)


def test_the_copied_script_of_classes_prints_the_same_ends(imported, written, capsys):
    mine = written()
    imported("torch.optim.LBFGS", "pytorch_optimizer.ScheduleFreeSGD", "pytorch_optimizer.AdaHessian")
    lanes = (
        "torch.optim.LBFGS:lr=0.5,history_size=5,line_search_fn=strong_wolfe",
        "pytorch_optimizer.ScheduleFreeSGD:lr=0.05",
        "pytorch_optimizer.AdaHessian:lr=0.05,num_samples=2",
        f"{mine}:lr=0.05,beta1=0.8,sign=on,schedule=cosine,beta2@10=0.95",
        "adam:lr=0.1",
    )
    scenario = Scenario.parse(lanes, steps=30, noise=0.1)
    try:
        exec(to_pytorch(scenario), {})
    finally:
        torch.set_default_dtype(torch.float32)
    printed = [[float(number) for number in re.findall(r"= (\S+?)(?:,|$)", line)] for line in lines(capsys)]
    paths = trajectories(scenario)
    assert printed == [pytest.approx([*path.positions[-1], path.losses[-1]], rel=1e-9) for path in paths]


def test_the_class_on_the_page_of_learn_is_momentum(tmp_path, imported):
    [code] = re.findall(r"```python\n(.*?)```", sources()["own-optimizer"], re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    imported(f"{tmp_path}/mine.py::Heavy")
    heavy, momentum = race(f"{tmp_path}/mine.py::Heavy", "momentum:lr=0.05", steps=200)
    assert heavy.positions == pytest.approx(momentum.positions, rel=1e-12, abs=1e-15)
    assert heavy.terms["b"][1:] == pytest.approx(momentum.terms["b"][1:], rel=1e-12, abs=1e-15)


def test_the_map_of_a_class_has_every_fourth_cell_of_the_built_in_one(imported):
    imported("torch.optim.SGD")
    maps = []
    for lane in ("sgd:lr=0.1", "torch.optim.SGD:lr=0.1"):
        scenario = Scenario.parse([lane], surface="ravine", steps=40)
        knobs = scenario.lanes[0].rule.knobs
        x, y = (Axis(next(knob for knob in knobs if knob.name == name), low, high) for name, low, high in AXES)
        maps.append(SettingsMap(scenario, 0, x, y, 9, 6))
    ours, theirs = (each.finish() for each in maps)
    assert theirs.states[::4, ::4].tolist() == ours.states[::4, ::4].tolist()
    assert len(set(theirs.states[::4, ::4].flat)) == 2, "some diverged"
    assert (theirs.states[1::4] == NOT_COMPUTED).all()
    assert theirs.ends[::4, ::4] == pytest.approx(ours.ends[::4, ::4], rel=1e-12)
    assert (coarse(theirs.states) >= 0).all(), "a computed cell stands for every other one"


AXES = (("lr", 1e-3, 1.0), ("weight_decay", 1e-3, 0.1))


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def lines(capsys):
    return capsys.readouterr().out.splitlines()


class TestYourOwn:
    def test_its_constructor_gives_the_knobs(self, written):
        rule = CLASSES[written()]
        assert [(knob.name, knob.scale, knob.default) for knob in rule.knobs] == [
            *(("lr", "log", 0.1), ("beta1", "beta", 0.5), ("beta2", "beta", 0.9), ("sign", "flag", 0.0))
        ]
        assert rule.place == "mine.py, line 4"
        lane = Lane.parse(f"{rule.name}:betas=(0.8,0.95),sign=on,schedule=step,gamma=0.5")
        assert dict(lane.values) == {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "sign": 1.0}
        assert Lane.parse(lane.to_flag()) == lane == Lane.from_json(lane.to_json())

    def test_an_error_has_its_line_and_its_step(self, written):
        name = written("t / (t < 4)")
        path, other = race(f"{name}:lr=0.1", "sgd:lr=0.1", steps=200)
        assert path.failure == "mine.py, line 13: ZeroDivisionError: division by zero"
        assert (path.last, path.state(3), path.state(2)) == (3, "failed", "running")
        assert path.positions == pytest.approx(other.positions[:4], rel=1e-14)

    def test_a_value_that_the_class_does_not_keep_in_its_groups_cannot_change(self, tmp_path, imported):
        file = tmp_path / "outside.py"
        file.write_text("""
import torch

class Outside(torch.optim.SGD):
    def __init__(self, params, lr=0.1, size=0.5):
        super().__init__(params, lr=lr * size)
""")
        imported(f"{file}::Outside")
        assert race(f"{file}::Outside:size=0.2", steps=5)[0].failure is None
        failure = race(f"{file}::Outside:size@3=0.2", steps=5)[0].failure
        assert failure == "Outside has no size that acts after the first step"

    def test_a_changed_file_is_loaded_anew_and_knobs_keep_their_values(self, classes, written, tmp_path):
        name = written()
        before = Lane.parse(f"{name}:lr=0.2,beta1=0.8")
        [old] = path_computations(Scenario(lanes=(before,)))
        assert old.finish().positions[1].tolist() == [-3.5 + 0.2 * 7, 2.5 - 0.2 * 5]
        news = threading.Event()
        classes.listen(news.set)
        text = DESCENT.replace("BODY", "pass").replace("lr=0.1, betas=(0.5, 0.9)", "lr=0.3, scale=2.0")
        text = text.replace('"betas": betas', '"scale": scale').replace('group["lr"] *', 'group["scale"] *')
        (tmp_path / "mine.py").write_text(text)
        assert news.wait(5)
        classes.forget(news.set)
        after, lost = before.reread()
        assert dict(after.values) == {"lr": 0.2, "scale": 2.0, "sign": 0.0}
        assert lost == "Descent has no beta1, beta2 any more"
        [new] = path_computations(Scenario(lanes=(after,)))
        assert new.finish().positions[1].tolist() == [-3.5 + 2 * 7, 2.5 - 2 * 5]

    def test_a_file_with_a_mistake_says_so_and_keeps_the_knobs(self, classes, written, tmp_path):
        name = written()
        lane = Lane.parse(f"{name}:lr=0.2")
        news = threading.Event()
        classes.listen(news.set)
        (tmp_path / "mine.py").write_text("def broken(:\n")
        assert news.wait(5)
        classes.forget(news.set)
        assert CLASSES[name].status == "failed"
        assert CLASSES[name].problem.startswith("mine.py, line 1: ")
        assert [knob.name for knob in lane.rule.knobs] == ["lr", "beta1", "beta2", "sign"]
        [path] = path_computations(Scenario(lanes=(lane,)))
        assert path.trajectory().failure == CLASSES[name].problem


class TestLimits:
    def test_a_random_rule_has_the_same_path_whenever_it_is_computed(self, written):
        name = written("p += 0.1 * torch.randn(2)")
        one = race(f"{name}:lr=0.1", steps=300, noise=0.1)[0]
        trajectory._cached_computation.cache_clear()
        two = race(f"{name}:lr=0.1", f"{name}:lr=0.2", steps=300, noise=0.1)[0]
        assert one is not two
        other = race(f"{name}:lr=0.1", steps=300, noise=0.1, seed=1)[0]
        assert one.positions.tolist() == two.positions.tolist() != other.positions.tolist()

    def test_a_path_that_is_not_wanted_any_more_gives_way(self, written):
        slow, quick = written("import time; time.sleep(0.02)"), written(name="quick.py")
        long, short = path_computations(Scenario.parse([f"{slow}:lr=0.1", f"{quick}:lr=0.1"], steps=1000))
        long.advance()
        assert long.waiting
        withdraw_others([short])
        assert not long.waiting
        assert short.finish().last == 1000, "within the time limit of pytest"
        assert not long.complete

    def test_code_that_prints_or_grows_fails_alone(self, written):
        name = written("print('x' * 1_000_000)")
        assert race(name, steps=50)[0].failure is None
        failure = race(written("x = torch.zeros(1_000_000_000)", "large.py"), steps=5)[0].failure
        assert failure.startswith("large.py, line 13: ")
        assert "memory" in failure

    def test_code_that_hangs_or_kills_its_process_ends_no_other_lane(self, classes, written):
        loop, crash = written("while t > 5: pass"), written("t > 2 and __import__('os').abort()", "crash.py")
        good = written(name="good.py")
        pid = classes.helper.pid
        paths = race(loop, good, crash, steps=300)
        failures = ["mine.py, line 13: no end within 1 s", None, "the process crashed: SIGABRT"]
        assert [path.failure for path in paths] == failures
        assert paths[0].last <= 5
        assert paths[1].last == 300
        assert classes.helper.pid != pid

    def test_the_processes_that_code_starts_end_with_it(self, written, tmp_path):
        started = tmp_path / "started"
        child = f"open({str(started)!r}, 'w').write(str(__import__('subprocess').Popen(['sleep', '60']).pid))"
        fork = "__import__('os').abort() if __import__('os').fork() else __import__('time').sleep(60)"
        [path] = race(written(f"t > 2 and ({child}, {fork})"), steps=9)
        assert path.failure == "the process crashed: SIGABRT", "the fork does not hold the pipe of the answers open"
        pid = int(started.read_text())
        assert wait_until(lambda: not processes.is_running(pid))

    def test_a_fork_that_returns_answers_nothing(self, written):
        name = written("t == 1 and __import__('os').fork()")
        path, other = race(f"{name}:lr=0.1", "sgd:lr=0.1", steps=300)
        assert path.failure is None
        assert path.positions == pytest.approx(other.positions, rel=1e-14)

    def test_a_parameter_of_another_shape_fails_with_its_step(self, written):
        name = written("t == 3 and (setattr(p, 'data', torch.zeros(5)), setattr(p, 'grad', torch.zeros(5)))")
        [path] = race(name, steps=9)
        assert path.failure == "after step 3 the parameter is torch.float64 of shape (5,), not (2,)"
        assert path.last == 2
