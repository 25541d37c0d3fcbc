"""Typed formulas f(x, y): a small parser, and the `Surface` with exact derivatives that it builds.

The text never reaches Python's own parser. This one knows only the numbers, names, operators and functions
below: no formula can run code, and every mistake has a column. A new function gets an entry in `FUNCTIONS`.

The rules, loosest operator first:

- `+` and `-`; then `*` and `/`; then the sign; then `^` or `**`, from right to left: -x^2 is −(x²), 2^3^2 is 2⁹.
- A missing operator is a `*` with the precedence of `*`, from left to right: 2x, 3(x + 1)(y − 1), x y. So 1/2x is
  (1/2)·x and x^2y is x²·y; write 1/(2x) for the other meaning. Before a number the `*` cannot be left out.
- Exponents may be superscripts: x², x⁻¹.
- |x| is abs(x). A bar opens where an operand is expected and closes otherwise: ||x| − 1|. Between bars a product with
  an inner |…| needs its `*`: |2*|x| − y|.
- √ applies to the number, name or parenthesis that follows it: √2 x is (√2)·x.
- A number with an exponent is one number: 2e3, 2e+3 and 2e−3. An `e` without digits after it is Euler's number:
  2e, 2e^x, and 2e-x is 2·e − x.
- Names are case-sensitive: x, y, pi or π, e and the functions, with their arguments in parentheses. log is the
  natural logarithm. mod has the sign of its second argument. round rounds halves to even.
- Minus signs and dashes of Unicode count as `-`; · ⋅ × count as `*`, and ÷ as `/`: formulas are pasted as printed.

At a kink the derivative is a subgradient: 0 for |x| and sqrt at 0, the mean of both sides for max and min. Wherever f
is finite and the formula of a derivative has no value, the term without a value counts as 0 (see `calculus`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, reduce
from typing import NamedTuple

import numpy as np

from adam_tui.engine.calculus import GUARDED, SEED, Graph
from adam_tui.engine.names import did_you_mean
from adam_tui.engine.numbers import MINUS_SIGNS, TooSmallError, parse_number, round_down
from adam_tui.engine.surfaces import Array, Surface

# Far above any formula on one line; they bound the time and the depth of recursion.
LONGEST = 500
DEEPEST = 40
TITLE = 45  # columns that a panel's title has
QUOTED = 24  # characters of the text that a message quotes at most

BOUNDS = (-5.0, 5.0, -5.0, 5.0)
START = (-3.5, 2.5)
START_SPACING = 0.25  # of the grid searched when the function has no value at START

NAMES = {"pi": math.pi, "π": math.pi, "e": math.e}
# Each function's operation in the graph and its number of arguments.
FUNCTIONS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("log", "ln"), ("log", 1)),
    **dict.fromkeys(("asin", "arcsin"), ("asin", 1)),
    **dict.fromkeys(("acos", "arccos"), ("acos", 1)),
    **dict.fromkeys(("atan", "arctan"), ("atan", 1)),
    **dict.fromkeys(("atan2", "arctan2"), ("atan2", 2)),
    **{name: (name, 1) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log2", "log10")},
    **{name: (name, 1) for name in ("sqrt", "cbrt", "abs", "sign", "floor", "ceil", "round")},
    **{name: (name, 2) for name in ("max", "min", "mod", "hypot")},
    "pow": ("power", 2),
}
KNOWN = "x, y, pi, e and functions such as sin(x), max(x, y)"
ANY_NUMBER = ("max", "min")  # of arguments, two or more
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SIGNS = dict.fromkeys(MINUS_SIGNS, "-") | {"·": "*", "⋅": "*", "∙": "*", "×": "*", "÷": "/", "∕": "/", "^": "**"}


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
    has no real value, f, gradient and Hessian are nan.
    """
    graph, root = read_formula(text)
    f, gradient, hessian = _surface_functions(graph, root)
    start = _find_start(f, gradient)
    if start is None:
        raise ExpressionError("the function has no finite value between -5 and 5", text)
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
        formula=text,
    )


def has_undefined_slope(text: str, points: Array) -> bool:
    """Whether the plain formula of the gradient has no value at one of the points (N, 2) where f is finite."""
    graph, f = read_formula(text)
    run = graph.program((f, graph.derivative(f, 0), graph.derivative(f, 1)))
    value, *slopes = (np.broadcast_to(output, len(points)) for output in run(points))
    return bool((np.isfinite(value) & ~np.isfinite(slopes).all(axis=0)).any())


# ---- the surface ----

Function = Callable[[Array], Array]


def _surface_functions(graph: Graph, f: int) -> tuple[Function, Function, Function]:
    """Return value (...), gradient (..., 2) and Hessian (..., 2, 2) of node `f` as functions of points (..., 2)."""

    def derivatives(order: int, seed: float) -> tuple[int, ...]:
        x, y = graph.derivative(f, 0, seed), graph.derivative(f, 1, seed)
        if order == 1:
            return x, y
        return graph.derivative(x, 0, seed), graph.derivative(x, 1, seed), graph.derivative(y, 1, seed)

    run_value = graph.program((f,))
    run_gradient = graph.program((f, *derivatives(1, 1.0)))
    run_hessian = graph.program((f, *derivatives(2, 1.0)))

    @cache
    def guarded(order: int) -> Callable[[Array], list[Array]]:
        return graph.program(derivatives(order, SEED), GUARDED)  # most formulas never need it

    def repair(at: Array, out: Array, order: int) -> None:
        """Evaluate again where f, in the first column of `out`, is finite and a derivative is not."""
        points, rows = at.reshape(-1, 2), out.reshape(-1, out.shape[-1])
        if len(rows) == 1 and math.isfinite(rows[0, 0]) and np.isfinite(points).all():
            with np.errstate(over="ignore"):
                slopes = np.array(guarded(order)(points[0])) / SEED**order
            rows[0, 1:] = np.where(np.isnan(slopes), 0.0, slopes)
            return
        value = np.isfinite(rows[:, 0])
        bad = value & ~np.isfinite(rows).all(axis=1) & np.isfinite(points).all(axis=1)
        if bad.any():
            with np.errstate(over="ignore"):
                columns = [np.broadcast_to(column, bad.sum()) / SEED**order for column in guarded(order)(points[bad])]
            rows[bad, 1:] = np.where(np.isnan(columns), 0.0, columns).T
        # Where f has no value it has no derivative, even if the formula of the derivative has one: 1/x for log x.
        rows[np.isnan(rows[:, 0]), 1:] = np.nan

    # A constant is broadcast to the shape, and no result shares memory with the points: f may be just "x".
    def value(at: Array) -> Array:
        out = np.empty(at.shape[:-1])
        out[...] = run_value(at)[0]
        result: Array = out[()]
        return result

    def gradient(at: Array) -> Array:
        out = np.empty((*at.shape[:-1], 3))
        out[..., 0], out[..., 1], out[..., 2] = run_gradient(at)
        if not np.isfinite(out).all():
            repair(at, out, 1)
        return out[..., 1:]

    def hessian(at: Array) -> Array:
        out = np.empty((*at.shape[:-1], 4))
        out[..., 0], out[..., 1], out[..., 2], out[..., 3] = run_hessian(at)
        if not np.isfinite(out).all():
            repair(at, out, 2)
        return out[..., [[1, 2], [2, 3]]]

    return value, gradient, hessian


def _find_start(f: Function, gradient: Function) -> tuple[float, float] | None:
    """START, or the grid point nearest to it with finite value and gradient; None without such a point."""
    usual = np.array(START)
    if np.isfinite(f(usual)) and np.isfinite(gradient(usual)).all():
        return START
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


_MINUS = re.escape(MINUS_SIGNS)
TOKEN = re.compile(
    rf"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+{_MINUS}]?\d+)?)|(?P<name>π|[A-Za-z_]\w*)"
    rf"|(?P<superscript>[⁺⁻]?[{SUPERSCRIPTS}]+)|(?P<sign>\*\*|[-+*/^()|,√·⋅∙×÷∕{_MINUS}])",
    re.ASCII,
)


class _Parser:
    """Recursive descent over the tokens, one method for each level of precedence, loosest first."""

    def __init__(self, text: str, graph: Graph) -> None:
        self.text = text
        self.graph = graph
        self.depth = 0
        self.open_bars = [0]  # for each open parenthesis, the bars open within it
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
        self._refuse_comma()
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

    def _refuse_comma(self) -> None:
        if self.token.kind == ",":
            raise self._error("',' only separates arguments, as in max(x, y); a decimal number is written 1.5")

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
        """Factors joined by *, / or nothing, from left to right."""
        first = self.token
        node = self._signed()
        while True:
            operation = "multiply"
            if self.token.kind in ("*", "/"):
                operation = "multiply" if self._take().kind == "*" else "divide"
            elif self.token.kind in ("number", "superscript"):
                raise self._error(f"an operator is missing before {self.token.text[:QUOTED]!r}")
            elif not self._begins_factor():
                return node
            node = self._apply(first, operation, node, self._signed())

    def _begins_factor(self) -> bool:
        """Whether the next token begins a factor after a missing operator; a bar closes one that is open."""
        return self.token.kind in ("name", "(", "√") or (self.token.kind == "|" and not self.open_bars[-1])

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
            digits = "".join(str(SUPERSCRIPTS.index(c)) for c in token.text.lstrip("⁺⁻"))
            exponent = self._number(digits, token)
            if token.text.startswith("⁻"):
                exponent = self.graph.apply("negative", exponent)
            node = self._apply(first, "power", node, exponent)
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
                return self._arguments(token, "", 1)[0]
            case "|":
                return self._apply(token, "abs", self._between_bars(token))
            case "√":
                return self._apply(token, "sqrt", self._nested(token, self._operand))
            case "end":
                raise self._error("something is missing at the end", token)
        raise self._error(f"a number, a name or a parenthesis is missing before {token.text[:QUOTED]!r}", token)

    def _number(self, digits: str, token: Token) -> int:
        try:
            value = parse_number(digits)
        except TooSmallError:
            raise self._error(f"{token.text[:QUOTED]} is too small a number", token) from None
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
            return self._call(token)
        if set(name) <= set("xy"):
            raise self._error(
                f"{name[:QUOTED]!r} is not a name; the product is written {'*'.join(name[:QUOTED])}", token
            )
        question = did_you_mean(name, (*NAMES, *FUNCTIONS)) if len(name) <= QUOTED else ""
        hint = f": {question}" if question else f"; known are {KNOWN}"
        raise self._error(f"unknown name {name[:QUOTED]!r}{hint}", token)

    def _call(self, token: Token) -> int:
        """A function with its arguments in parentheses."""
        name = token.text
        operation, count = FUNCTIONS[name]
        if self.token.kind != "(":
            raise self._error(f"{name} needs parentheses: {name}({'x' if count == 1 else 'x, y'})")
        arguments = self._arguments(self._take(), name, count)
        if len(arguments) == 1:
            return self._apply(token, operation, *arguments)
        return reduce(lambda first, second: self._apply(token, operation, first, second), arguments)

    def _nested(self, opened: Token, parse: Callable[[], int]) -> int:
        """Parse one level deeper. Raises ExpressionError beyond the deepest level."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error(f"the formula is nested more than {DEEPEST} levels deep", opened)
        node = parse()
        self.depth -= 1
        return node

    def _arguments(self, opened: Token, function: str, count: int) -> list[int]:
        """The expressions between the parenthesis `opened` and its partner: `count`, or more if the function allows."""
        self.open_bars.append(0)
        nodes = [self._nested(opened, self._sum)]
        while self.token.kind == "," and (len(nodes) < count or function in ANY_NUMBER):
            self._take()
            nodes.append(self._nested(opened, self._sum))
        if self.token.kind == "," and function:
            raise self._error(f"',' is one too many: {function} has {count} argument{'s' * (count > 1)}")
        self._refuse_comma()
        if self.token.kind != ")":
            raise self._error("this parenthesis is never closed", opened)
        if len(nodes) < count:
            more = " or more" if function in ANY_NUMBER else ""
            raise self._error(f"{function} has two{more} arguments: {function}(x, y)")
        self.open_bars.pop()
        self._take()
        return nodes

    def _between_bars(self, opened: Token) -> int:
        """The expression between the bar `opened` and its partner."""
        self.open_bars[-1] += 1
        node = self._nested(opened, self._sum)
        if self.token.kind != "|":
            raise self._error("this bar is never closed", opened)
        self.open_bars[-1] -= 1
        self._take()
        return node
