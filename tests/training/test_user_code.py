"""Classes of other people: import, signature, construction, and errors with the file and the line."""

import pytest
import torch

from adam_tui.engine.class_reference import ClassReference
from adam_tui.training import user_code
from adam_tui.training.user_code import UserCodeError

MINE = """\
import torch

class MyAdam(torch.optim.Adam):
    def __init__(self, params, scale=1, lr: float = 2e-3, **kwargs):
        self.inverse = 1 / scale
        super().__init__(params, lr=lr, **kwargs)

    def step(self, closure=None):
        undefined

class NoWeights(torch.optim.Optimizer):
    def __init__(self):
        super().__init__([], {})

NUMBER = 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return lambda name: ClassReference(str(path), None, name)


def message(work):
    with pytest.raises(UserCodeError) as error:
        work()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_class_has_its_own_parameters_and_those_of_the_class_that_it_passes_them_to(mine):
    signature = {each["name"]: each for each in user_code.signature_knobs(user_code.load(mine("MyAdam")))}
    assert signature["lr"] == {"name": "lr", "kind": "float", "default": 2e-3}
    assert signature["scale"] == {"name": "scale", "kind": "float", "default": 1}
    assert signature["beta2"] == {"name": "beta2", "kind": "float", "default": 0.999, "part_of": "betas", "index": 1}
    assert signature["amsgrad"] == {"name": "amsgrad", "kind": "bool", "default": False}
    assert signature["foreach"] == {"name": "foreach", "kind": "bool", "default": None, "optional": True}
    assert "params" not in signature


def test_values_reach_the_constructor_in_its_types(mine):
    weights = [torch.nn.Parameter(torch.ones(2))]
    kind = user_code.load(mine("MyAdam"))
    optimizer = user_code.make(kind, weights, {"lr": 0.1, "beta1": 0.5, "amsgrad": 1.0, "scale": 4.0})
    group = optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["amsgrad"], optimizer.inverse) == (0.1, (0.5, 0.999), True, 0.25)
    lbfgs = user_code.make(torch.optim.LBFGS, weights, {"max_iter": 3.0, "line_search_fn": "strong_wolfe"})
    assert lbfgs.param_groups[0]["max_iter"] == 3
    assert isinstance(lbfgs.param_groups[0]["max_iter"], int)


def test_every_mistake_is_one_line_that_names_the_place(mine, tmp_path):
    assert message(lambda: user_code.load(mine("MyAdm"))) == "mine.py has no 'MyAdm': did you mean MyAdam?"
    assert "NUMBER in mine.py is no torch.optim.Optimizer: it is a int" in message(
        lambda: user_code.load(mine("NUMBER"))
    )
    missing = ClassReference(str(tmp_path / "other.py"), None, "MyAdam")
    assert message(lambda: user_code.load(missing)) == f"there is no file {tmp_path}/other.py"
    assert "no package 'no_such_package' is installed" in message(
        lambda: user_code.load(ClassReference.parse("no_such_package.MyAdam"))
    )
    assert "Linear in torch.nn is no torch.optim.Optimizer: it is the class Linear" in message(
        lambda: user_code.load(ClassReference.parse("torch.nn.Linear"))
    )
    no_weights = user_code.load(mine("NoWeights"))
    assert "takes no weights" in message(lambda: user_code.signature_knobs(no_weights))
    kind = user_code.load(mine("MyAdam"))
    weights = [torch.nn.Parameter(torch.ones(2))]
    assert message(lambda: user_code.make(kind, weights, {"scale": 0.0}, mine("MyAdam"))) == (
        "mine.py, line 5: ZeroDivisionError: division by zero"
    )
    optimizer = user_code.make(kind, weights, {})
    assert message(lambda: user_code.call(mine("MyAdam"), optimizer.step)) == (
        "mine.py, line 9: NameError: name 'undefined' is not defined"
    )
    assert message(lambda: user_code.make(kind, weights, {"momentum": 1.0})) == "MyAdam has no parameter 'momentum'"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\ndef broken(:\n", "mine.py, line 2: invalid syntax"),
        ("import torch\n\n1 / 0\n", "mine.py, line 3: ZeroDivisionError: division by zero"),
        ("import beside\n", "mine.py, line 1: ModuleNotFoundError: No module named 'beside'"),
        ("raise SystemExit(3)\n", "mine.py ended the process when it was imported: 3"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, source, problem):
    (tmp_path / "mine.py").write_text(source)
    (tmp_path / "beside.py").write_text("")  # a copy of the one file would not have it
    assert message(lambda: user_code.load(ClassReference(str(tmp_path / "mine.py"), None, "MyAdam"))) == problem


def test_a_changed_file_is_loaded_anew_even_within_the_same_second(mine, tmp_path):
    before = user_code.load(mine("MyAdam"))
    (tmp_path / "mine.py").write_text(MINE.replace("2e-3", "3e-3"))
    after = user_code.load(mine("MyAdam"))
    assert [user_code.signature(kind)[1].default for kind in (before, after)] == [2e-3, 3e-3]
