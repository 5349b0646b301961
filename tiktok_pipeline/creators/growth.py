"""Measures how each creator changed since it was last seen, among creators of the same size.

Growth is per 30 days, so that snapshots of any distance compare. Peers are the creators of the same size tier before:
the tier now would put a creator that grew much among larger ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.creators.flags import with_flags
from tiktok_pipeline.creators.schema import GROWTH_TABLE
from tiktok_pipeline.warehouse.base import Engine

Rows = nw.LazyFrame[Any]

FEWEST_RANKED = 30
"""With fewer peers there is no percentile."""

COUNTS = ("followers", "likes", "videos_count")
MEASURES = (*COUNTS, "avg_engagement_rate", "observed_on")
"""The columns of ``validated.profiles`` that are compared."""

_DAYS_PER_PERIOD = 30.0


def growth_rows(now: Rows, before: Rows, key_days: Mapping[str, float], engine: Engine) -> Rows:
    """Compare each creator with the row of the last snapshot before in which it was seen.

    Parameters
    ----------
    now : LazyFrame
        Rows of ``creators.identities`` with `MEASURES`, of creators that were seen before.
    before : LazyFrame
        ``snapshot``, ``account_id``, ``follower_tier`` and `MEASURES` of the earlier rows.
    key_days : mapping of str to float
        The days from each earlier snapshot to this one, by their keys.
    engine : Engine
        The engine that holds the frames.

    Returns
    -------
    LazyFrame
        Rows of ``creators.growth``.
    """
    earlier = before.select(
        nw.col("snapshot").alias("previous_snapshot"),
        nw.col("account_id").alias("previous_account_id"),
        nw.col("follower_tier").alias("previous_tier"),
        *(nw.col(name).alias(f"{name}_before") for name in MEASURES),
    )
    pairs = now.join(earlier, on=["previous_snapshot", "previous_account_id"], how="inner")
    days = pa.table({"previous_snapshot": list(key_days), "key_days": pa.array(key_days.values(), pa.float64())})
    dated = pairs.join(engine.persist(days), on="previous_snapshot", how="left")
    measured = engine.persist(_with_rates(_with_gains(dated)))
    ranked = engine.persist(_with_percentile(measured))
    return with_flags(ranked).select(GROWTH_TABLE.frame_names)


def _with_gains(pairs: Rows) -> Rows:
    observed = (nw.col("observed_on").cast(nw.Datetime) - nw.col("observed_on_before").cast(nw.Datetime)).dt
    by_date = observed.total_minutes().cast(nw.Float64) / 1_440.0
    # Rows of one day in two snapshots: the keys may tell more than the dates.
    days = nw.when(by_date > 0).then(by_date).when(by_date.is_null() | (by_date == 0)).then(nw.col("key_days"))
    gained = {f"{name.removesuffix('_count')}_gained": nw.col(name) - nw.col(f"{name}_before") for name in COUNTS}
    return pairs.with_columns(
        nw.when(days > 0).then(days).alias("days"),
        (nw.col("avg_engagement_rate") - nw.col("avg_engagement_rate_before")).alias("engagement_change"),
        **gained,
    )


def _with_rates(gains: Rows) -> Rows:
    factor = nw.col("followers").cast(nw.Float64) / nw.col("followers_before").cast(nw.Float64)
    periods = _DAYS_PER_PERIOD / nw.col("days")
    growth = nw.when(nw.col("followers") > 0).then((factor.log() * periods).exp() - 1.0).otherwise(nw.lit(-1.0))
    is_measurable = (nw.col("followers_before") > 0) & (nw.col("days") >= 1.0)
    videos, likes = nw.col("videos_gained"), nw.col("likes_gained")
    return gains.with_columns(
        nw.when(is_measurable & growth.is_finite()).then(growth).alias("growth_30_days"),
        nw.when(videos >= 0).then(7.0 * videos / nw.col("days")).alias("videos_per_week"),
        nw.when((videos > 0) & (likes >= 0)).then(1.0 * likes / videos).alias("likes_per_new_video"),
    )


def _with_percentile(rates: Rows) -> Rows:
    """Rank the known growths within each tier; equal ones share the middle of their ranks."""
    known = rates.filter(~nw.col("growth_30_days").is_null())
    unknown = rates.filter(nw.col("growth_30_days").is_null())
    rank = nw.col("growth_30_days").rank("average").over("previous_tier")
    ranked = known.with_columns(
        rank.alias("rank"), nw.col("growth_30_days").count().over("previous_tier").alias("peers")
    )
    percentile = nw.when(nw.col("peers") >= FEWEST_RANKED).then(100.0 * (nw.col("rank") - 0.5) / nw.col("peers"))
    names = [*rates.collect_schema().names(), "growth_percentile", "peers"]
    without = unknown.with_columns(
        nw.lit(None).cast(nw.Float64).alias("growth_percentile"), nw.lit(None).cast(nw.Int64).alias("peers")
    )
    with_rank = ranked.with_columns(percentile.alias("growth_percentile"), nw.col("peers").cast(nw.Int64))
    return nw.concat([with_rank.select(names), without.select(names)], how="vertical")
