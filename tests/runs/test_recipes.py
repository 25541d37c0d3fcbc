import pytest

from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import RUN_KNOBS, TRAINING_LR, TRAINING_OPTIMIZERS, check_spec, make_spec, parse_optimizer


def test_training_offers_the_engines_optimizers_without_the_playgrounds_own_knobs():
    offered = [name for name in OPTIMIZERS if name in TRAINING_LR]
    assert list(TRAINING_OPTIMIZERS) == offered
    one_gradient = {name for name, rule in OPTIMIZERS.items() if rule.evaluations is None}
    assert {name for name in one_gradient if OPTIMIZERS[name].torch_name} | {"lion"} <= set(offered) <= one_gradient
    names = {knob.name for knob in TRAINING_OPTIMIZERS["adam"].knobs}
    assert names == {"lr", "beta1", "beta2", "eps", "weight_decay"}


def test_every_default_is_within_the_limits_of_its_knob():
    for recipe in TRAINING_OPTIMIZERS.values():
        for knob in recipe.knobs:
            assert knob.check(knob.default) == recipe.defaults()[knob.name] == recipe.knob(knob.name).default
    for knob in RUN_KNOBS.values():
        assert knob.check(knob.default) == knob.default


def test_the_defaults_are_the_articles():
    spec = make_spec("adam", {})
    assert spec.hyperparameters == {"lr": 5e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
    assert (spec.batch_size, spec.epochs) == (64, 50)
    assert (spec.batch_size, spec.epochs, spec.seed) == tuple(int(knob.default) for knob in RUN_KNOBS.values())


def test_given_values_are_kept_and_the_others_get_defaults():
    name, values = parse_optimizer(" adam:beta1=0.95, eps=1e-7")
    assert (name, values) == ("adam", {"beta1": 0.95, "eps": 1e-7})
    spec = make_spec(name, values, batch_size=128, device="cuda:1", limit=10)
    assert spec.hyperparameters == {"lr": 5e-4, "beta1": 0.95, "beta2": 0.999, "eps": 1e-7, "weight_decay": 0.0}
    assert (spec.batch_size, spec.device, spec.limit) == (128, "cuda:1", 10)
    assert type(spec.batch_size) is int
    assert parse_optimizer("rmsprop:centered=on") == ("rmsprop", {"centered": 1.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adm", "no optimizer 'adm': did you mean adam"),
        ("adam:bta1=0.9", "adam has no 'bta1': did you mean beta1"),
        ("adam:bias_correction=0", "adam has no 'bias_correction'"),
        ("adam:beta1", "write adam:lr=0.01"),
        ("adam:", "write adam:lr=0.01"),
        ("adam:beta1=high", "beta1 must be a number"),
        ("adam:beta1=1", "at least 0 and below 1"),
        ("adam:lr=nan", "lr must be"),
        ("adam:lr=1,lr=2", "set twice"),
    ],
)
def test_a_mistake_in_an_optimizer_is_reported_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_optimizer(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": 8193}, "at most 8192"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"device": "tpu"}, "device must be"),
        ({"precision": "float16"}, "precision must be"),
        ({"limit": 60_001}, "at most 60000"),
    ],
)
def test_a_mistake_in_a_spec_is_reported_in_one_line(rest, message):
    with pytest.raises(ValueError, match=message):
        make_spec("adam", {}, **rest)
    with pytest.raises(ValueError, match=message):
        check_spec(RunSpec(**rest))


def test_the_tables_of_choices_import_no_torch(fresh_modules):
    loaded = fresh_modules("import adam_tui.runs.recipes, adam_tui.cli.follow")
    assert not {"torch", "torchvision"} & set(loaded)
