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

OF_SEGMENT = ("persona", "verdict", "margin", "runner_up", "persona_before")
"""The columns that come from the study."""

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
            _words().alias("words"),
            nw.when(~nw.col("biography").is_null()).then(nw.col("biography").str.contains(_EMAIL)).alias("has_email"),
        )
        .select(CURRENT_TABLE.frame_names)
        .sort("followers", "account_id", descending=[True, False])
    )


def _words() -> nw.Expr:
    """Return what a search by words looks into."""
    texts = [nw.col(name).fill_null("") for name in ("nickname", "account_id", "biography")]
    return nw.concat_str(texts, separator=" ").str.to_lowercase()


def segments_of(
    assignments: nw.LazyFrame[Any],
    summaries: nw.LazyFrame[Any],
    moves: nw.LazyFrame[Any],
    migrations: nw.LazyFrame[Any],
    identities: nw.LazyFrame[Any],
) -> nw.LazyFrame[Any]:
    """Return the segment of each creator that has one: now, second nearest, and in the snapshot before.

    Parameters
    ----------
    assignments, summaries, moves, migrations : LazyFrame
        Rows of ``clusters.assignments``, ``personas.summaries``, ``creators.moves`` and ``personas.migrations`` of
        one study in one snapshot.
    identities : LazyFrame
        Rows of ``creators.identities`` of the snapshot.
    """
    named = summaries.filter(~nw.col("cluster").is_null()).select("cluster", "persona", "verdict")
    second = named.select(nw.col("cluster").alias("runner_up_cluster"), nw.col("persona").alias("runner_up"))
    before = migrations.select(nw.col("previous_snapshot").max().alias("compared_with"))
    rows = (
        assignments.select("account_id", "cluster", "margin", nw.col("runner_up").alias("runner_up_cluster"))
        .join(named, on="cluster", how="inner")
        .join(second, on="runner_up_cluster", how="left")
        .join(identities.select("account_id", "previous_snapshot"), on="account_id", how="left")
        .join(moves.select("account_id", nw.col("persona_before").alias("moved_from")), on="account_id", how="left")
        .join(before, how="cross")
    )
    # A creator that is not listed as moved has the segment that it had.
    stayed = nw.when(nw.col("previous_snapshot") == nw.col("compared_with")).then(nw.col("persona"))
    earlier = nw.when(~nw.col("moved_from").is_null()).then(nw.col("moved_from")).otherwise(stayed)
    return rows.with_columns(earlier.alias("persona_before")).select("account_id", *OF_SEGMENT)


def _with_segments(rows: nw.LazyFrame[Any], segments: nw.LazyFrame[Any] | None, study: str) -> nw.LazyFrame[Any]:
    if segments is None:
        return rows.with_columns(
            nw.lit(None).cast(nw.Float64 if name == "margin" else nw.String).alias(name)
            for name in ("study", *OF_SEGMENT)
        )
    named = nw.when(~nw.col("persona").is_null()).then(nw.lit(study))
    return rows.join(segments, on="account_id", how="left").with_columns(named.alias("study"))
