"""Typed formulas f(x, y): a small parser, and the `Surface` with exact derivatives that it builds.

The text never reaches Python's own parser. This one knows numbers, x, y, pi, e, + − * / ^, eleven functions and
parentheses, and nothing else: no formula can run code, and every mistake has a column.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from adam_tui.engine.calculus import Graph
from adam_tui.engine.numbers import round_down
from adam_tui.engine.surfaces import Array, Surface

# Far above any formula on one line; they bound the time and the depth of recursion.
LONGEST = 500
DEEPEST = 40
TITLE = 45  # columns that a panel's title has
QUOTED = 24  # characters of the text that a message quotes at most

BOUNDS = (-5.0, 5.0, -5.0, 5.0)
START = (-3.5, 2.5)
START_SPACING = 0.25  # of the grid searched when the function has no value at START

FUNCTIONS = ("sin", "cos", "tan", "exp", "log", "ln", "sqrt", "abs", "tanh", "sinh", "cosh")
NAMES = {"pi": math.pi, "π": math.pi, "e": math.e}
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SIGNS = {"−": "-", "·": "*", "×": "*", "^": "**"}  # formulas are pasted as printed


class ExpressionError(ValueError):
    """A wrong formula: `message` is one line, `column` the 0-based column in `text`, or None."""

    def __init__(self, message: str, text: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.column = column

    def pointer(self) -> str:
        """The text and, in a second line, a caret under the column; of a long text only the part around it."""
        column = self.column or 0
        first = max(column - 40, 0)
        shown = "".join(c if c.isprintable() else "?" for c in self.text[first : first + 72])
        if self.column is None:
            return shown
        # A wide character takes two columns and a combining one none.
        before = shown[: column - first]
        width = sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in before)
        return f"{shown}\n{' ' * width}^"


def read_formula(text: str) -> tuple[Graph, int]:
    """Parse a formula into a graph of operations on x and y and its root. Raises ExpressionError."""
    graph = Graph()
    return graph, _Parser(text, graph).parse()


def parse_function(text: str) -> Surface:
    """The surface of a formula such as "x**2 + 3*y^2" or "2x² − sin(πy)". Raises ExpressionError for a wrong one.

    The plotted area is −5 to 5. The start is (−3.5, 2.5), or the nearest grid point with finite f and gradient. Where f
    has no real value, f, gradient and Hessian are nan; at a kink of abs the derivative is 0.
    """
    graph, root = read_formula(text)
    f, gradient, hessian = _surface_functions(graph, root)
    start = _find_start(f, gradient)
    if start is None:
        raise ExpressionError("this has no finite value anywhere between -5 and 5", text)
    title = " ".join(text.split())
    return Surface(
        name="function",
        title=title if len(title) <= TITLE else title[: TITLE - 1] + "…",
        f=f,
        gradient=gradient,
        hessian=hessian,
        bounds=BOUNDS,
        start=start,
        minima=(),
        descent_lr=_descent_lr(gradient(np.array(start)), hessian(np.array(start))),
        source="your own function",
    )


# ---- the surface ----

Function = Callable[[Array], Array]


def _surface_functions(graph: Graph, f: int) -> tuple[Function, Function, Function]:
    """Return value (...), gradient (..., 2) and Hessian (..., 2, 2) of node `f` as functions of points (..., 2)."""
    x, y = graph.derivative(f, 0), graph.derivative(f, 1)
    xx, xy, yy = graph.derivative(x, 0), graph.derivative(x, 1), graph.derivative(y, 1)
    run_value = graph.program((f,))
    run_gradient = graph.program((f, x, y))
    run_hessian = graph.program((f, xx, xy, yy))

    # A constant is broadcast to the shape, and no result shares memory with the points: f may be just "x".
    def value(at: Array) -> Array:
        out = np.empty(at.shape[:-1])
        out[...] = run_value(at)[0]
        result: Array = out[()]
        return result

    # Where f has no value it has no derivative, even if the formula of the derivative has one: 1/x for log x.
    def gradient(at: Array) -> Array:
        out = np.empty(at.shape)
        at_f, out[..., 0], out[..., 1] = run_gradient(at)
        out[np.isnan(at_f)] = np.nan
        return out

    def hessian(at: Array) -> Array:
        out = np.empty((*at.shape, 2))
        at_f, out[..., 0, 0], out[..., 0, 1], out[..., 1, 1] = run_hessian(at)
        out[..., 1, 0] = out[..., 0, 1]
        out[np.isnan(at_f)] = np.nan
        return out

    return value, gradient, hessian


def _find_start(f: Function, gradient: Function) -> tuple[float, float] | None:
    """START, or the grid point nearest to it with finite value and gradient; None without such a point."""
    steps = np.arange(BOUNDS[0], BOUNDS[1] + START_SPACING / 2, START_SPACING)
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = points[np.argsort(np.linalg.norm(points - START, axis=1), kind="stable")]
    finite = np.isfinite(f(points)) & np.isfinite(gradient(points)).all(axis=1)
    if not finite.any():
        return None
    x, y = points[finite.argmax()].tolist()
    return x, y


def _descent_lr(gradient: Array, hessian: Array) -> float:
    """A learning rate for plain descent from a point with this gradient (2,) and Hessian (2, 2).

    A tenth of the rate 2/L at which descent along the largest curvature L becomes unstable, and a first step of at
    most a tenth of the view; rounded down to 1, 2 or 5 in its decade, between 1e-6 and 1.
    """
    (xx, xy), (_, yy) = hessian.tolist()
    largest = abs(xx + yy) / 2 + math.hypot((xx - yy) / 2, xy)  # of the eigenvalues of a symmetric 2 × 2 matrix
    rate = 0.1 * (BOUNDS[1] - BOUNDS[0]) / max(math.hypot(*gradient.tolist()), 1e-12)
    if math.isfinite(largest):
        rate = min(rate, 0.2 / max(largest, 1e-12))
    return float(round_down(min(max(rate, 1e-6), 1.0), slack=1e-9))


# ---- the text ----


class Token(NamedTuple):
    """A token: `kind` is number, name, superscript, unknown, end, or the sign itself."""

    kind: str
    text: str
    column: int


TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>π|[A-Za-z_]\w*)"
    rf"|(?P<superscript>[{SUPERSCRIPTS}]+)|(?P<sign>\*\*|[-+*/^()−·×])",
    re.ASCII,
)


class _Parser:
    """Recursive descent over the tokens, one method for each level of precedence, loosest first."""

    def __init__(self, text: str, graph: Graph) -> None:
        self.text = text
        self.graph = graph
        self.depth = 0
        if len(text) > LONGEST:
            raise ExpressionError(f"a formula may have {LONGEST} characters, not {len(text)}", text)
        self.tokens = list(self._tokenize())
        self.next = 0

    def parse(self) -> int:
        """Return the node of the whole text."""
        if self.token.kind == "end":
            raise ExpressionError("a formula of x and y is needed, such as x**2 + y**2", self.text)
        node = self._sum()
        if self.token.kind == ")":
            raise self._error("this parenthesis was never opened")
        return node

    def _tokenize(self) -> Iterable[Token]:
        column = 0
        while column < len(self.text):
            if self.text[column].isspace():
                column += 1
                continue
            match = TOKEN.match(self.text, column)
            if match is None:
                yield Token("unknown", self.text[column], column)
                return
            sign = SIGNS.get(match[0], match[0])
            yield Token(sign if match.lastgroup == "sign" else str(match.lastgroup), match[0], column)
            column = match.end()
        yield Token("end", "", len(self.text))

    @property
    def token(self) -> Token:
        """The next token. Unknown ones are reported here, after all mistakes to their left."""
        token = self.tokens[self.next]
        if token.kind == "unknown":
            raise ExpressionError(f"{token.text!r} has no place in a formula", self.text, token.column)
        return token

    def _take(self) -> Token:
        token = self.token
        self.next += 1
        return token

    def _error(self, message: str, token: Token | None = None) -> ExpressionError:
        return ExpressionError(message, self.text, (token or self.token).column)

    def _apply(self, first: Token, operation: str, *operands: int) -> int:
        """Return the node of an operation whose text begins with the token `first`."""
        node = self.graph.apply(operation, *operands)
        if not math.isfinite(self.graph.constants.get(node, 0.0)):
            last = self.tokens[self.next - 1]
            part = self.text[first.column : last.column + len(last.text)]
            raise self._error(f"{part[:QUOTED]!r} is not a finite number", first)
        return node

    def _sum(self) -> int:
        first = self.token
        node = self._product()
        while self.token.kind in ("+", "-"):
            operation = "add" if self._take().kind == "+" else "subtract"
            node = self._apply(first, operation, node, self._product())
        return node

    def _product(self) -> int:
        """Factors joined by *, / or, where it is unambiguous, by nothing: 2x, 3(x + 1)."""
        first = self.token
        begin = self.next
        node = self._signed()
        divided = False
        while True:
            if self.token.kind in ("*", "/"):
                divided = self._take().kind == "/"
            elif self.token.kind == "number":
                raise self._error(f"an operator is missing before {self.token.text[:QUOTED]!r}")
            elif self.token.kind in ("name", "("):
                # 1/2x and x^2y are ambiguous.
                if divided or self._ends_in_power(begin):
                    factor = self.token.text[:QUOTED]
                    raise self._error(f"this can be read in two ways: write * before {factor!r}, or use ( )")
            else:
                return node
            begin = self.next
            node = self._apply(first, "divide" if divided else "multiply", node, self._signed())

    def _ends_in_power(self, begin: int) -> bool:
        """Whether the factor that began at token `begin` has a ** outside of its parentheses."""
        level = 0
        for token in self.tokens[begin : self.next]:
            level += (token.kind == "(") - (token.kind == ")")
            if token.kind == "**" and level == 0:
                return True
        return False

    def _signed(self) -> int:
        first = self.token
        minus = False
        while self.token.kind in ("+", "-"):
            minus ^= self._take().kind == "-"
        node = self._power()
        return self._apply(first, "negative", node) if minus else node

    def _power(self) -> int:
        first = self.token
        node = self._operand()
        if self.token.kind == "superscript":
            token = self._take()
            digits = "".join(str(SUPERSCRIPTS.index(c)) for c in token.text)
            node = self._apply(first, "power", node, self._number(digits, token))
            if self.token.kind in ("**", "superscript"):
                raise self._error("two exponents in a row: use ( )")
        elif self.token.kind == "**":
            exponent = self._nested(self._take(), self._signed)
            node = self._apply(first, "power", node, exponent)
        return node

    def _operand(self) -> int:
        token = self._take()
        match token.kind:
            case "number":
                return self._number(token.text, token)
            case "name":
                return self._name(token)
            case "(":
                return self._parenthesized(token)
            case "end":
                raise self._error("something is missing at the end", token)
        raise self._error(f"a number, a name or a parenthesis is missing before {token.text[:QUOTED]!r}", token)

    def _number(self, digits: str, token: Token) -> int:
        value = float(digits)
        if math.isinf(value):
            raise self._error(f"{token.text[:QUOTED]} is too large a number", token)
        return self.graph.constant(value)

    def _name(self, token: Token) -> int:
        name = token.text
        if name in ("x", "y"):
            return ("x", "y").index(name)
        if name in NAMES:
            return self.graph.constant(NAMES[name])
        if name in FUNCTIONS:
            if self.token.kind != "(":
                raise self._error(f"{name} needs parentheses: {name}(x)")
            inside = self._parenthesized(self._take())
            return self._apply(token, "log" if name == "ln" else name, inside)
        if set(name) <= set("xy"):
            raise self._error(f"{name[:QUOTED]!r} is no name; the product is written {'*'.join(name[:QUOTED])}", token)
        known = ", ".join(("x", "y", "pi", "e", *FUNCTIONS))
        raise self._error(f"unknown name {name[:QUOTED]!r}; known are {known}", token)

    def _nested(self, opened: Token, parse: Callable[[], int]) -> int:
        """Parse one level deeper. Raises ExpressionError beyond the deepest level."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error(f"this is nested more than {DEEPEST} deep", opened)
        node = parse()
        self.depth -= 1
        return node

    def _parenthesized(self, opened: Token) -> int:
        """The expression between the parenthesis `opened` and its partner."""
        node = self._nested(opened, self._sum)
        if self.token.kind != ")":
            raise self._error("this parenthesis is never closed", opened)
        self._take()
        return node
