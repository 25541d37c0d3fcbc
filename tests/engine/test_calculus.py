"""The graph of operations stays small: that is what lets a formula be typed and seen at once."""

from inspect import signature

import numpy as np
import pytest

from adam_tui.engine.calculus import OPERATIONS, Graph

X, Y = 0, 1


def hessian_size(factors: int) -> int:
    """How many operations value, gradient and Hessian of a product of so many sines take together."""
    graph = Graph()
    product = graph.constant(1.0)
    for k in range(factors):
        angle = graph.apply("add", X, graph.apply("multiply", graph.constant(float(k)), Y))
        product = graph.apply("multiply", product, graph.apply("sin", angle))
    first = [graph.derivative(product, v) for v in (X, Y)]
    second = [graph.derivative(f, v) for f in first for v in (X, Y)]
    return len(graph.needed([product, *first, *second]))


def test_equal_parts_are_one_node() -> None:
    graph = Graph()
    assert graph.apply("multiply", X, Y) == graph.apply("multiply", X, Y)
    assert graph.apply("multiply", X, Y) != graph.apply("multiply", Y, X)
    assert graph.constant(2.0) == graph.constant(2.0)


def test_second_derivatives_grow_with_the_length_of_a_product_not_with_its_cube() -> None:
    assert hessian_size(40) < 2.2 * hessian_size(20)


def test_constants_and_neutral_operations_leave_no_work() -> None:
    graph = Graph()
    zero, one = graph.constant(0.0), graph.constant(1.0)
    assert graph.constants[graph.apply("add", one, one)] == 2.0
    for same in (("add", X, zero), ("add", zero, X), ("subtract", X, zero), ("multiply", one, X), ("power", X, one)):
        assert graph.apply(*same) == X
    assert graph.apply("negative", graph.apply("negative", X)) == X
    assert graph.apply("multiply", X, zero) == graph.apply("divide", zero, X) == zero


def test_a_constant_operation_without_a_value_is_nan_and_warns_of_nothing() -> None:
    graph = Graph()
    assert np.isnan(graph.constants[graph.apply("log", graph.constant(-1.0))])
    assert graph.constants[graph.apply("divide", graph.constant(1.0), graph.constant(0.0))] == np.inf


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_slopes_like_a_tiny_step_does(operation: str) -> None:
    graph = Graph()
    function = OPERATIONS[operation]
    operands = function.nin if isinstance(function, np.ufunc) else len(signature(function).parameters)
    node = graph.apply(operation, X, Y) if operands == 2 and operation != "round" else graph.apply(operation, X)
    outputs = graph.program((node, graph.derivative(node, X), graph.derivative(node, Y)))
    at, step = np.array([0.7, 1.3]), 1e-6
    for axis in (X, Y):
        aside = np.eye(2)[axis] * step
        measured = (outputs(at + aside)[0] - outputs(at - aside)[0]) / (2 * step)
        assert outputs(at)[1 + axis] == pytest.approx(measured, rel=1e-7, abs=1e-9)
