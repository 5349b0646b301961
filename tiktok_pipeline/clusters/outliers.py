"""Which rows a model is fitted on: the rule for missing values, the outlier rule, the bound on rows.

Nothing is dropped by it: the rows that are left out are assigned like all others, with ``in_fit`` false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw


@dataclass(frozen=True, kw_only=True)
class InterquartileRule:
    """Keep values within ``width`` interquartile ranges of the quartiles (Tukey's fences), one column after the other.

    The quartiles of each column are computed on what the columns before left, with linear interpolation.
    """

    columns: tuple[str, ...]
    width: float = 1.5


@dataclass(frozen=True)
class FitRows:
    """The rows that a fit may see, as a condition, and how many each rule left."""

    condition: nw.Expr
    counts: dict[str, float] = field(default_factory=dict)


def rows_for_fit(
    frame: nw.LazyFrame[Any], *, features: Sequence[str], drop_missing: bool, rule: InterquartileRule | None
) -> FitRows:
    """Tell which rows of ``features.<source>`` the fit may see.

    ``counts`` has ``rows``, ``rows_after_missing``, and for each column of the rule ``rows_after_<column>``,
    ``lower_<column>`` and ``upper_<column>``.
    """
    condition: nw.Expr = ~nw.col("account_id").is_null()
    if drop_missing:
        condition = condition & ~nw.any_horizontal(*(nw.col(name).is_null() for name in features), ignore_nulls=False)
    counts = {"rows": _count(frame), "rows_after_missing": _count(frame.filter(condition))}
    for column in rule.columns if rule else ():
        lower, upper = _fences(frame.filter(condition), column, rule.width if rule else 0.0)
        if lower is None or upper is None:
            continue
        # A missing value is inside no fence; left as NULL it would make `in_fit` NULL.
        condition = condition & nw.col(column).is_between(lower, upper).fill_null(False)
        counts |= {f"lower_{column}": lower, f"upper_{column}": upper}
        counts[f"rows_after_{column}"] = _count(frame.filter(condition))
    return FitRows(condition=condition, counts=counts)


def _fences(frame: nw.LazyFrame[Any], column: str, width: float) -> tuple[float | None, float | None]:
    value = nw.col(column)
    quartiles = frame.select(
        low=value.quantile(0.25, interpolation="linear"), high=value.quantile(0.75, interpolation="linear")
    ).collect("pyarrow")
    low, high = quartiles.item(0, "low"), quartiles.item(0, "high")
    if low is None or high is None:
        return None, None
    return low - width * (high - low), high + width * (high - low)


def _count(frame: nw.LazyFrame[Any]) -> float:
    return float(frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))
