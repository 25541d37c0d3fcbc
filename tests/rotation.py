"""Pairs that cover two long lists without their whole product, so that the tests' time grows with one list only."""

from collections.abc import Iterable
from itertools import cycle, islice
from typing import TypeVar

Name, Place = TypeVar("Name"), TypeVar("Place")


def rotated(names: Iterable[Name], places: Iterable[Place], count: int) -> list[tuple[Name, Place]]:
    """Each name with `count` of the places. The next name goes on where this one ends, so that no place is left out."""
    turns = cycle(places)
    return [(name, place) for name in names for place in islice(turns, count)]
