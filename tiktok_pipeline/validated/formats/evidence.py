"""Evidence of formats: aggregates that registration computes in its single pass over a file.

The only question here is whether every cell of a column is canonical, in one comparison for all columns of a kind.
`tiktok_pipeline.validated.formats.detect` reads the columns again that are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import narwhals as nw

from tiktok_pipeline.frames import fetch_row
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, Source
from tiktok_pipeline.validated.clean import COUNTS, RATES
from tiktok_pipeline.validated.formats.dates import FIRST_DAY, latest_day

NUMBERS: Mapping[str, tuple[str, ...]] = {
    PROFILES.name: RATES,
    CREATOR_ACTIVITY.name: ("engagement_index", "monetization_maturity"),
}
"""The columns of numbers that are no counts, by source."""

_COUNT = "^[0-9]*$"
_FOREIGN_MARKS = (",", "%", "p")
"""``p`` is of "percent" and its like. A number with none of them is read by the parsers, or is not readable.

A pattern of digits takes five times as long.
"""

_DAY_CHARACTERS = len("2024-05-06")
_DAY = "^(20[0-9]{2}-(0[0-9]|1[0-2])-[0-9]{2}([T ][0-9:.]+(Z|[+]00:?00)?)?)?$"
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
    numbers = NUMBERS.get(source.name, ())
    expressions = [_count(_has_foreign_mark(_joined(numbers)), "odd_numbers")] if numbers else []
    if source.name != PROFILES.name:
        return expressions
    expressions.append(_count(~_joined(COUNTS).str.contains(_COUNT), "odd_counts"))
    for name, bound in _LARGE.items():
        expressions += [
            _count(nw.col(name) >= nw.lit(bound), f"large_{name}"),
            _count(nw.col(name) != nw.lit(""), f"cells_{name}"),
        ]
    day = nw.col("observed_on")
    first, after = FIRST_DAY.isoformat(), (latest_day(today) + timedelta(days=1)).isoformat()
    is_plausible = (day == nw.lit("")) | ((day >= nw.lit(first)) & (day < nw.lit(after)))
    # Most cells of most columns are days alone: the engine compares the others with the pattern.
    is_day_alone = (day.str.len_chars() == _DAY_CHARACTERS) & (day.str.slice(4, 1) == nw.lit("-"))
    is_day_alone = is_day_alone & (day.str.slice(7, 1) == nw.lit("-")) & (day.str.slice(5, 2) <= nw.lit("12"))
    has_form = nw.when(is_day_alone).then(nw.lit(True)).otherwise(day.str.contains(_DAY))
    return [*expressions, _count(~(has_form & is_plausible), "odd_observed_on")]


def odd_columns(rows: nw.LazyFrame[Any], measures: Mapping[str, Any], source: Source) -> list[str]:
    """Return the columns that have a cell which is not canonical.

    The columns of a kind are looked at one by one only if `evidence_expressions` found such a cell in any of them.
    """
    counts = COUNTS if measures.get("format_odd_counts") else ()
    numbers = NUMBERS.get(source.name, ()) if measures.get("format_odd_numbers") else ()
    days = ["observed_on"] if measures.get("format_odd_observed_on") else []
    if not counts and not numbers:
        return days
    expressions = [
        *(_count(~nw.col(name).str.contains(_COUNT), name) for name in counts),
        *(_count(_has_foreign_mark(nw.col(name)), name) for name in numbers),
    ]
    found = fetch_row(rows.select(*expressions))
    return [*(name for name in (*counts, *numbers) if found[f"format_{name}"]), *days]


def _joined(names: Sequence[str]) -> nw.Expr:
    """Return the cells of a row side by side: one comparison looks at all of them."""
    return nw.concat_str([nw.col(name) for name in names], ignore_nulls=True)


def _has_foreign_mark(text: nw.Expr) -> nw.Expr:
    return nw.any_horizontal(*(text.str.contains(mark, literal=True) for mark in _FOREIGN_MARKS), ignore_nulls=True)


def _count(condition: nw.Expr, name: str) -> nw.Expr:
    is_intact = nw.col("read_problem").is_null()
    return (condition & is_intact).fill_null(False).cast(nw.Int64).sum().cast(nw.Int64).alias(f"format_{name}")
