"""Fair rates: what engagement is usual at each size, so that an offer can be compared."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tiktok_pipeline.features.expressions import FOLLOWER_TIERS
from tiktok_pipeline.output.number_format import format_count, format_percent
from tiktok_pipeline.reports.page_elements import (
    Table,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
)
from tiktok_pipeline.reports.snapshot_tables import to_records

ANCHOR = "rates"

_RATES = {
    "avg_engagement_rate": "Engagement rate by followers: likes and comments per video, divided by followers",
    "engagement_by_plays": "Engagement rate by views: likes and comments, divided by plays",
}
_LIKES = {"likes_per_video": "Likes per video"}
_QUANTILES = {
    "p25": ("Low", "a quarter are below"),
    "median": ("Usual", "half are below"),
    "p75": ("High", "a quarter are above"),
    "p90": ("Top", "one in ten is above"),
}


def build_rates(benchmarks: pd.DataFrame) -> tuple[Table, ...]:
    """Return one table for each rate: a row for each size tier, the smallest first.

    Rates by followers and by views differ several times, so they are never in one table. Without a rate by followers
    the likes per video are shown.

    Parameters
    ----------
    benchmarks : DataFrame
        A slice of ``creators.benchmarks``.
    """
    rows = [row for row in to_records(benchmarks, "grouping", "figure") if row["grouping"] == "tier"]
    figures = {row["figure"] for row in rows}
    wanted = _RATES if "avg_engagement_rate" in figures else _LIKES | _RATES
    order = list(tier_ranges())
    tables = []
    for figure, caption in wanted.items():
        written = format_count if figure in _LIKES else format_percent
        of_figure = [row for row in rows if row["figure"] == figure and row["group_name"] in order]
        header = [heading("Size", "followers"), number_heading("Creators", "n")]
        header += [number_heading(*words) for words in _QUANTILES.values()]
        table = simple_table(
            caption,
            header,
            [
                [
                    row_heading(f"{row['group_name']}: {tier_ranges()[row['group_name']]}"),
                    number_cell(format_count(row["creators"])),
                    *(number_cell(written(row[name])) for name in _QUANTILES),
                ]
                for row in sorted(of_figure, key=lambda row: order.index(row["group_name"]))
            ],
        )
        tables += [table] if table else []
    return tuple(tables)


def tier_ranges(bounds: Mapping[str, int] = FOLLOWER_TIERS) -> dict[str, str]:
    """Return the followers of each size tier in words, the smallest first.

    Examples
    --------
    >>> tier_ranges({"nano": 1_000, "micro": 10_000})
    {'below nano': 'under 1,000', 'nano': '1,000 to 9,999', 'micro': '10,000 or more'}
    """
    names, lows = list(bounds), list(bounds.values())
    ranges = {f"below {names[0]}": f"under {format_count(lows[0])}"}
    for name, low, above in zip(names, lows, [*lows[1:], None], strict=True):
        ranges[name] = (
            f"{format_count(low)} to {format_count(above - 1)}" if above else f"{format_count(low)} or more"
        )
    return ranges
