"""Evidence of formats: aggregates that registration computes in its single pass over a file.

The only question here is whether every cell of a column is canonical, in one comparison a cell.
`tiktok_pipeline.validated.formats.detect` reads the columns again that are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import narwhals as nw

from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, Source
from tiktok_pipeline.validated.clean import COUNTS, RATES
from tiktok_pipeline.validated.formats.dates import FIRST_DAY, latest_day

NUMBERS: Mapping[str, tuple[str, ...]] = {
    PROFILES.name: RATES,
    CREATOR_ACTIVITY.name: ("engagement_index", "monetization_maturity"),
}
"""The columns of numbers that are no counts, by source."""

_COUNT = "^[0-9]*$"
_FOREIGN_MARKS = (",", "%")
"""A number with neither is read by the parsers, or is not readable. A pattern of digits takes five times as long."""

_DAY = "^(20[0-9]{2}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+]00:?00)?)?)?$"
_LARGE = {"avg_engagement_rate": "0.5", "like_engagement_rate": "0.5", "comment_engagement_rate": "0.05"}
"""Few fractions reach this, and most percentages do; compared as text, which is cheap."""


def evidence_expressions(source: Source, *, today: date) -> list[nw.Expr]:
    """Return the aggregates over rows of ``raw.<source>`` that tell which columns are not canonical.

    Parameters
    ----------
    source : Source
        The source of the rows.
    today : date
        The UTC day of registration; a later date is not plausible.

    Returns
    -------
    list of Expr
        Aggregates whose names start with ``format_``; select them with any other aggregate of the pass.
    """
    expressions = [_count(_has_foreign_mark(name), f"odd_{name}") for name in NUMBERS.get(source.name, ())]
    if source.name != PROFILES.name:
        return expressions
    expressions += [_count(~nw.col(name).str.contains(_COUNT), f"odd_{name}") for name in COUNTS]
    for name, bound in _LARGE.items():
        expressions += [
            _count(nw.col(name) >= nw.lit(bound), f"large_{name}"),
            _count(nw.col(name) != nw.lit(""), f"cells_{name}"),
        ]
    day = nw.col("observed_on")
    first, after = FIRST_DAY.isoformat(), (latest_day(today) + timedelta(days=1)).isoformat()
    is_plausible = (day == nw.lit("")) | ((day >= nw.lit(first)) & (day < nw.lit(after)))
    return [*expressions, _count(~(day.str.contains(_DAY) & is_plausible), "odd_observed_on")]


def _has_foreign_mark(name: str) -> nw.Expr:
    return nw.any_horizontal(
        *(nw.col(name).str.contains(mark, literal=True) for mark in _FOREIGN_MARKS), ignore_nulls=True
    )


def _count(condition: nw.Expr, name: str) -> nw.Expr:
    is_intact = nw.col("read_problem").is_null()
    return (condition & is_intact).fill_null(False).cast(nw.Int64).sum().cast(nw.Int64).alias(f"format_{name}")
