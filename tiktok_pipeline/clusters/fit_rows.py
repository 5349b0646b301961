"""The rules that choose the rows of a fit: missing values, then outliers.

The rules drop nothing: rows that the fit leaves out are assigned like all others, with ``in_fit`` false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from tiktok_pipeline.frames import fetch_row
from tiktok_pipeline.recipes.segmentation import InterquartileRule


@dataclass(frozen=True)
class FitFilter:
    """The rules that choose the rows of a fit.

    Parameters
    ----------
    steps : mapping of str to Expr
        The condition that holds for the rows left after each rule, in order: ``rows_after_missing``, then
        ``rows_after_<column>`` for each column of the outlier rule that has a value.
    fences : mapping of str to float
        ``lower_<column>`` and ``upper_<column>`` of these columns, in the unit of the column.
    """

    steps: Mapping[str, nw.Expr]
    fences: Mapping[str, float]

    @property
    def condition(self) -> nw.Expr:
        """The condition that holds for the rows that all rules keep."""
        return list(self.steps.values())[-1]


def build_fit_filter(
    frame: nw.LazyFrame[Any], *, features: Sequence[str], drop_missing: bool, rule: InterquartileRule | None
) -> FitFilter:
    """Compute the fences of the outlier rule, and build the filter.

    Parameters
    ----------
    frame : LazyFrame
        Rows of ``features.<source>``, or a sample of them. The quartiles are of these rows; each column costs one
        query.
    features : sequence of str
        The features that the study compares.
    drop_missing : bool
        Whether rows without a value of every feature are left out.
    rule : InterquartileRule or None
        The outlier rule of the study.
    """
    condition: nw.Expr = ~nw.col("account_id").is_null()
    if drop_missing:
        condition = condition & is_complete(features)
    steps = {"rows_after_missing": condition}
    fences: dict[str, float] = {}
    for column in rule.columns if rule else ():
        lower, upper = _fences(frame.filter(condition), column, rule.width if rule else 0.0)
        if lower is None or upper is None:
            continue
        # A missing value is outside the fences. Left as NULL it would make `in_fit` NULL.
        condition = condition & nw.col(column).is_between(lower, upper).fill_null(False)
        steps[f"rows_after_{column}"] = condition
        fences |= {f"lower_{column}": lower, f"upper_{column}": upper}
    return FitFilter(steps, fences)


def is_complete(features: Sequence[str]) -> nw.Expr:
    """Return the condition that a row has a value of every feature; it is never NULL."""
    return ~nw.any_horizontal(*(nw.col(name).is_null() for name in features), ignore_nulls=False)


def count_by_step(frame: nw.LazyFrame[Any], fit_filter: FitFilter) -> dict[str, float]:
    """Count the rows of ``frame`` and the rows that are left after each rule; one query.

    Returns
    -------
    dict of str to float
        ``rows``, and for each step of the filter its fences, then its count.
    """
    sums = {name: condition.cast(nw.Int64).sum() for name, condition in fit_filter.steps.items()}
    row = fetch_row(frame.select(nw.len().alias("rows"), **sums))
    counts: dict[str, float] = {}
    for name, count in row.items():
        column = name.removeprefix("rows_after_")
        bounds = (f"lower_{column}", f"upper_{column}")
        counts |= {bound: fit_filter.fences[bound] for bound in bounds if bound in fit_filter.fences}
        counts[name] = float(count or 0)  # a sum over no rows is NULL
    return counts


def _fences(frame: nw.LazyFrame[Any], column: str, width: float) -> tuple[float | None, float | None]:
    """Return the fences of a column: ``width`` interquartile ranges beyond its quartiles; None without a value."""
    value = nw.col(column)
    quartiles = frame.select(
        low=value.quantile(0.25, interpolation="linear"), high=value.quantile(0.75, interpolation="linear")
    )
    row = fetch_row(quartiles)
    low, high = row["low"], row["high"]
    if low is None or high is None:
        return None, None
    return low - width * (high - low), high + width * (high - low)
