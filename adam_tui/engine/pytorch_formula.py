"""A typed formula as a line of PyTorch: printed from what was understood of it, never from what was typed."""

from __future__ import annotations

import math

from adam_tui.engine.calculus import Graph
from adam_tui.engine.expression import read_formula
from adam_tui.engine.numbers import format_number

# How tightly Python binds what a text is made of, loosest first.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
BINARY = {"add": ("+", SUM), "subtract": ("-", SUM), "multiply": ("*", PRODUCT), "divide": ("/", PRODUCT)}
MOST_PI = 100  # multiples of π up to this are written as such
HUGGED = 12  # columns of a base or exponent up to which ** stands without spaces

Text = tuple[str, int]  # the text, and how tightly it binds


def formula(text: str) -> str:
    """The formula as a Python expression of the tensors x and y; ExpressionError when it cannot be read.

    Numbers are those of the graph, where parts without x and y are worked out already, so 2*3 is 6.
    """
    graph, root = read_formula(text)
    if root in graph.constants:  # torch finds no slope, not even 0, where x and y do not appear
        return f"{_number(graph.constants[root])[0]} + 0 * x + 0 * y"
    made: dict[int, Text] = {}
    for node in graph.needed([root]):  # each after its own parts, so without recursion
        made[node] = _text(graph, node, made)
    return made[root][0]


def _text(graph: Graph, node: int, made: dict[int, Text]) -> Text:
    operation, of = graph.nodes[node]
    if node in graph.constants:
        return _number(graph.constants[node])
    if not of:
        return operation, ATOM
    parts = [made[part] for part in of]
    if operation in BINARY:
        sign, level = BINARY[operation]
        # What stands to the right keeps its parentheses at the same level: a - (b - c), and a*(b*c) for its rounding.
        return f"{_inside(parts[0], level)} {sign} {_inside(parts[1], level + 1)}", level
    if operation == "negative":
        return f"-{_inside(parts[0], SIGN)}", SIGN
    if operation in ("power", "square"):
        base = _inside(parts[0], ATOM)
        exponent = _inside(parts[1], SIGN) if operation == "power" else "2"
        space = "" if base.isalnum() and exponent.isalnum() else " "
        return f"{base}{space}**{space}{exponent}", POWER
    return f"torch.{operation}({parts[0][0]})", ATOM


def _inside(part: Text, level: int) -> str:
    """The part as it stands where everything that binds looser than `level` needs parentheses."""
    text, own = part
    return text if own >= level else f"({text})"


def _number(value: float) -> Text:
    if value < 0:
        text, level = _number(-value)
        return f"-{text}", min(level, SIGN)
    times = round(value / math.pi) if value <= MOST_PI * math.pi else 0
    if times and times * math.pi == value:
        return ("torch.pi", ATOM) if times == 1 else (f"{times} * torch.pi", PRODUCT)
    return ("torch.e", ATOM) if value == math.e else (format_number(value), ATOM)
