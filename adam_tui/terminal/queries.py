"""The questions about its abilities that a terminal is asked once, at the start, and its answers.

All questions go out together. DA1 follows them: every terminal answers it, and answers in order, so a question whose
answer has not arrived by then has none. Only a positive answer counts. The answers are taken out of the input, because
Textual would read them as keys. Nothing waits for them: the program starts with the abilities that the environment
names, and improves the screen when the answers arrive.

A new question is added to `Question`, its answer to `Answers` and `_ANSWERS`, and the terminals that are asked to
`questions_for`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from adam_tui.terminal import sextants
from adam_tui.terminal.environment import may_have_more_colors
from adam_tui.terminal.sgr import RESET, Pen, transition

FENCE = "\x1b[c"  # DA1, primary device attributes
PATIENCE = 1.0  # seconds after which the end of the program no longer waits for answers


class Question(Enum):
    """A question, as it is sent."""

    # DECRQSS returns the background if the terminal has kept its RGB values.
    COLOR = transition(Pen(), Pen(bg=0x010203), "truecolor") + f"\x1bP$qm\x1b\\{RESET}"
    VERSION = "\x1b[>q"  # XTVERSION: name and version
    DEVICE = "\x1b[>c"  # DA2, secondary device attributes


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a terminal.

    `truecolor`: it keeps 24-bit colours. `version`: its name and version (XTVERSION), "" without an answer. `device`:
    its numbers (DA2), () without an answer.
    """

    truecolor: bool = False
    version: str = ""
    device: tuple[int, ...] = ()


_ANSWER = re.compile(
    r"\x1bP(?:(?P<setting>[01]\$r[\d:;]*m?)|>\|(?P<version>[^\x1b]{0,80}))\x1b\\"
    r"|\x1b\[>(?P<device>[\d;]{1,40})c|(?P<fence>\x1b\[\?[\d;]{1,80}c)"
)
# Longer than any key, so no key waits for its rest.
_BEGINNING = re.compile(r"\x1b(?:P(?:[01]\$?|[01]\$r[\d:;]*m?|>|>\|[^\x1b]{0,80})\x1b?|\[[>?][\d;]{0,80})\Z")
_KEPT = re.compile(r"48[:;]2[:;](?:\d*:)?1[:;]2[:;]3(?!\d)")


def questions_for(environ: Mapping[str, str]) -> tuple[Question, ...]:
    """Return the questions for the terminal that the environment describes."""
    colors = (Question.COLOR,) if may_have_more_colors(environ) else ()
    names = (Question.VERSION, Question.DEVICE) if sextants.may_name_itself(environ) else ()
    return colors + names


@dataclass
class Queries:
    """The questions to one terminal. Its thread for input calls `take`, that of the app the rest."""

    clock: Callable[[], float] = time.monotonic
    _rest: str = field(default="", init=False)
    _answers: Answers = field(default=Answers(), init=False)
    _asked_at: float | None = field(default=None, init=False)  # None: nothing asked, or all answered

    def ask(self, questions: Collection[Question]) -> str:
        """Return the text that asks the questions; empty if there are none."""
        if not questions:
            return ""
        self._asked_at = self.clock()
        return "".join(question.value for question in questions) + FENCE

    @property
    def unanswered(self) -> bool:
        """Whether answers may still arrive soon."""
        return self._asked_at is not None and self.clock() - self._asked_at < PATIENCE

    def take(self, text: str) -> tuple[str, Answers | None]:
        """Return the input without answers, which may come in pieces, and all answers once the last has arrived."""
        if self._asked_at is None:
            return text, None
        text, self._rest = self._rest + text, ""
        complete = False
        for match in _ANSWER.finditer(text):
            complete |= match["fence"] is not None
            self._record(match)
        text = _ANSWER.sub("", text)
        if complete:
            self._asked_at = None
            return text, self._answers
        if beginning := _BEGINNING.search(text):
            text, self._rest = text[: beginning.start()], beginning[0]
        return text, None

    def _record(self, match: re.Match[str]) -> None:
        if match["setting"] is not None and match["setting"].startswith("1") and _KEPT.search(match["setting"]):
            self._answers = replace(self._answers, truecolor=True)
        elif match["version"] is not None:
            self._answers = replace(self._answers, version=match["version"])
        elif match["device"] is not None:
            device = tuple(int(number) for number in match["device"].split(";") if number)
            self._answers = replace(self._answers, device=device)
