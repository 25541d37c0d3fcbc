"""The pages of Learn: every number is recomputed, every scenario opens, every page has sources, every line fits."""

import re
import runpy
from pathlib import Path

import click
import numpy as np
import pytest

from adam_tui.cli.playground import build_scenario as from_command_line
from adam_tui.cli.playground import scenario_options
from adam_tui.engine.maps.outcomes import CONVERGED, DIVERGED
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS, Preset
from adam_tui.engine.trajectory import start_of, trajectories
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.keymap import all_key_names
from adam_tui.ui.learn.pages import TOUR, WIDEST, Page, pages, read_page, scenario_of, sources

_numbers = runpy.run_path(str(Path(__file__).with_name("learn_numbers.py")))
NUMBERS, variance = _numbers["NUMBERS"], _numbers["variance"]
himmelblau_basins, chaotic = _numbers["himmelblau_basins"], _numbers["chaotic"]
random_walk, normalized = _numbers["random_walk"], _numbers["normalized"]

NUMBER = re.compile(r"(?<![\w.,−-])[−-]?\d[\d,]*(?:\.\d+)?(?:e[−-]?\d+)?%?(?!\w)")
COMPUTED = re.compile(r"(\S+?)<!--=(\w+)-->")
QUOTED = re.compile(r"<!--@([^>]+)-->")
YEAR = re.compile(r"\b(?:18|19|20)\d\d\b")
# These need no mark: they are parts of formulas.
PLAIN = {0.0, 1.0}
TITLE, SENTENCE, CONTENTS = 34, 110, 27
PARTS = ("Idea", "Rule", "Knobs", "When to use it", "When not", "Paper")

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
every_source = pytest.mark.parametrize(("name", "source"), sources().items(), ids=sources().keys())
MARKS = [
    (f"{name}/{mark}", text.lstrip("(*"))
    for name, source in sources().items()
    for text, mark in COMPUTED.findall(source)
]
KEYS = all_key_names({})
TRIES = {f"{page.name}:{each.name}": each for page in pages() for each in page.tries}


def plain(text: str) -> str:
    return text.replace("−", "-").replace(",", "")


def as_written(text: str, value: float) -> str:
    """Format the value with as many digits as the page has."""
    text = plain(text)
    percent = text.endswith("%")
    digits, _, exponent = text.rstrip("%").partition("e")
    decimals = len(digits.partition(".")[2])
    if exponent:
        mantissa, _, power = f"{value:.{decimals}e}".partition("e")
        return f"{mantissa}e{int(power)}"
    return f"{100 * value if percent else value:.{decimals}f}" + "%" * percent


def running_text(source: str) -> str:
    """The sentences of a page, without its head, code, headings and sources."""
    head, _, text = source.partition("\n---\n")
    own = [line.split("|") for line in head.splitlines() if "|" in line]
    text = re.split(r"^## (?:Sources|Paper)$", text, flags=re.MULTILINE)[0]
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]*`|^#.*|^\d+\.", "", text, flags=re.MULTILINE)
    return "\n".join((text, *(words for parts in own for words in parts[:2])))


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), MARKS, ids=[name for name, _ in MARKS])
def test_a_stated_number_is_what_the_engine_computes(name: str, text: str) -> None:
    assert as_written(text, NUMBERS[name]()) == plain(text)


def test_every_mark_is_computed_and_nothing_else_is() -> None:
    assert {name for name, _ in MARKS} == NUMBERS.keys()


def test_the_formula_of_the_cloud_is_what_noise_does() -> None:
    for lr in (0.2, 0.02):
        assert variance(lr) == pytest.approx(lr / (2 * (2 - 2 * lr)), rel=0.1)


def test_the_borders_of_basins_are_rough_only_near_the_limit() -> None:
    assert chaotic(0.01) == 0
    states = himmelblau_basins("sgd:lr=0.03")[0].finish().states
    assert (states == CONVERGED).mean() < 0.01
    assert 0.3 < (states == DIVERGED).mean() < 0.7


def test_a_random_walk_looks_like_a_parabola_on_its_principal_plane() -> None:
    times = (np.arange(100) + 0.5) / 100 * np.pi
    places = random_walk(tuple(range(100)))[1]
    for component, wave in ((0, np.cos(times)), (1, np.cos(2 * times))):
        assert abs(np.corrcoef(places[:, component], wave)[0, 1]) > 0.999


def test_filter_normalization_gives_both_minima_the_same_curvature() -> None:
    assert normalized(1, 1) == pytest.approx(normalized(4, 0.25), rel=1e-4)


def given(page: Page) -> set[float]:
    """The settings of a page's scenarios: inputs, not results."""
    inputs = {value for optimizer in OPTIMIZERS.values() for value in optimizer.defaults().values()}
    for each in page.tries:
        scenario = each.scenario
        inputs |= {scenario.steps, scenario.noise, *(abs(c) for c in start_of(scenario))}
        for lane in scenario.lanes:
            inputs |= {*dict(lane.values).values(), lane.schedule.warmup}
    return inputs


@every_source
def test_no_number_is_stated_without_a_mark_unless_it_is_an_input(name: str, source: str) -> None:
    page = next(page for page in pages() if page.name == name)
    text = re.sub(r"\S+<!--[=@][^>]+-->", "", running_text(source))
    text = YEAR.sub("", text).replace("**", "")
    inputs = given(page) | PLAIN
    stated = list(map(plain, NUMBER.findall(text)))
    assert [each for each in stated if each.endswith("%") or abs(float(each)) not in inputs] == []


@every_source
def test_a_quoted_number_names_a_source_of_the_page(name: str, source: str) -> None:
    tail = re.split(r"^## (?:Sources|Paper)$", source, flags=re.MULTILINE)[1]
    for work in QUOTED.findall(source):
        assert work in tail


# --- text ---------------------------------------------------------------------------------------------------------


@every_page
def test_a_page_ends_with_its_sources_and_each_has_a_year(page: Page) -> None:
    heading, _, tail = page.text.rpartition("\n## ")
    assert heading
    assert tail.splitlines()[0] == ("Paper" if page.section == "Optimizers" else "Sources")
    listed = re.findall(r"^- (.*(?:\n  .*)*)", tail, flags=re.MULTILINE)
    assert listed
    own = {
        "Every scenario of the list",
        "Each optimizer's page names its paper",
        "The article behind this project",
        "PyTorch",
    }
    for work in listed:
        assert YEAR.search(work) or any(work.startswith(each) for each in own), work


@every_page
def test_nothing_is_too_wide_for_80_columns(page: Page) -> None:
    assert len(page.title) <= CONTENTS
    for block in re.findall(r"^```\w+\n(.*?)^```", page.text, flags=re.MULTILINE | re.DOTALL):
        assert max(map(len, block.splitlines())) <= WIDEST
    for table in re.findall(r"(?:^\|.*\n)+", page.text + "\n", flags=re.MULTILINE):
        rows = [[cell.strip().replace("**", "") for cell in row.strip("|").split("|")] for row in table.splitlines()]
        widths = [max(len(row[column]) for row in rows if not row[0].startswith(":")) for column in range(len(rows[0]))]
        # Text in the last columns may go on in the next line; what is left for it must be worth reading.
        assert sum(widths[:-1]) + 2 * len(widths) <= WIDEST - min(widths[-1], 24), page.name


@every_page
def test_a_page_is_short_and_has_no_mark_left(page: Page) -> None:
    assert 20 <= len(page.text.splitlines()) <= 70
    assert "<!--" not in page.text
    assert not re.search(r"\{\w+\}", re.sub(r"```.*?```", "", page.text, flags=re.DOTALL))


@every_page
def test_links_lead_to_pages(page: Page) -> None:
    titles = {each.name: each.title for each in pages()}
    for text, target in re.findall(r"\[([^]]*)\]\(([^)]*)\)", page.text):
        assert target in titles
        if text.lower().startswith(titles[target].split()[0].lower()) and len(text.split()) > 2:
            assert text.lower() == titles[target].lower(), "a page that is named by its title has that title"


def test_every_optimizer_has_a_page_of_the_same_shape_with_the_engine_s_own_rule_and_knobs() -> None:
    by_name = {page.name: page for page in pages() if page.section == "Optimizers"}
    assert list(by_name) == list(dict.fromkeys([*OPTIMIZERS, *TRAINING_OPTIMIZERS]))
    for name, page in by_name.items():
        assert tuple(re.findall(r"^## (.*)$", page.text, flags=re.MULTILINE)) == PARTS
        knobs = (OPTIMIZERS[name] if name in OPTIMIZERS else TRAINING_OPTIMIZERS[name]).knobs
        for knob in knobs:
            assert f"| {knob.name} | {knob.symbol or '–'} | {knob.format(knob.default)} | {knob.meaning} |" in page.text
        if name in OPTIMIZERS:
            squeezed = re.sub(r"\s+", " ", page.text)
            for line in OPTIMIZERS[name].rule:
                assert re.sub(r"\s+", " ", line) in squeezed
            assert OPTIMIZERS[name].paper in page.text


# --- scenarios ----------------------------------------------------------------------------------------------------


@every_page
def test_every_page_has_something_to_try(page: Page) -> None:
    assert page.tries
    assert len({each.name for each in page.tries}) == len(page.tries)


@pytest.mark.parametrize("preset", TRIES.values(), ids=TRIES.keys())
def test_a_scenario_can_be_computed_and_has_a_sentence(preset: Preset) -> None:
    assert len(trajectories(preset.scenario)) == len(preset.scenario.lanes)
    assert 0 < len(preset.title) <= TITLE
    assert 0 < len(preset.sentence) <= SENTENCE
    assert preset.sentence.endswith(".")


def test_the_tour_has_the_ten_stops_of_its_page_and_ends_with_a_run_of_ones_own() -> None:
    tour = next(page for page in pages() if page.name == TOUR)
    titles = re.findall(r"^\d+\. \*\*(.*?)\*\*", tour.text, flags=re.MULTILINE)
    assert titles == [stop.title for stop in tour.stops]
    assert len(titles) == 10
    assert tour.tries[0] is PRESETS["one-step"]
    assert tour.finale is not None
    assert tour.finale.sentence.startswith("t starts a run.")


@click.command()
@scenario_options
def _command(**flags):
    return from_command_line(**flags)


OWN = [
    line.split("|")[2].strip()
    for source in sources().values()
    for line in re.findall(r"^try: (.*)$", source, flags=re.MULTILINE)
    if "|" in line
]


@pytest.mark.parametrize("flags", OWN)
def test_flags_mean_on_a_page_what_they_mean_on_the_command_line(flags: str) -> None:
    import shlex

    assert scenario_of(flags) == _command.main(shlex.split(flags), standalone_mode=False)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("title: A\nsection: B", "no line ---"),
        ("title: A\nsection: B\nauthor: C\n---\n", "unknown field author"),
        ("title: A\nsection: B\n---\nPress {key:plya}.", "no action is called plya"),
        ("title: A\nsection: B\ntry: x | y. | --surface bowl\n---\n", "--lane"),
        ("title: A\nsection: B\ntry: x | y. | --lane nobody\n---\n", "no optimizer is called 'nobody'"),
        ("title: A\nsection: B\ntry: x | y. | --lane adam --stepss 3\n---\n", "stepss"),
    ],
)
def test_a_page_that_is_wrong_is_refused_in_one_line(head: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_page("test", head, KEYS)
    assert "\n" not in str(error.value)
