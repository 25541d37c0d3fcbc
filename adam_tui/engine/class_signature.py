"""The constructor's parameters of an optimizer class, as plain data: how a text becomes a value, and which are knobs.

`training.user_code` reads a signature from the class, in a process that has torch. Here are the same facts without the
class, as JSON: the command line checks settings with them, the screens make knobs of them, and a run keeps them in its
specification. A pair such as `betas` is split into beta1 and beta2, as everywhere in this program.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from adam_tui.engine import json_fields
from adam_tui.engine.knobs import Knob, Scale
from adam_tui.engine.names import suggest
from adam_tui.engine.numbers import format_number, parse_number, parse_whole

# "tuple": numbers in brackets; "any": a Python literal, else the text itself; "object": something no text can give.
Kind = Literal["float", "int", "bool", "text", "tuple", "any", "object"]
NUMERIC = frozenset({"float", "int", "bool"})
NONE = "none"
ON, OFF = frozenset({"on", "true", "yes", "1"}), frozenset({"off", "false", "no", "0"})
NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
# Words in the names of parameters that decide on a scale; the rest follows from the default.
DECAYS = ("beta", "momentum", "rho", "alpha", "decay_rate", "dampening", "smooth")
LETTERS = {"lr": "α", "beta1": "β1", "beta2": "β2", "beta3": "β3", "eps": "ε", "weight_decay": "λ", "momentum": "μ"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a constructor. `default` is JSON: a number, true, false, null, text or a list of numbers.

    `required` means that the constructor has no default, `optional` that None is allowed, `fixed` that the value counts
    before the first step only: it is in no parameter group. `part_of` and `index` place the part of a pair: beta2 is
    `part_of` "betas" with `index` 1.
    """

    name: str
    kind: Kind
    default: Any = None
    required: bool = False
    optional: bool = False
    part_of: str = ""
    index: int = 0
    fixed: bool = False

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        given = {"name": self.name, "kind": self.kind, "default": _to_json(self.default)}
        given |= {"required": True} if self.required else {}
        given |= {"optional": True} if self.optional else {}
        given |= {"fixed": True} if self.fixed else {}
        return given | ({"part_of": self.part_of, "index": self.index} if self.part_of else {})

    @classmethod
    def from_json(cls, data: Any) -> Parameter:
        """The inverse of `to_json`. Raises ValueError for anything else."""
        if not isinstance(data, Mapping) or data.get("kind") not in get_args(Kind):
            raise ValueError(f"not a parameter of a constructor: {json_fields.excerpt(data)}")
        kind: Kind = data["kind"]
        default = data.get("default")
        if kind in NUMERIC and default is not None:
            default = _number(kind, NOT_FINITE.get(default, default) if isinstance(default, str) else default)
        elif isinstance(default, list):
            default = tuple(default)
        return cls(
            json_fields.text("name", data.get("name")),
            kind,
            default,
            data.get("required") is True,
            data.get("optional") is True,
            json_fields.text("part_of", data.get("part_of", "")),
            json_fields.whole("index", data.get("index", 0)),
            data.get("fixed") is True,
        )

    def parse(self, text: str) -> Any:
        """The value that a text gives: float, int, bool, str, tuple or None. Raises ValueError with one line."""
        cleaned = text.strip()
        word = cleaned.lower()
        if word == "default" and not self.required:
            return self.default
        if word == NONE and (self.optional or self.kind == "any"):
            return None
        if self.kind == "bool":
            if word not in ON | OFF:
                raise ValueError(f"{self.name} must be on or off, not {cleaned!r}")
            return word in ON
        if self.kind == "float":
            try:
                return parse_number(cleaned)
            except ValueError:
                raise ValueError(f"{self.name} must be a number, not {cleaned!r}") from None
        if self.kind == "int":
            try:
                return parse_whole(cleaned)
            except ValueError:
                raise ValueError(f"{self.name} must be a whole number, not {cleaned!r}") from None
        if self.kind == "tuple":
            return parse_tuple(self.name, cleaned)
        if self.kind == "text":
            return cleaned.strip("'\"")
        if self.kind == "any":
            try:
                value = ast.literal_eval(cleaned)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return cleaned
            return value if value is None or isinstance(value, bool | int | float | str | tuple) else cleaned
        raise ValueError(f"{self.name} takes an object that no text can give")

    def knob(self) -> Knob | None:
        """The knob for a number or a switch; None for any other kind, and where the default is no finite number.

        The scale follows from the name and the default: lr and eps are logarithmic, a number below 1 whose name is
        that of a decay rate moves by its distance from 1, a default of 0 can be switched off.
        """
        default = self.default
        if self.kind not in NUMERIC or default is None or not math.isfinite(default):
            return None
        default = float(default)
        low, high = -math.inf, math.inf
        scale: Scale
        meaning = f"{self.name} of the constructor"
        notch_low, notch_high = 1e-12, 1e3
        if self.kind == "bool":
            scale, low, high = "flag", 0.0, 1.0
        elif self.kind == "int":
            scale, low = "integer", 0.0 if default >= 0.0 else -math.inf
        elif any(word in self.name for word in DECAYS) and (default == 0.0 or 0.5 <= default < 1.0):
            scale = "beta"
        elif default == 0.0:
            scale, notch_low, notch_high = "log_off", 1e-6, 1.0
        elif default > 0.0:
            scale = "log"
            notch_high = max(notch_high, default)
        else:
            return None  # no scale for a number below 0; `parse` takes it
        letter = LETTERS.get(self.name, "")
        return Knob(self.name, letter, default, scale, meaning, low, high, notch_low=notch_low, notch_high=notch_high)


Signature = tuple[Parameter, ...]


def signature_from_json(data: Any) -> Signature:
    """The parameters in a JSON list. Raises ValueError for anything else."""
    if not isinstance(data, list | tuple):
        raise ValueError(f"not the parameters of a constructor: {json_fields.excerpt(data)}")
    return tuple(map(Parameter.from_json, data))


def knobs_of(signature: Sequence[Parameter]) -> tuple[Knob, ...]:
    """The knobs of a class, in the order of its constructor."""
    return tuple(knob for parameter in signature if (knob := parameter.knob()) is not None)


def split_settings(text: str) -> list[tuple[str, str]]:
    """The names and texts of "lr=0.1,betas=(0.9,0.99)"; a comma within brackets does not separate.

    Raises ValueError with one line.
    """
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return [split_setting(part) for part in parts]


def split_setting(text: str) -> tuple[str, str]:
    """The name and the text of "lr=0.1". Raises ValueError with one line."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ValueError(f"{text.strip()!r} is not a setting: write name=value, such as lr=0.01")
    return name.strip(), value.strip()


def read_settings(signature: Sequence[Parameter], given: Iterable[tuple[str, str]], owner: str) -> dict[str, Any]:
    """The values of settings in text form, by the names of the parameters; `betas` gives beta1 and beta2.

    `owner` is the label of the class. Raises ValueError with one line for an unknown name, with the nearest one, for a
    value of a wrong kind, and for a name that is given twice.
    """
    known = {parameter.name: parameter for parameter in signature}
    pairs: dict[str, list[Parameter]] = {}
    for parameter in signature:
        if parameter.part_of:
            pairs.setdefault(parameter.part_of, []).append(parameter)
    values: dict[str, Any] = {}
    for name, text in given:
        if name in pairs:
            numbers = parse_tuple(name, text)
            if len(numbers) != len(pairs[name]):
                raise ValueError(f"{name} must be {len(pairs[name])} numbers, not {text!r}")
            new = {part.name: part.parse(str(number)) for part, number in zip(pairs[name], numbers, strict=True)}
        elif name in known:
            new = {name: known[name].parse(text)}
        else:
            names = [each for each in known if known[each].kind != "object"]
            raise ValueError(f"{owner} has no parameter {name!r}{suggest(name, [*names, *pairs])}")
        for each in new:
            if each in values:
                raise ValueError(f"{each} is set twice")
        values |= new
    return values


def parse_tuple(name: str, text: str) -> tuple[float | None, ...]:
    """Numbers in a bracket, or with commas between them: (0.9, 0.99). Raises ValueError with one line."""
    try:
        value = ast.literal_eval(re.sub(rf"\b{NONE}\b", "None", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    numbers = value if isinstance(value, tuple | list) else None
    if not numbers or not all(each is None or type(each) in (int, float) for each in numbers):
        raise ValueError(f"{name} must be numbers in brackets, such as (0.9,0.99), not {text!r}")
    return tuple(numbers)


def format_value(value: Any) -> str:
    """A value as the text that `Parameter.parse` reads: 0.1, on, none, (0.9,0.99)."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, tuple | list):
        return f"({','.join(map(format_value, value))})"
    return str(value)


def typed(parameter: Parameter, value: Any) -> Any:
    """A value of a specification, whose numbers are all floats, in the type that the class expects."""
    if value is None:
        return None
    if parameter.kind == "bool":
        return bool(value)
    if parameter.kind == "int":
        return int(value)
    if parameter.kind == "float" and isinstance(value, float) and value.is_integer():
        # The class gets an int where its own default is one, such as a number of steps without an annotation.
        whole = isinstance(parameter.default, int) and not isinstance(parameter.default, bool)
        return int(value) if whole else value
    return tuple(value) if isinstance(value, list) else value


def _number(kind: Kind, value: Any) -> Any:
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"true or false is needed, not {json_fields.excerpt(value)}")
        return value
    if kind == "int" or (isinstance(value, int) and not isinstance(value, bool)):
        return json_fields.whole("a default", value)  # 0 for a number stays 0: the class gets what it wrote
    return json_fields.number("a default", value)


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
