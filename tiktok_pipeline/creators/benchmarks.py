"""What is usual: the quantiles of each figure by tier, persona, region and language, each with its n.

A rate per follower and a rate per view of the same creator differ several times, so each row says its basis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from tiktok_pipeline.creators.peer_schema import BENCHMARKS_TABLE, QUANTILES
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.warehouse.base import Engine

if TYPE_CHECKING:
    import pandas as pd

FEWEST_CREATORS = 30
"""A group with fewer creators who have the figure gets no row."""

GROUPINGS = {"all": None, "tier": "follower_tier", "persona": "persona", "region": "region", "language": "language"}
"""The column of ``creators.current`` behind each value of column ``grouping``."""

BASES = {
    "avg_engagement_rate": "followers",
    "like_engagement_rate": "followers",
    "comment_engagement_rate": "followers",
    "engagement_by_plays": "views",
    "median_plays": "views",
    "likes_per_video": "counts",
    "videos_per_week": "counts",
    "growth_30_days": "counts",
}
"""The figures that are benchmarked, each with what it is measured by."""


def build_benchmarks(current: nw.LazyFrame[Any], sample: nw.LazyFrame[Any], engine: Engine) -> pd.DataFrame:
    """Return the quantiles of each figure in each group of at least `FEWEST_CREATORS` creators.

    Parameters
    ----------
    current : LazyFrame
        Rows of ``creators.current`` of one snapshot, in which creators are counted.
    sample : LazyFrame
        The bounded sample of ``current`` that the quantiles are of.
    engine : Engine
        Computes the quantiles.

    Returns
    -------
    DataFrame
        Rows of ``creators.benchmarks``; quantiles by linear interpolation (definition 7 of Hyndman and Fan).
    """
    import pandas as pd  # noqa: PLC0415

    parts = [pd.DataFrame(columns=BENCHMARKS_TABLE.frame_names)]
    for grouping, column in GROUPINGS.items():
        quantiles = engine.quantiles(_grouped(sample, column), list(BASES), QUANTILES, by="group_name")
        groups = _counts(_grouped(current, column)).merge(to_pandas(quantiles), on="group_name", validate="1:1")
        parts += [_rows(groups, grouping, figure) for figure in BASES]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return rows.sort_values(["grouping", "basis", "figure", "group_name"], ignore_index=True)


def _grouped(rows: nw.LazyFrame[Any], column: str | None) -> nw.LazyFrame[Any]:
    """Return the figures of the rows that are in a group."""
    group = nw.lit("all creators") if column is None else nw.col(column)
    return rows.select(group.alias("group_name"), *BASES).filter(~nw.col("group_name").is_null())


def _counts(rows: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Return the groups that are large enough, each with the creators who have a figure."""
    counts = [nw.col(figure).count().cast(nw.Int64).alias(f"{figure}_creators") for figure in BASES]
    counted = rows.group_by("group_name").agg(nw.len().alias("rows"), *counts)
    return to_pandas(counted.filter(nw.col("rows") >= FEWEST_CREATORS))


def _rows(groups: pd.DataFrame, grouping: str, figure: str) -> pd.DataFrame:
    names = {f"{figure}_{name}": name for name in ("creators", *QUANTILES)}
    rows = groups[groups[f"{figure}_creators"] >= FEWEST_CREATORS][["group_name", *names]].rename(columns=names)
    named = rows.assign(grouping=grouping, basis=BASES[figure], figure=figure)
    return named[BENCHMARKS_TABLE.frame_names]
