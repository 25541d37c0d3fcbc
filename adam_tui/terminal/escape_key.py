"""The escape key, told apart from the escape sequences and from the key that is pressed after it.

A terminal sends one byte for escape, and the same byte at the beginning of every sequence and before a key that is
pressed with alt. tmux waits up to half a second for the next key and then sends both at once: Textual reads `escape`
and `q` as alt+q, which does nothing. Here they are two keys, because no key of the program needs alt unless the
settings or a text field use it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection

ESCAPE = "\x1b"
# A paste begins or ends, or a character follows that begins no sequence: CSI, SS3 and strings (ECMA-48) begin with the
# excepted ones, and with backspace alt deletes a word in every terminal.
_SPLIT = re.compile(r"\x1b\[20(?P<paste>[01])~|\x1b(?=(?P<next>[^\[OPX\]^_\x7f\x08]))", re.DOTALL)
_UNDECIDED = re.compile(r"\x1b[\[OPX\]^_]?\Z")  # the escape key, one more key after it, or the beginning of a sequence


class EscapeKeys:
    """Divides the input into parts: `ESCAPE` alone is the escape key, all else is for Textual's parser.

    An undecided end of the input is kept for `delay` seconds, in which the rest of a sequence arrives.
    """

    def __init__(self, delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay, self._clock = delay, clock
        self._kept, self._kept_since = "", 0.0
        self._pastes = False

    def take_kept(self) -> str:
        """Return the end of the earlier input, which belongs before the next."""
        kept, self._kept = self._kept, ""
        return kept

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the kept end of the input is decided; None where nothing is kept."""
        return max(self._kept_since + self._delay - self._clock(), 0.0) if self._kept else None

    def decided(self) -> list[str]:
        """Return the parts of a kept end that nothing has followed in time."""
        if self.seconds_left != 0.0:
            return []
        kept = self.take_kept()
        return [part for part in (ESCAPE, kept[1:]) if part]

    def split(self, text: str, with_alt: Collection[str] = ()) -> list[str]:
        """Return the parts of the input. `with_alt` are characters that are keys of their own when alt is held."""
        parts, begin = [], 0
        for match in _SPLIT.finditer(text):
            if match["paste"]:
                self._pastes = match["paste"] == "0"
            elif not self._pastes and match["next"] not in with_alt:
                parts += [text[begin : match.start()], ESCAPE]
                begin = match.end()
        rest = text[begin:]
        if not self._pastes and (undecided := _UNDECIDED.search(rest)):
            self._kept, self._kept_since = undecided[0], self._clock()
            rest = rest[: undecided.start()]
        return [part for part in (*parts, rest) if part]
