"""A graph of operations on x and y with symbolic derivatives, evaluated as a list of numpy calls.

A typed formula becomes such a graph; a new function gets an entry in `OPERATIONS` and a rule in `_slope`. Equal
subexpressions share a node, and a derivative adds a few nodes for each node: the work is proportional to the length of
the formula. A general algebra system does not guarantee that: sympy takes 6 s for the second derivatives of a product
of 40 factors, and its import alone exceeds the time to the first picture.

Derivatives at special points. A derivative is evaluated twice. First plainly, which is fast. Where that gives inf or
nan although f is finite, it is evaluated again with `GUARDED` operations and with the seed 2⁻³⁰⁰ for ∂x/∂x:

- Division by 0, log of 0 and negative powers of 0 occur in a derivative where f has a kink, a cusp or an edge of its
  domain: √(x² + y²) at 0, |x|^½, x·√y. Such a term counts as 0, as the derivative of |x| does at 0. At a minimum 0 is
  a subgradient.
- A product with a factor 0 and a quotient with an infinite divisor are 0, even if the other operand is infinite: in
  1/(1 + exp(−200x)), exp(−1/x²) and atan(exp(200x)) the outer derivative vanishes where the inner one overflows.
- The seed keeps products of large and small factors in range; the result is divided by it. It is a power of 2, so
  nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from adam_tui.engine.surfaces import Array

SEED = 2.0**-300


def _sech2(a: Any) -> Any:
    """1/cosh², the derivative of tanh; 1 − tanh² would lose digits where tanh is near 1."""
    return np.square(np.divide(1.0, np.cosh(a)))


def _greater(a: Any, b: Any) -> Any:
    """1 where a > b, 0 where a < b, ½ where they are equal."""
    return np.heaviside(np.subtract(a, b), 0.5)


# "ratio", "slope_log" and "slope_power" occur in derivatives only.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "ratio": np.divide,
    "power": np.power,
    "slope_power": np.power,
    "negative": np.negative,
    "square": np.square,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "exp": np.exp,
    "log": np.log,
    "slope_log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sech2": _sech2,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "mod": np.mod,
    "max": np.maximum,
    "min": np.minimum,
    "greater": _greater,
}
STEPWISE = frozenset(("sign", "floor", "ceil", "round", "greater"))  # derivative 0 on both sides of each jump


def _guarded_multiply(a: Any, b: Any) -> Any:
    product = np.multiply(a, b)
    if isinstance(product, float):  # one point: a path may take each of its steps here
        return 0.0 if a == 0 or b == 0 else product
    return np.where(np.equal(a, 0) | np.equal(b, 0), 0.0, product)


def _guarded_ratio(a: Any, b: Any) -> Any:
    ratio = np.divide(a, b)
    if isinstance(ratio, float):
        return 0.0 if b == 0 or np.isinf(b) else ratio
    return np.where(np.equal(b, 0) | np.isinf(b), 0.0, ratio)


def _guarded_log(a: Any) -> Any:
    return np.where(np.greater(a, 0), np.log(a), 0.0)


def _guarded_power(a: Any, b: Any) -> Any:
    return np.where(np.equal(a, 0) & np.less(b, 0), 0.0, np.power(a, b))


GUARDED = OPERATIONS | {
    "multiply": _guarded_multiply,
    "ratio": _guarded_ratio,
    "slope_log": _guarded_log,
    "slope_power": _guarded_power,
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
            case ("add" | "subtract", [_, 0.0]) | (
                "multiply" | "divide" | "ratio" | "power" | "slope_power",
                [_, 1.0],
            ):
                return a
            case ("multiply", [0.0, _]) | ("multiply", [_, 0.0]) | ("divide" | "ratio", [0.0, _]):
                return self.constant(0.0)
            case "ratio", [_, float() as divisor] if divisor:
                return self.apply("divide", a, b)
            case "subtract", [0.0, _]:
                return self.apply("negative", b)
            case (("power" | "slope_power"), [_, 0.0]):
                return self.constant(1.0)
            case (("power" | "slope_power"), [_, 2.0]):
                return self.apply("square", a)
            case (("power" | "slope_power"), [_, 0.5]):
                return self.apply("sqrt", a)
            case "power", [_, -1.0]:
                return self.apply("divide", self.constant(1.0), a)
            case "negative", _ if self.nodes[a][0] == "negative":
                return self.nodes[a][1][0]
            case "sqrt", _ if self.nodes[a][0] == "square":  # exact where the square underflows
                return self.apply("abs", self.nodes[a][1][0])
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

    def derivative(self, root: int, variable: int, seed: float = 1.0) -> int:
        """Return the node of seed · ∂root/∂variable; the variable is node 0 or 1."""
        slopes: dict[int, int] = {}
        for node in self.needed([root]):
            slopes[node] = self._slope(node, slopes, variable, seed)
        return slopes[root]

    def _slope(self, node: int, slopes: dict[int, int], variable: int, seed: float) -> int:
        """Return the derivative of one operation by the chain rule, given those of its operands."""
        do, constant = self.apply, self.constant
        operation, operands = self.nodes[node]
        if not operands:
            return constant(seed if node == variable else 0.0)
        one = constant(1.0)
        a, b = operands[0], operands[-1]
        da, db = slopes[a], slopes[b]
        match operation:
            case "add" | "subtract":
                return do(operation, da, db)
            case "multiply":
                return do("add", do("multiply", da, b), do("multiply", a, db))
            case "divide" | "ratio":
                return do("ratio", do("subtract", da, do("multiply", node, db)), b)
            case "power" | "slope_power":
                return self._power_slope(node, a, b, da, db)
            case "negative":
                return do("negative", da)
            case "log" | "slope_log":
                return do("ratio", da, a)
            case "log2" | "log10":
                return do("ratio", do("multiply", da, constant(1 / float(np.log(float(operation[3:]))))), a)
            case "sqrt":
                return do("ratio", da, do("multiply", constant(2.0), node))
            case "cbrt":
                return do("ratio", da, do("multiply", constant(3.0), do("square", node)))
            case "asin" | "acos":
                slope = do("ratio", da, do("sqrt", do("subtract", one, do("square", a))))
                return slope if operation == "asin" else do("negative", slope)
            case "atan":
                return do("ratio", da, do("add", one, do("square", a)))
            case "atan2":  # (b·da − a·db) / (a² + b²), without the overflow of the squares
                size = do("hypot", a, b)
                across, along = do("ratio", b, size), do("ratio", a, size)
                return do("ratio", do("subtract", do("multiply", across, da), do("multiply", along, db)), size)
            case "hypot":
                first, second = do("ratio", a, node), do("ratio", b, node)
                return do("add", do("multiply", first, da), do("multiply", second, db))
            case "mod":
                return do("subtract", da, do("multiply", do("floor", do("divide", a, b)), db))
            case "max" | "min":
                share = do("greater", a, b) if operation == "max" else do("greater", b, a)
                return do("add", do("multiply", share, da), do("multiply", do("subtract", one, share), db))
            case "square":
                outer = do("multiply", constant(2.0), a)
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
            case "tanh":
                outer = do("sech2", a)
            case "sech2":
                outer = do("multiply", do("multiply", constant(-2.0), do("tanh", a)), node)
            case "abs":
                outer = do("sign", a)
            case _:
                assert operation in STEPWISE, operation
                return constant(0.0)
        return do("multiply", outer, da)

    def _power_slope(self, node: int, a: int, b: int, da: int, db: int) -> int:
        """Return the derivative of `node`, a to the power b."""
        do = self.apply
        exponent = self.constants.get(b)
        if exponent is not None and exponent < 1:  # aᵇ⁻¹ may overflow where a is small; aᵇ·da/a does not
            by_base = do("multiply", b, do("ratio", do("multiply", node, da), a))
        else:
            slope = do("slope_power", a, do("subtract", b, self.constant(1.0)))
            by_base = do("multiply", b, do("multiply", slope, da))
        return do("add", by_base, do("multiply", do("multiply", node, do("slope_log", a)), db))

    def program(
        self, outputs: tuple[int, ...], operations: Mapping[str, Callable[..., Any]] = OPERATIONS
    ) -> Callable[[Array], list[Any]]:
        """Return a function from points (..., 2) to the outputs: each of shape (...), or a float if it is constant.

        It gives no warnings: a value that is not real is nan, one that is too large is inf. About 1 µs an operation.
        """
        order = self.needed({0, 1, *outputs})
        slot = {node: i for i, node in enumerate(order)}
        blank: list[Any] = [self.constants.get(node) for node in order]
        steps: list[tuple[Callable[..., Any], int, int, int]] = []  # function, result, operands
        for node in order:
            operation, operands = self.nodes[node]
            if operands:
                second = slot[operands[1]] if len(operands) == 2 else UNARY
                steps.append((operations[operation], slot[node], slot[operands[0]], second))
        wanted = [slot[node] for node in outputs]

        def run(at: Array) -> list[Any]:
            values = blank.copy()
            values[0], values[1] = at[..., 0], at[..., 1]
            with np.errstate(all="ignore"):
                for do, place, a, b in steps:
                    values[place] = do(values[a]) if b == UNARY else do(values[a], values[b])
            return [values[i] for i in wanted]

        return run
