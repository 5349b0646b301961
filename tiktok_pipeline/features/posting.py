"""The posting features of a creator: when and how often the creator posts, and what the single videos reach.

They are computed from ``validated.videos``, once for a snapshot, and stored in ``features.posting``. A delivery lists
at most some tens of videos of a creator, the newest ones as a rule, so each feature is of that window. A creator
without a video has no row.

The interval of the engagement rate is Student's t interval at 95 % on the rates of the single videos. It needs
`FEWEST_RATES` videos. Rates are skewed, so that with few videos it is wider than needed above and too narrow below.

References
----------
M. Abramowitz and I. A. Stegun (1972), "Handbook of Mathematical Functions", 26.7.5 (the quantile of Student's t).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import narwhals as nw

from tiktok_pipeline.features.expressions import ratio
from tiktok_pipeline.features.feature import Feature
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.warehouse.base import Engine

SECONDS_PER_DAY = 86_400.0
FEWEST_RATES = 5
"""Fewest videos with counts for an interval of the engagement rate."""

FEWEST_FOR_GROWTH = 6
"""Fewest videos with plays for a growth: three in each half."""

POSTING, SLOWING, DORMANT = "posting", "slowing", "dormant"
"""The activity of a creator, by the days since the last post."""

VIDEOS_AT_ONCE = 8_000_000
"""Most videos that are put in order at once; about 1 GB."""

_OF_PROFILE = ("observed_on", "followers")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the warehouse stores UTC times without a zone
_NORMAL_QUANTILE = 1.959963984540054


@dataclass(frozen=True)
class ActivityBounds:
    """The bounds of the activity of a creator.

    Attributes
    ----------
    posting_days : float
        A creator is posting up to this many days after the last post.
    dormant_days : float
        A creator is dormant after more than this many days; slowing in between.
    """

    posting_days: float = 30.0
    dormant_days: float = 180.0


def student_quantile(degrees: nw.Expr) -> nw.Expr:
    """Return the 97.5 % quantile of Student's t; it is 0.007 too small at 4 degrees of freedom, and less above."""
    z = _NORMAL_QUANTILE
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / (degrees * degrees) + third / (degrees * degrees * degrees)


def posting_rows(
    videos: nw.LazyFrame[Any],
    profiles: nw.LazyFrame[Any],
    *,
    day: date,
    bounds: ActivityBounds,
    engine: Engine,
    videos_at_once: int = VIDEOS_AT_ONCE,
) -> nw.LazyFrame[Any]:
    """Return `build_posting`, computed for some creators at a time if there are many videos.

    The videos of a creator are put in order. Of more than some millions at once, the engine spills to disk, and takes
    several times as long for each.
    """
    parts = -(-count_rows(videos) // videos_at_once)
    if parts <= 1:
        return build_posting(videos, profiles, day=day, bounds=bounds)
    # The engine scans the rows once for each part: only what a part needs is read and hashed again.
    known = profiles.select("account_id", *_OF_PROFILE)
    split = [engine.bucket(rows, "account_id", "part", buckets=parts) for rows in (videos, known)]
    stored = []
    for part in range(parts):
        of_part = [rows.filter(nw.col("part") == part).drop("part") for rows in split]
        stored.append(engine.persist(build_posting(*of_part, day=day, bounds=bounds)))
    return nw.concat(stored, how="vertical")


def build_posting(
    videos: nw.LazyFrame[Any], profiles: nw.LazyFrame[Any], *, day: date, bounds: ActivityBounds
) -> nw.LazyFrame[Any]:
    """Compute the posting features of each creator who has a video, lazily.

    Parameters
    ----------
    videos : LazyFrame
        Rows of ``validated.videos`` of one snapshot.
    profiles : LazyFrame
        Rows of ``validated.profiles`` of the same snapshot.
    day : date
        The day of the snapshot: the observation day of a creator without ``observed_on``.
    bounds : ActivityBounds
        When a creator is posting, slowing or dormant.

    Returns
    -------
    LazyFrame
        Rows of ``features.posting``.
    """
    known = profiles.select("account_id", *_OF_PROFILE)
    rows = _timing(videos).join(_counted(videos), on="account_id", how="left")
    joined = rows.join(known, on="account_id", how="left").with_columns(
        _seconds(nw.col("observed_on").fill_null(nw.lit(day)).cast(nw.Datetime)).alias("observed"),
        nw.col("followers").cast(nw.Float64).alias("followers"),
    )
    numbers = joined.select(
        "account_id", *(feature.expression.alias(feature.name) for feature in POSTING_FEATURES if not feature.is_text)
    )
    return numbers.with_columns(activity(nw.col("days_since_last_post"), bounds).alias("activity"))


def activity(days_since_last_post: nw.Expr, bounds: ActivityBounds) -> nw.Expr:
    """Return "posting", "slowing" or "dormant"."""
    return (
        nw.when(days_since_last_post <= bounds.posting_days)
        .then(nw.lit(POSTING))
        .when(days_since_last_post <= bounds.dormant_days)
        .then(nw.lit(SLOWING))
        .otherwise(nw.lit(DORMANT))
    )


def _seconds(time: nw.Expr) -> nw.Expr:
    """Return a time in seconds since 1970."""
    return (time - nw.lit(_EPOCH)).dt.total_seconds()


def _day(second: nw.Expr) -> nw.Expr:
    return second // int(SECONDS_PER_DAY)


def _timing(videos: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return one row for each creator: the number of videos, the first and last time, and the gaps between them."""
    timed = videos.select("account_id", _seconds(nw.col("posted_at")).alias("second"))
    earlier = nw.col("second").shift(1).over("account_id", order_by="second")
    with_earlier = timed.with_columns(earlier.alias("earlier"))
    gap = (nw.col("second") - nw.col("earlier")) / SECONDS_PER_DAY
    # The videos are in order: a day is new if the video before is of another day. Counting distinct days is slow.
    is_new_day = nw.col("earlier").is_null() | (_day(nw.col("second")) != _day(nw.col("earlier")))
    gaps = with_earlier.with_columns(gap.alias("gap"), is_new_day.cast(nw.Int64).alias("is_new_day"))
    return gaps.group_by("account_id").agg(
        nw.len().alias("videos"),
        nw.col("second").max().alias("newest"),
        nw.col("second").min().alias("oldest"),
        nw.col("is_new_day").sum().alias("days_with_post"),
        nw.col("gap").median().alias("median_gap"),
        nw.col("gap").mean().alias("mean_gap"),
        nw.col("gap").std().alias("std_gap"),
    )


def _counted(videos: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return one row for each creator with a video that has counts of its own."""
    plays = nw.col("plays").cast(nw.Float64)
    counted = videos.filter(~nw.col("plays").is_null() | ~nw.col("likes").is_null()).with_columns(
        plays.alias("plays"), (nw.col("likes") + nw.col("comments")).cast(nw.Float64).alias("reactions")
    )
    order = ["posted_at", "video_id"]
    placed = counted.with_columns(
        nw.col("plays").cum_count().over("account_id", order_by=order).alias("place"),
        nw.col("plays").count().over("account_id").alias("of"),
        ratio(nw.col("reactions"), nw.col("plays")).alias("by_plays"),
    )
    is_older = 2 * nw.col("place") <= nw.col("of")
    is_newer = 2 * (nw.col("of") - nw.col("place") + 1) <= nw.col("of")
    halves = placed.with_columns(
        nw.when(is_older).then(nw.col("plays")).alias("older_plays"),
        nw.when(is_newer).then(nw.col("plays")).alias("newer_plays"),
    )
    return halves.group_by("account_id").agg(
        nw.col("plays").count().alias("played_videos"),
        nw.col("plays").median().alias("plays_median"),
        nw.col("plays").mean().alias("plays_mean"),
        nw.col("older_plays").median().alias("older_plays"),
        nw.col("newer_plays").median().alias("newer_plays"),
        nw.col("by_plays").median().alias("by_plays"),
        nw.col("reactions").count().alias("reacted_videos"),
        nw.col("reactions").mean().alias("reactions_mean"),
        nw.col("reactions").std().alias("reactions_std"),
    )


_VIDEOS = nw.col("videos").cast(nw.Float64)
_WINDOW_DAYS = (nw.col("newest") - nw.col("oldest")) / SECONDS_PER_DAY
_SILENT_DAYS = ((nw.col("observed") - nw.col("newest")) / SECONDS_PER_DAY).floor()
_CALENDAR_DAYS = (_day(nw.col("newest")) - _day(nw.col("oldest")) + 1).cast(nw.Float64)
_RATES = nw.col("reacted_videos").fill_null(0).cast(nw.Float64)
_RATE = ratio(nw.col("reactions_mean"), nw.col("followers"))
_HALF_WIDTH = student_quantile(_RATES - 1.0) * ratio(nw.col("reactions_std"), nw.col("followers")) / _RATES.sqrt()


def _if(condition: nw.Expr, value: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(value)


POSTING_FEATURES: tuple[Feature, ...] = (
    Feature(
        name="videos_listed",
        label="videos that the delivery lists",
        short_label="videos listed",
        unit="count",
        formula="rows of validated.videos",
        description="videos of the creator that the other posting features are computed from",
        expression=_VIDEOS,
        columns=("video_id",),
        lowest=1.0,
    ),
    Feature(
        name="days_since_last_post",
        label="days since the last post",
        short_label="since last post",
        unit="days",
        formula="whole days from the newest posted_at to the start of observed_on (else of the snapshot); at least 0",
        description="how long the creator has been silent",
        expression=nw.max_horizontal(_SILENT_DAYS, nw.lit(0.0)),
        columns=("posted_at", "observed_on"),
    ),
    Feature(
        name="videos_per_week",
        label="videos a week",
        short_label="videos a week",
        unit="videos / week",
        formula="7 (videos - 1) / days from the oldest to the newest video, at least 1 day; missing for one video",
        description="pace of posting in the window of the listed videos",
        expression=_if(_VIDEOS >= 2, 7.0 * (_VIDEOS - 1.0) / nw.max_horizontal(_WINDOW_DAYS, nw.lit(1.0))),
        columns=("posted_at",),
    ),
    Feature(
        name="median_gap_days",
        label="median days between two posts",
        short_label="median gap",
        unit="days",
        formula="median of the days between a video and the one before; missing for one video",
        description="time between two posts",
        expression=nw.col("median_gap"),
        columns=("posted_at",),
    ),
    Feature(
        name="gap_variation",
        label="irregularity of posting",
        short_label="gap variation",
        unit="ratio",
        formula="standard deviation / mean of the days between two videos; missing for fewer than 3 videos",
        description="coefficient of variation of the gaps: 0 is a fixed rhythm, 1 is chance, more is bursts",
        expression=_if(_VIDEOS >= 3, ratio(nw.col("std_gap"), nw.col("mean_gap"))),
        columns=("posted_at",),
    ),
    Feature(
        name="share_of_days_with_post",
        label="share of days with a post",
        short_label="days with a post",
        unit="fraction",
        formula="UTC days with a video / days from the first to the last of them; missing for one video",
        description="how many days of the window of the listed videos have a post",
        expression=_if(_VIDEOS >= 2, nw.col("days_with_post").cast(nw.Float64) / _CALENDAR_DAYS),
        columns=("posted_at",),
        highest=1.0,
    ),
    Feature(
        name="videos_with_counts",
        label="videos with likes and comments",
        short_label="videos with counts",
        unit="count",
        formula="videos with likes and comments",
        description="number of videos behind the engagement rate and its interval",
        expression=_RATES,
        columns=("likes", "comments"),
    ),
    Feature(
        name="median_plays",
        label="median plays of a video",
        short_label="median plays",
        unit="count",
        formula="median of plays",
        description="plays of a typical video",
        expression=nw.col("plays_median"),
        columns=("plays",),
    ),
    Feature(
        name="engagement_by_plays",
        label="engagement by plays",
        short_label="engagement by plays",
        unit="fraction",
        formula="median of (likes + comments) / plays",
        description="share of plays that end in a like or a comment, of a typical video",
        expression=nw.col("by_plays"),
        columns=("likes", "comments", "plays"),
    ),
    Feature(
        name="play_consistency",
        label="consistency of plays",
        short_label="play consistency",
        unit="ratio",
        formula="median of plays / mean of plays",
        description="near 1: every video reaches about the same; near 0: a few hits carry the account",
        expression=ratio(nw.col("plays_median"), nw.col("plays_mean")),
        columns=("plays",),
    ),
    Feature(
        name="video_engagement_rate",
        label="engagement rate of the listed videos",
        short_label="video engagement rate",
        unit="fraction",
        formula="mean of (likes + comments) / followers over the videos",
        description="engagement rate from the counts of the single videos",
        expression=_RATE,
        columns=("likes", "comments", "followers"),
    ),
    Feature(
        name="video_engagement_low",
        label="lower bound of the engagement rate",
        short_label="engagement, low",
        unit="fraction",
        formula=f"video_engagement_rate - t s / sqrt(n), at least 0; missing for n < {FEWEST_RATES}",
        description="lower bound of Student's t interval at 95 % on the rates of the single videos",
        expression=_if(
            (_RATES >= FEWEST_RATES) & ~_RATE.is_null(), nw.max_horizontal(_RATE - _HALF_WIDTH, nw.lit(0.0))
        ),
        columns=("likes", "comments", "followers"),
    ),
    Feature(
        name="video_engagement_high",
        label="upper bound of the engagement rate",
        short_label="engagement, high",
        unit="fraction",
        formula=f"video_engagement_rate + t s / sqrt(n); missing for n < {FEWEST_RATES}",
        description="upper bound of Student's t interval at 95 % on the rates of the single videos",
        expression=_if(_RATES >= FEWEST_RATES, _RATE + _HALF_WIDTH),
        columns=("likes", "comments", "followers"),
    ),
    Feature(
        name="plays_growth",
        label="growth of plays",
        short_label="growth of plays",
        unit="fraction",
        formula="median plays of the newer half of the videos / that of the older half - 1; "
        f"missing for fewer than {FEWEST_FOR_GROWTH} videos with plays",
        description="whether the newer videos reach more than the older ones",
        expression=_if(
            nw.col("played_videos") >= FEWEST_FOR_GROWTH,
            ratio(nw.col("newer_plays"), nw.col("older_plays")) - 1.0,
        ),
        columns=("plays", "posted_at"),
        lowest=-1.0,
        highest=math.inf,
    ),
    Feature(
        name="activity",
        label="activity",
        short_label="activity",
        unit="posting, slowing or dormant",
        formula="days_since_last_post: posting up to 30, slowing up to 180, else dormant; the bounds are settings",
        description="whether the creator still posts",
        expression=nw.col("activity"),
        columns=("posted_at", "observed_on"),
        is_text=True,
    ),
)
"""The columns of ``features.posting``. An expression reads the aggregates of `build_posting`, not the videos."""
