"""Read the creators to look at first: a few for each segment that can be planned with, ranked in the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.creators.figures import FEW_VIDEOS
from tiktok_pipeline.features.posting import DORMANT
from tiktok_pipeline.frames import count_rows, fetch_row, to_pandas
from tiktok_pipeline.personas.verdict import VERDICTS
from tiktok_pipeline.recipes.personas import RankedBy
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import ShortlistTables, to_records
from tiktok_pipeline.study import Study

PER_SEGMENT = 5
WITHOUT_SEGMENTS = 10
"""Creators that are listed if no segment can be planned with."""

COLUMNS = (
    *("account_id", "nickname", "followers", "follower_tier", "avg_engagement_rate", "avg_engagement_rate_usual"),
    *("times_expected", "likes_per_video", "likes_per_video_percentile", "growth_30_days", "scraped_videos"),
    *("activity", "days_since_last_post", "margin", "runner_up"),
)
_EXPECTED = ("high engagement", "many likes")
"""Notices that say what a creator is ranked by."""


def gather_shortlist(reader: SnapshotReader, planned: Study | None, *, min_followers: float) -> ShortlistTables:
    """Read the shortlist.

    Parameters
    ----------
    reader : SnapshotReader
        Reads the snapshot.
    planned : Study, optional
        The study to plan with, if it has segments.
    min_followers : float
        Fewest followers of a listed creator.
    """
    current = reader.lazy("creators.current")
    large = current.filter(nw.col("followers") >= min_followers)
    rated = nw.col("times_expected").count()
    counts = fetch_row(large.select(nw.len().alias("large"), rated.alias("rated")))
    has_rates = 2 * counts["rated"] >= counts["large"]
    segments = list(_plannable(reader, planned)) if planned else []
    everybody: list[tuple[str | None, RankedBy]] = [(None, "response")]
    count = PER_SEGMENT if segments else WITHOUT_SEGMENTS
    listed = [
        _best(large, persona, ranked_by, has_rates=has_rates, place=place, count=count)
        for place, (persona, ranked_by) in enumerate(segments or everybody)
    ]
    creators = to_pandas(nw.concat(listed, how="vertical"))
    ordered = creators.sort_values(
        ["place", "n_doubts", "rank", "likes_per_video", "account_id"], ascending=[True, True, False, False, True]
    )
    return ShortlistTables(
        min_followers=min_followers,
        profiles=reader.count("validated.profiles"),
        known=count_rows(current),
        large=counts["large"],
        has_rates=has_rates,
        creators=_with_notices(reader, ordered.drop(columns=["place", "rank", "n_doubts"]).reset_index(drop=True)),
    )


def _plannable(reader: SnapshotReader, planned: Study) -> Iterator[tuple[str | None, RankedBy]]:
    """Yield the segments that can be planned with, the largest first, and what their creators are ranked by."""
    bases = planned.segmentation.bases if planned.segmentation else ()
    ranked_by = {persona.name: persona.ranked_by for basis in bases for persona in basis.personas.personas}
    summaries = reader.frame("personas.summaries", planned.name).dropna(subset=["cluster"])
    for row in to_records(summaries):
        ranking = ranked_by.get(row["persona"], "response")
        if VERDICTS[row["verdict"]].can_plan and ranking:
            yield row["persona"], ranking


def _best(
    large: nw.LazyFrame[Any], persona: str | None, ranked_by: RankedBy, *, has_rates: bool, place: int, count: int
) -> nw.LazyFrame[Any]:
    """Return the best creators of a segment, or of all.

    A rate over few videos, and one with more reactions than followers, is mostly that of one video that was shown far
    beyond the followers: such creators come after the others, those with both last.
    """
    rank = {
        ("response", True): nw.col("times_expected"),
        ("reach", True): nw.col("followers") * nw.col("avg_engagement_rate"),
        ("response", False): nw.col("likes_per_video_percentile"),
        ("reach", False): nw.col("likes_per_video"),
    }[ranked_by, has_rates]
    is_of_few = (nw.col("scraped_videos") <= FEW_VIDEOS).fill_null(value=False)
    is_beyond = (nw.col("avg_engagement_rate") > 1.0).fill_null(value=False)
    n_doubts = is_of_few.cast(nw.Int64) + is_beyond.cast(nw.Int64)
    rows = large.filter((nw.col("activity") != DORMANT) | nw.col("activity").is_null())
    if persona is not None:
        rows = rows.filter(nw.col("persona") == persona)
    return (
        rows.with_columns(rank.cast(nw.Float64).alias("rank"), n_doubts.alias("n_doubts"))
        .filter(~nw.col("rank").is_null())
        .sort("n_doubts", "rank", "likes_per_video", "account_id", descending=[False, True, True, False])
        .head(count)
        .select(
            *COLUMNS,
            "rank",
            "n_doubts",
            nw.lit(place).alias("place"),
            nw.lit(ranked_by).alias("ranked_by"),
            nw.lit(persona, dtype=nw.String).alias("segment"),
        )
    )


def _with_notices(reader: SnapshotReader, creators: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``unusual``: the notices of each creator, without those that say what it is ranked by."""
    notices = reader.lazy("creators.notices").select("account_id", "notice")
    accounts = creators["account_id"].tolist()
    few = to_pandas(notices.filter(nw.col("account_id").is_in(accounts))) if accounts else pd.DataFrame()
    names: dict[str, list[str]] = {}
    for row in sorted(to_records(few), key=lambda row: str(row["notice"])):
        if row["notice"] not in _EXPECTED:
            names.setdefault(row["account_id"], []).append(row["notice"])
    return creators.assign(unusual=[", ".join(names.get(account, [])) for account in accounts])
