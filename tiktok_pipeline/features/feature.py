"""The record of one feature: name, unit, range, formula, meaning and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import narwhals as nw

FLAG = "0 or 1"
"""The unit of a feature that is a boolean stored as a number."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of a profile.

    Parameters
    ----------
    name : str
        Name of the column.
    label : str
        Words in a sentence of the report, for a reader who does not know the columns.
    short_label : str
        Words on an axis or in the title of a plot, without the unit.
    unit : str
        Unit of the values.
    formula : str
        Formula in the columns of ``validated.<source>``.
    description : str
        Meaning, for the data dictionary.
    expression : nw.Expr
        The formula as an expression that the engine computes.
    columns : tuple of str
        The columns of ``validated.<source>`` that the expression reads, without the marks ``has_<column>``.
    lowest, highest : float
        Range of the values, in ``unit``; the contract of the column.
    is_text : bool
        Whether the values are text. No study can use such a feature.
    """

    name: str
    label: str
    short_label: str
    unit: str
    formula: str
    description: str
    expression: nw.Expr = field(compare=False)
    columns: tuple[str, ...]
    lowest: float = 0.0
    highest: float = math.inf
    is_text: bool = False

    @property
    def axis_label(self) -> str:
        """The short label with the unit, if the label leaves the unit open."""
        if self.unit == FLAG:
            return f"{self.short_label} (0/1)"
        return (
            f"{self.short_label}, {self.unit}" if self.unit in ("characters", "days", "points") else self.short_label
        )
