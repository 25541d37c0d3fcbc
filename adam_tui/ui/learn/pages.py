"""The pages of Learn: reads the Markdown files in the folder `pages`, and fills in data from the engine.

The sorted names of the files are the order of the pages. A file begins with lines of `key: value` and a line `---`:

    title: AdaGrad
    section: Optimizers
    optimizer: adagrad            its rule, knobs and paper replace {rule}, {knobs} and {paper}
    try: adagrad-slows            a preset
    try: Twice as far | A sentence. | --surface bowl --lane adagrad:lr=0.2      or a scenario of the page
    train: Train it | A sentence.  the stop after them, in the training mode

A number in the text that the engine can compute has a mark, `0.25<!--=name-->`, and a test computes it again; a number
from a paper names the paper, `0.95<!--@Brown 2020-->`. This module removes the marks. A key is given by its action,
`{key:play}`, and replaced by the key as the settings have it.

This module has no widgets, and reads no file before `pages()` is called.
"""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NoReturn

from adam_tui.engine.knobs import Knob
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS, Preset
from adam_tui.engine.scenario import DEFAULT_STEPS, DEFAULT_SURFACE, Scenario, parse_start
from adam_tui.ui.caption import Finale
from adam_tui.ui.keymap import all_key_names

FOLDER = "pages"
TOUR = "tour"  # the page whose scenarios are the guided tour
# Columns of a code block: a terminal of 80 columns less margins and scroll bar.
WIDEST = 74
MARK = re.compile(r"<!--[=@][^>]*-->")
KEY = re.compile(r"\{key:(\w+)\}")
_PUNCTUATION, _ESCAPED = re.compile(r"([!-/:-@\[-`{-~])"), r"\\\1"  # as Markdown wants it
_ORDER = re.compile(r"^\d+-")


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `name` is the file's name without its number, `text` is Markdown without the title.

    `tries` are scenarios for the playground; `finale` is the stop after them, in the training mode.
    """

    name: str
    title: str
    section: str
    text: str
    tries: tuple[Preset, ...]
    finale: Finale | None = None

    @property
    def stops(self) -> tuple[Preset | Finale, ...]:
        """The scenarios and the finale, in order."""
        return (*self.tries, self.finale) if self.finale else self.tries


def pages(keys: Mapping[str, str] = MappingProxyType({})) -> tuple[Page, ...]:
    """All pages in their order, read once. `keys` are the keys that the settings changed, by action."""
    return _read(tuple(sorted(keys.items())))


@lru_cache(maxsize=2)
def _read(keys: tuple[tuple[str, str], ...]) -> tuple[Page, ...]:
    names = all_key_names(dict(keys))
    return tuple(read_page(name, source, names) for name, source in sources().items())


def sources() -> dict[str, str]:
    """The text of every page's file, by the page's name, in the order of the pages."""
    entries = sorted((each for each in (files(__package__) / FOLDER).iterdir()), key=lambda each: each.name)
    return {
        _ORDER.sub("", each.name.removesuffix(".md")): each.read_text(encoding="utf-8")
        for each in entries
        if each.name.endswith(".md")
    }


def read_page(name: str, source: str, keys: Mapping[str, str]) -> Page:
    """Parse a page's file. `keys` are the names of the keys by action. Raises ValueError with one line."""
    head, rule, text = MARK.sub("", source).partition("\n---\n")
    if not rule:
        raise ValueError(f"page {name}: no line --- after the title")
    if unknown_actions := [action for action in KEY.findall(source) if action not in keys]:
        raise ValueError(f"page {name}: no action is called {unknown_actions[0]}")
    head = KEY.sub(lambda mark: keys[mark[1]], head)
    text = KEY.sub(lambda mark: f"**{_PUNCTUATION.sub(_ESCAPED, keys[mark[1]])}**", text)
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), []).append(value.strip())
    if unknown := set(fields) - {"title", "section", "optimizer", "try", "train"}:
        raise ValueError(f"page {name}: unknown field {sorted(unknown)[0]}")
    title = fields["title"][0]
    tries = tuple(_preset(name, title, n, line) for n, line in enumerate(fields.get("try", ()), 1))
    text = text.strip()
    if "optimizer" in fields:
        text = _fill_in(text, fields["optimizer"][0])
    finale = Finale(*(part.strip() for part in fields["train"][0].split("|"))) if "train" in fields else None
    return Page(name, title, fields["section"][0], text, tries, finale)


def _preset(page: str, title: str, number: int, line: str) -> Preset:
    """A preset by its name, or one that the page defines: title | sentence | flags."""
    parts = [part.strip() for part in line.split("|")]
    if len(parts) == 1:
        return PRESETS[line]
    own_title, sentence, flags = parts
    return Preset(f"{page}-{number}", own_title, sentence, scenario_of(flags), f"Learn: {title}")


class _Flags(argparse.ArgumentParser):
    """A parser that raises ValueError instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def scenario_of(flags: str) -> Scenario:
    """The scenario that flags of the command line describe. Raises ValueError with one line."""
    parser = _Flags(add_help=False, allow_abbrev=False)
    parser.add_argument("--surface", default=DEFAULT_SURFACE)
    parser.add_argument("--function")
    parser.add_argument("--lane", dest="lanes", action="append", required=True)
    parser.add_argument("--start", type=parse_start)
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    return Scenario.parse(**vars(parser.parse_args(shlex.split(flags))))


def _fill_in(text: str, name: str) -> str:
    """Fill in the optimizer's rule, knobs and paper from the engine, so that a page cannot contradict it."""
    if name in OPTIMIZERS:
        rule = OPTIMIZERS[name]
        replacements = {"{rule}": _fence(rule.rule), "{knobs}": _table(rule.knobs), "{paper}": f"- {rule.paper}"}
    else:
        from adam_tui.runs.recipes import TRAINING_OPTIMIZERS  # Muon is an optimizer of training only

        replacements = {"{knobs}": _table(TRAINING_OPTIMIZERS[name].knobs)}
    for mark, value in replacements.items():
        text = text.replace(mark, value)
    return text


def _fence(lines: Iterable[str]) -> str:
    """A code block. A line that is too long is broken at a gap between two formulas."""
    fitting: list[str] = []
    for line in lines:
        while len(line) > WIDEST and (gap := line.rfind("   ", 0, WIDEST)) > 0:
            fitting.append(line[:gap])
            line = "    " + line[gap:].strip()
        fitting += textwrap.wrap(line, WIDEST, subsequent_indent="    ") if len(line) > WIDEST else [line]
    return "\n".join(("```text", *fitting, "```"))


def _table(knobs: Iterable[Knob]) -> str:
    """A table with a row for each knob: its name in torch.optim, its symbol, its default and its meaning."""
    rows = [f"| {knob.name} | {knob.symbol or '–'} | {knob.format(knob.default)} | {knob.meaning} |" for knob in knobs]
    return "\n".join(("| knob | symbol | default | what it does |", "|:--|:--|--:|:--|", *rows))


def sections(all_pages: Iterable[Page]) -> Mapping[str, tuple[Page, ...]]:
    """The pages by their section, both in order."""
    grouped: dict[str, tuple[Page, ...]] = {}
    for page in all_pages:
        grouped[page.section] = (*grouped.get(page.section, ()), page)
    return grouped
