"""Which rows a model is fitted on: the rule for missing values, the outlier rule, the bound on rows.

Nothing is dropped by it: the rows that are left out are assigned like all others, with ``in_fit`` false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from tiktok_pipeline.recipes.segmentation import InterquartileRule


@dataclass(frozen=True)
class FitFilter:
    """The rows that a fit may see: the condition that each rule leaves, in order, and the fences of the columns."""

    steps: Mapping[str, nw.Expr]
    fences: Mapping[str, float]

    @property
    def condition(self) -> nw.Expr:
        """What all rules leave."""
        return list(self.steps.values())[-1]


def build_fit_filter(
    frame: nw.LazyFrame[Any], *, features: Sequence[str], drop_missing: bool, rule: InterquartileRule | None
) -> FitFilter:
    """Tell which rows of ``features.<source>`` a fit may see; ``frame`` is all of them, or a sample that the quartiles are of.

    ``steps`` has ``rows_after_missing`` and ``rows_after_<column>`` for each column of the rule that has a value, ``fences``
    their ``lower_<column>`` and ``upper_<column>``.
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
        # A missing value is inside no fence; left as NULL it would make `in_fit` NULL.
        condition = condition & nw.col(column).is_between(lower, upper).fill_null(False)
        steps[f"rows_after_{column}"] = condition
        fences |= {f"lower_{column}": lower, f"upper_{column}": upper}
    return FitFilter(steps, fences)


def is_complete(features: Sequence[str]) -> nw.Expr:
    """Whether a row has a value of every feature; never NULL."""
    return ~nw.any_horizontal(*(nw.col(name).is_null() for name in features), ignore_nulls=False)


def count_by_step(frame: nw.LazyFrame[Any], seen: FitFilter) -> dict[str, float]:
    """How many ``rows`` there are and how many each rule leaves, with its fences; one look at the rows."""
    left = {name: condition.cast(nw.Int64).sum() for name, condition in seen.steps.items()}
    found = frame.select(nw.len().alias("rows"), **left).collect("pyarrow").to_native().to_pylist()[0]
    counts: dict[str, float] = {}
    for name, count in found.items():
        column = name.removeprefix("rows_after_")
        counts |= {
            bound: seen.fences[bound] for bound in (f"lower_{column}", f"upper_{column}") if bound in seen.fences
        }
        counts[name] = float(count or 0)  # a sum over no rows is NULL
    return counts


def _fences(frame: nw.LazyFrame[Any], column: str, width: float) -> tuple[float | None, float | None]:
    value = nw.col(column)
    quartiles = frame.select(
        low=value.quantile(0.25, interpolation="linear"), high=value.quantile(0.75, interpolation="linear")
    ).collect("pyarrow")
    low, high = quartiles.item(0, "low"), quartiles.item(0, "high")
    if low is None or high is None:
        return None, None
    return low - width * (high - low), high + width * (high - low)
