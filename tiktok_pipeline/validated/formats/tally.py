"""How many cells of a column belong to each class, with one cell of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MINORITY = 0.01
"""Up to this share of its column, cells that contradict the others are single mistakes and are not readable."""


@dataclass(frozen=True)
class Tally:
    """The cells of a column by class.

    Attributes
    ----------
    cells : mapping of str to int
        Cells of each class.
    examples : mapping of str to str
        A delivered cell of each class.
    reduced : str
        A cell that is a number only without its signs, blanks or words; empty if there is none.
    """

    cells: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    reduced: str = ""

    def count(self, classes: Iterable[str]) -> int:
        """Return the cells of these classes."""
        return sum(self.cells.get(name, 0) for name in classes)

    def example(self, classes: Iterable[str]) -> str:
        """Return a cell of the first of these classes that has one; empty if none has."""
        return next((self.examples[name] for name in classes if self.cells.get(name)), "")

    @property
    def filled(self) -> int:
        """The cells that are not missing."""
        return sum(cells for name, cells in self.cells.items() if name != "missing")


def outweighs(one_side: int, other_side: int) -> bool:
    """Return whether the other side is absent or so small that its cells are mistakes; false for nothing at all."""
    return one_side > 0 and other_side <= MINORITY * one_side
