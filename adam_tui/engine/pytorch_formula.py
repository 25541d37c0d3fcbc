"""A typed formula as a PyTorch expression, written from its parsed graph and never from the typed text."""

from __future__ import annotations

import math

from adam_tui.engine.calculus import Graph
from adam_tui.engine.expression import read_formula
from adam_tui.engine.numbers import format_number

# Python's levels of precedence, loosest first.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
BINARY = {"add": ("+", SUM), "subtract": ("-", SUM), "multiply": ("*", PRODUCT), "divide": ("/", PRODUCT)}
FUNCTIONS = {"mod": "remainder", "max": "maximum", "min": "minimum"}  # in torch, where the name differs
TENSORS_ONLY = ("atan2", "hypot", "max", "min", "mod")  # torch takes no plain numbers here
MOST_PI = 100  # multiples of π up to this one are written as such

Text = tuple[str, int]  # the text of a node and its precedence


def formula(text: str) -> str:
    """The formula as a Python expression of the tensors x and y. Raises ExpressionError for a wrong formula.

    The graph has evaluated the parts without x and y, so 2*3 is written as 6.
    """
    graph, root = read_formula(text)
    if root in graph.constants:  # torch has no gradient, not even 0, of an expression without x and y
        return f"{_number(graph.constants[root])[0]} + 0 * x + 0 * y"
    texts: dict[int, Text] = {}
    for node in graph.needed([root]):  # each after its operands
        texts[node] = _text(graph, node, texts)
    return texts[root][0]


def _text(graph: Graph, node: int, texts: dict[int, Text]) -> Text:
    """The text of one node, given those of its operands."""
    operation, operands = graph.nodes[node]
    if node in graph.constants:
        return _number(graph.constants[node])
    if not operands:
        return operation, ATOM
    parts = [texts[operand] for operand in operands]
    if operation in BINARY:
        sign, level = BINARY[operation]
        # The right operand keeps its parentheses at the same level: a - (b - c), and a*(b*c) for equal rounding.
        return f"{_parenthesized(parts[0], level)} {sign} {_parenthesized(parts[1], level + 1)}", level
    if operation == "negative":
        return f"-{_parenthesized(parts[0], SIGN)}", SIGN
    if operation in ("power", "square"):
        base = _parenthesized(parts[0], ATOM)
        exponent = _parenthesized(parts[1], SIGN) if operation == "power" else "2"
        space = "" if base.isalnum() and exponent.isalnum() else " "
        return f"{base}{space}**{space}{exponent}", POWER
    if operation == "cbrt":
        return f"torch.sign({parts[0][0]}) * torch.abs({parts[0][0]}) ** (1 / 3)", PRODUCT
    arguments = [
        f"torch.tensor({text})" if operation in TENSORS_ONLY and operand in graph.constants else text
        for operand, (text, _) in zip(operands, parts, strict=True)
    ]
    return f"torch.{FUNCTIONS.get(operation, operation)}({', '.join(arguments)})", ATOM


def _parenthesized(part: Text, level: int) -> str:
    """The operand, in parentheses if it binds looser than `level`."""
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
