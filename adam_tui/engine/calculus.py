"""A graph of operations on x and y with symbolic derivatives, evaluated as a list of numpy calls.

A typed formula becomes such a graph. Equal subexpressions share a node, and a derivative adds a few nodes for each
node, so the work is proportional to the length of the formula. A general algebra system does not guarantee that: sympy
takes 6 s for the second derivatives of a product of 40 factors, and its import alone exceeds the time to first picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from adam_tui.engine.surfaces import Array

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "negative": np.negative,
    "square": np.square,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "abs": np.abs,
    "sign": np.sign,
}

UNARY = -1  # in place of the second operand of an operation with one


class Graph:
    """Operations on x (node 0) and y (node 1), each with earlier nodes as operands; nodes are identified by index.

    Equal operations share a node, and operations on constants alone are evaluated at once.
    """

    def __init__(self) -> None:
        self.nodes: list[tuple[str, tuple[int, ...]]] = [("x", ()), ("y", ())]
        self.constants: dict[int, float] = {}
        self._indices: dict[tuple[str, tuple[int, ...]], int] = {}

    def constant(self, value: float) -> int:
        """Return the node of a number."""
        node = self._index((repr(value), ()))
        self.constants[node] = value
        return node

    def apply(self, operation: str, *operands: int) -> int:
        """Return the node of the operation, simplified."""
        numbers = [self.constants.get(node) for node in operands]
        if None not in numbers:
            with np.errstate(all="ignore"):
                return self.constant(float(OPERATIONS[operation](*map(np.float64, numbers))))
        simpler = self._simplify(operation, operands, numbers)
        return self._index((operation, operands)) if simpler is None else simpler

    def _index(self, node: tuple[str, tuple[int, ...]]) -> int:
        if node not in self._indices:
            self._indices[node] = len(self.nodes)
            self.nodes.append(node)
        return self._indices[node]

    def _simplify(self, operation: str, operands: tuple[int, ...], numbers: list[float | None]) -> int | None:
        """A simpler node of the same value, or None. Differentiation creates many zeros and ones."""
        a, b = operands[0], operands[-1]
        match operation, numbers:
            case ("add", [0.0, _]) | ("multiply", [1.0, _]):
                return b
            case ("add" | "subtract", [_, 0.0]) | ("multiply" | "divide" | "power", [_, 1.0]):
                return a
            case ("multiply", [0.0, _]) | ("multiply", [_, 0.0]) | ("divide", [0.0, _]):
                return self.constant(0.0)
            case "subtract", [0.0, _]:
                return self.apply("negative", b)
            case "power", [_, 0.0]:
                return self.constant(1.0)
            case "power", [_, 2.0]:
                return self.apply("square", a)
            case "power", [_, 0.5]:
                return self.apply("sqrt", a)
            case "power", [_, -1.0]:
                return self.apply("divide", self.constant(1.0), a)
            case "negative", _ if self.nodes[a][0] == "negative":
                return self.nodes[a][1][0]
        return None

    def needed(self, roots: Iterable[int]) -> list[int]:
        """Return the roots and all their operands, each node after its operands."""
        visited: set[int] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in visited:
                visited.add(node)
                waiting.extend(self.nodes[node][1])
        return sorted(visited)

    def derivative(self, root: int, variable: int) -> int:
        """Return the node of ∂root/∂variable; the variable is node 0 or 1."""
        slopes: dict[int, int] = {}
        for node in self.needed([root]):
            slopes[node] = self._slope(node, slopes, variable)
        return slopes[root]

    def _slope(self, node: int, slopes: dict[int, int], variable: int) -> int:
        """Return the derivative of one operation by the chain rule, given those of its operands."""
        do = self.apply
        operation, operands = self.nodes[node]
        one = self.constant(1.0)
        if not operands:
            return one if node == variable else self.constant(0.0)
        a, b = operands[0], operands[-1]
        da, db = slopes[a], slopes[b]
        match operation:
            case "add" | "subtract":
                return do(operation, da, db)
            case "multiply":
                return do("add", do("multiply", da, b), do("multiply", a, db))
            case "divide":
                return do("divide", do("subtract", da, do("multiply", node, db)), b)
            case "power":
                by_base = do("multiply", do("multiply", b, do("power", a, do("subtract", b, one))), da)
                return do("add", by_base, do("multiply", do("multiply", node, do("log", a)), db))
            case "negative":
                return do("negative", da)
            case "log":
                return do("divide", da, a)
            case "sqrt":
                return do("divide", da, do("multiply", self.constant(2.0), node))
            case "square":
                outer = do("multiply", self.constant(2.0), a)
            case "exp":
                outer = node
            case "sin":
                outer = do("cos", a)
            case "cos":
                outer = do("negative", do("sin", a))
            case "tan":
                outer = do("add", one, do("square", node))
            case "sinh":
                outer = do("cosh", a)
            case "cosh":
                outer = do("sinh", a)
            case "tanh":  # not 1 − tanh², which loses digits where tanh is near 1
                outer = do("square", do("divide", one, do("cosh", a)))
            case "abs":
                outer = do("sign", a)
            case _:  # sign: flat on both sides of its jump
                return self.constant(0.0)
        return do("multiply", outer, da)

    def program(self, outputs: tuple[int, ...]) -> Callable[[Array], list[Any]]:
        """Return a function from points (..., 2) to the outputs: each of shape (...), or a float if it is constant.

        It gives no warnings: a value that is not real is nan, one that is too large is inf. About 1 µs an operation.
        """
        order = self.needed({0, 1, *outputs})
        slot = {node: i for i, node in enumerate(order)}
        blank: list[Any] = [self.constants.get(node) for node in order]
        steps: list[tuple[Callable[..., Any], int, int, int]] = []  # function, result, operands
        for node in order:
            operation, parts = self.nodes[node]
            if parts:
                second = slot[parts[1]] if len(parts) == 2 else UNARY
                steps.append((OPERATIONS[operation], slot[node], slot[parts[0]], second))
        wanted = [slot[node] for node in outputs]

        def run(at: Array) -> list[Any]:
            values = blank.copy()
            values[0], values[1] = at[..., 0], at[..., 1]
            with np.errstate(all="ignore"):
                for do, place, a, b in steps:
                    values[place] = do(values[a]) if b == UNARY else do(values[a], values[b])
            return [values[i] for i in wanted]

        return run
