"""The creators of a snapshot as a search reads them: one wide row each, the largest first.

The order is part of the table: an engine that keeps the least and the greatest value of each block of rows skips most
blocks for a range of followers, and a page of the largest creators needs no sort.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.creators.peer_schema import CURRENT_POSTING, CURRENT_PROFILE, CURRENT_TABLE

_EMAIL = r"(?i)[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}"
"""An e-mail address in a biography."""

_PEERS = (
    *("account_id", "followers", "follower_tier", "times_expected", "avg_engagement_rate_usual"),
    *FIGURES,
    *(f"{figure}_percentile" for figure in FIGURES),
)


def build_current(
    profiles: nw.LazyFrame[Any],
    peers: nw.LazyFrame[Any],
    notices: nw.LazyFrame[Any],
    posting: nw.LazyFrame[Any],
    segments: nw.LazyFrame[Any] | None,
    *,
    study: str,
) -> nw.LazyFrame[Any]:
    """Join what is known about each creator of a snapshot.

    Parameters
    ----------
    profiles, peers, notices, posting : LazyFrame
        Rows of ``validated.profiles``, ``creators.peers``, ``creators.notices`` and ``features.posting``.
    segments : LazyFrame, optional
        The segment of each creator, see `segments_of`.
    study : str
        The study of ``segments``; empty if there is none.

    Returns
    -------
    LazyFrame
        Rows of ``creators.current``, by followers from high to low, then by handle.
    """
    counted = notices.group_by("account_id").agg(nw.len().cast(nw.Int64).alias("notices"))
    rows = (
        peers.select(_PEERS)
        .join(profiles.select("account_id", *CURRENT_PROFILE), on="account_id", how="left")
        .join(posting.select("account_id", *CURRENT_POSTING), on="account_id", how="left")
        .join(counted, on="account_id", how="left")
    )
    rows = _with_segments(rows, segments, study)
    return (
        rows.with_columns(
            nw.col("notices").fill_null(0),
            nw.when(~nw.col("biography").is_null()).then(nw.col("biography").str.contains(_EMAIL)).alias("has_email"),
        )
        .select(CURRENT_TABLE.frame_names)
        .sort("followers", "account_id", descending=[True, False])
    )


def segments_of(assignments: nw.LazyFrame[Any], summaries: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return ``account_id``, ``persona``, ``verdict`` and ``margin`` of each creator that has a segment."""
    named = summaries.filter(~nw.col("cluster").is_null()).select("cluster", "persona", "verdict")
    return (
        assignments.select("account_id", "cluster", "margin").join(named, on="cluster", how="inner").drop("cluster")
    )


def _with_segments(rows: nw.LazyFrame[Any], segments: nw.LazyFrame[Any] | None, study: str) -> nw.LazyFrame[Any]:
    if segments is None:
        return rows.with_columns(
            nw.lit(None).cast(nw.String).alias("study"),
            *(nw.lit(None).cast(nw.String).alias(name) for name in ("persona", "verdict")),
            nw.lit(None).cast(nw.Float64).alias("margin"),
        )
    return rows.join(segments, on="account_id", how="left").with_columns(nw.lit(study).alias("study"))
