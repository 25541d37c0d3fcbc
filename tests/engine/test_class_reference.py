"""References to classes of other people, and the settings of their constructors."""

import json

import pytest

from adam_tui.engine.class_reference import ClassReference, is_reference, split_reference
from adam_tui.engine.class_signature import (
    Parameter,
    format_value,
    knobs_of,
    read_settings,
    signature_from_json,
    split_settings,
)

SIGNATURE = (
    Parameter("lr", "float", 1e-3),
    Parameter("beta1", "float", 0.9, part_of="betas", index=0),
    Parameter("beta2", "float", 0.999, part_of="betas", index=1),
    Parameter("weight_decay", "float", 0),
    Parameter("amsgrad", "bool", False),
    Parameter("foreach", "bool", None, optional=True),
    Parameter("history", "int", 100),
    Parameter("etas", "tuple", (0.5, 1.2)),
    Parameter("search", "text", None, optional=True),
    Parameter("threshold", "any", None, optional=True),
    Parameter("base", "object", required=True),
    Parameter("limit", "float", float("inf")),
)


@pytest.mark.parametrize(
    ("text", "path", "module", "name", "settings"),
    [
        ("./mine.py::MyAdam", "./mine.py", None, "MyAdam", None),
        (" ./mine.py::MyAdam:lr=0.1,betas=(0.9,0.99) ", "./mine.py", None, "MyAdam", "lr=0.1,betas=(0.9,0.99)"),
        ("~/a b/öpt.py::Öpt.Inner", "~/a b/öpt.py", None, "Öpt.Inner", None),
        ("torch.optim.Rprop", None, "torch.optim", "Rprop", None),
        ("pytorch_optimizer.AdaBelief:lr=0.05", None, "pytorch_optimizer", "AdaBelief", "lr=0.05"),
    ],
)
def test_a_reference_is_read_and_written(text, path, module, name, settings):
    reference, rest = split_reference(text)
    assert (reference, rest) == (ClassReference(path, module, name), settings)
    assert is_reference(text)
    assert ClassReference.parse(str(reference)) == reference
    assert reference.label == name.split(".")[-1]


@pytest.mark.parametrize("text", ["adam", "adam:lr=0.1", "three-hump-camel", ""])
def test_a_built_in_name_is_no_reference(text):
    assert not is_reference(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mine.py", "names a file and no class in it: write mine.py::MyAdam"),
        ("./mine::MyAdam", "'./mine' is no Python file"),
        ("./mine.py::", "'' is no name in a file"),
        ("./mine.py::My-Adam", "'My-Adam' is no name in a file"),
        ("torch..Adam", "names no class"),
        ("./mine.py::MyAdam:lr=1", "settings do not belong here: write ./mine.py::MyAdam"),
    ],
)
def test_a_wrong_reference_is_one_line(text, problem):
    with pytest.raises(ValueError, match=r".") as error:
        ClassReference.parse(text)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_is_made_absolute_from_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(ClassReference.parse("./mine.py::MyAdam").absolute()) == f"{tmp_path}/mine.py::MyAdam"
    assert str(ClassReference.parse("torch.optim.Adam").absolute()) == "torch.optim.Adam"


def test_settings_become_values_by_the_kinds_of_the_parameters():
    text = "lr=1e−3,betas=(0.8,0.99),amsgrad=on,foreach=none,history=5,etas=(0.4, 1.5),search=strong_wolfe,threshold=3"
    values = read_settings(SIGNATURE, split_settings(text), "MyAdam")
    assert values == {
        **{"lr": 1e-3, "beta1": 0.8, "beta2": 0.99, "amsgrad": True, "foreach": None, "history": 5},
        **{"etas": (0.4, 1.5), "search": "strong_wolfe", "threshold": 3},
    }
    assert [type(values[name]) for name in ("amsgrad", "history", "threshold")] == [bool, int, int]
    assert [format_value(value) for value in values.values()] == [
        *("0.001", "0.8", "0.99", "on", "none", "5", "(0.4,1.5)", "strong_wolfe", "3")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("learning=1", "MyAdam has no parameter 'learning': choose from lr, beta1, beta2, weight_decay"),
        ("beta_2=0.9", "did you mean beta2?"),
        ("betas=0.9", "betas must be numbers in brackets, such as (0.9,0.99), not '0.9'"),
        ("betas=(0.9,0.9,0.9)", "betas must be 2 numbers, not '(0.9,0.9,0.9)'"),
        ("betas=(0.9,0.8),beta1=0.7", "beta1 is set twice"),
        ("lr=fast", "lr must be a number, not 'fast'"),
        ("lr=none", "lr must be a number, not 'none'"),
        ("history=1.5", "history must be a whole number, not '1.5'"),
        ("amsgrad=maybe", "amsgrad must be on or off, not 'maybe'"),
        ("base=SGD", "base takes an object that no text can give"),
        ("lr", "'lr' is not a setting: write name=value"),
    ],
)
def test_a_wrong_setting_is_one_line(text, problem):
    with pytest.raises(ValueError, match=r".") as error:
        read_settings(SIGNATURE, split_settings(text), "MyAdam")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_signature_survives_json_with_a_default_that_json_lacks():
    data = json.loads(json.dumps([parameter.to_json() for parameter in SIGNATURE], allow_nan=False))
    assert signature_from_json(data) == SIGNATURE
    for wrong in ({}, [1], [{"name": "lr", "kind": "colour"}], [{"name": 3, "kind": "float"}]):
        with pytest.raises(ValueError, match=r"parameter|text"):
            signature_from_json(wrong)


def test_numbers_and_switches_are_knobs_with_a_scale_by_name_and_default():
    knobs = {knob.name: knob for knob in knobs_of(SIGNATURE)}
    assert {name: knob.scale for name, knob in knobs.items()} == {
        **{"lr": "log", "beta1": "beta", "beta2": "beta", "weight_decay": "log_off"},
        **{"amsgrad": "flag", "history": "integer"},
    }
    assert knobs["beta2"].turn(0.999, 1) == 0.9995
    assert knobs["weight_decay"].turn(0.0, 1) == 1e-6
    assert knobs["lr"].turn(1e-3, 1) == 2e-3
    assert knobs["history"].turn(100.0, -1) == 99.0
