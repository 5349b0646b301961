"""Posting features of invented creators, against formulas worked out by hand or with SciPy."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import t as student

from tiktok_pipeline.features.posting import (
    POSTING_FEATURES,
    ActivityBounds,
    build_posting,
    posting_rows,
    student_quantile,
)
from tiktok_pipeline.features.schema import POSTING_SCHEMA, POSTING_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

DAY = date(2024, 5, 6)
Post = tuple[str, datetime, int | None, int | None, int | None]


def posts(account: str, times: Sequence[datetime], counts: Sequence[tuple[int, int, int]] = ()) -> list[Post]:
    """Return posts of an account with plays, likes and comments."""
    return [(account, time, *(counts[number] if counts else (None, None, None))) for number, time in enumerate(times)]


def posting(
    engine: DuckDBWarehouse,
    rows: Sequence[Post],
    profiles: Sequence[tuple[str, date | None, int]] = (),
    bounds: ActivityBounds = ActivityBounds(),  # noqa: B008 - frozen
) -> dict[str, dict[str, Any]]:
    """Return the posting features by account."""
    videos, known = frames(engine, rows, profiles)
    built = build_posting(videos, known, day=DAY, bounds=bounds)
    assert built.collect_schema().names() == POSTING_TABLE.frame_names
    return {row["account_id"]: row for row in built.collect("pyarrow").to_native().to_pylist()}


def frames(
    engine: DuckDBWarehouse, rows: Sequence[Post], profiles: Sequence[tuple[str, date | None, int]]
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Return rows of ``validated.videos`` and of ``validated.profiles``."""
    videos = pa.table(
        {
            "account_id": pa.array([row[0] for row in rows], pa.string()),
            "video_id": pa.array([str(number) for number in range(len(rows))], pa.string()),
            "posted_at": pa.array([row[1] for row in rows], pa.timestamp("us")),
            **{
                name: pa.array([row[place] for row in rows], pa.int64())
                for place, name in enumerate(("plays", "likes", "comments"), start=2)
            },
        }
    )
    known = pa.table(
        {
            "account_id": pa.array([profile[0] for profile in profiles], pa.string()),
            "observed_on": pa.array([profile[1] for profile in profiles], pa.date32()),
            "followers": pa.array([profile[2] for profile in profiles], pa.int64()),
        }
    )
    return engine.persist(videos), engine.persist(known)


def days_before(*days: float) -> list[datetime]:
    """Return times before the start of the snapshot's day."""
    return [datetime(2024, 5, 6) - timedelta(days=day) for day in days]  # noqa: DTZ001


def test_timing_of_a_creator(engine: DuckDBWarehouse) -> None:
    row = posting(engine, posts("ann", days_before(10, 2.5, 2.25, 4)))["ann"]
    gaps = [6.0, 1.5, 0.25]
    assert row["videos_listed"] == 4
    assert row["days_since_last_post"] == 2
    assert row["videos_per_week"] == pytest.approx(7 * 3 / 7.75)
    assert row["median_gap_days"] == 1.5
    assert row["gap_variation"] == pytest.approx(statistics.stdev(gaps) / statistics.mean(gaps))
    # posts on April 26, May 2 and, twice, May 3: three of eight days
    assert row["share_of_days_with_post"] == pytest.approx(3 / 8)


def test_one_video_has_no_rhythm(engine: DuckDBWarehouse) -> None:
    row = posting(engine, posts("ann", days_before(3)))["ann"]
    missing = {name for name, value in row.items() if value is None}
    assert {"videos_per_week", "median_gap_days", "gap_variation", "share_of_days_with_post"} <= missing
    assert (row["videos_listed"], row["days_since_last_post"], row["activity"]) == (1, 3, "posting")


def test_videos_of_one_minute_are_no_endless_pace(engine: DuckDBWarehouse) -> None:
    row = posting(engine, posts("ann", days_before(3, 3.0001)))["ann"]
    assert row["videos_per_week"] == 7


def test_silence_is_counted_to_the_day_of_observation(engine: DuckDBWarehouse) -> None:
    rows = posts("ann", days_before(40)) + posts("ben", days_before(40)) + posts("cat", days_before(-0.5))
    found = posting(engine, rows, [("ann", DAY - timedelta(days=5), 10), ("ben", None, 10)])
    assert [found[name]["days_since_last_post"] for name in ("ann", "ben", "cat")] == [35, 40, 0]


@pytest.mark.parametrize(("days", "activity"), [(30, "posting"), (31, "slowing"), (180, "slowing"), (181, "dormant")])
def test_activity_follows_the_bounds(engine: DuckDBWarehouse, days: int, activity: str) -> None:
    assert posting(engine, posts("ann", days_before(days)))["ann"]["activity"] == activity
    bounds = ActivityBounds(posting_days=1, dormant_days=1000)
    assert posting(engine, posts("ann", days_before(days)), bounds=bounds)["ann"]["activity"] == "slowing"


def test_counts_of_single_videos(engine: DuckDBWarehouse) -> None:
    counts = [(100, 10, 0), (100, 10, 10), (400, 20, 0), (600, 50, 10), (200, 30, 0), (400, 30, 10)]
    rows = posts("ann", days_before(6, 5, 4, 3, 2, 1), counts)
    row = posting(engine, rows, [("ann", DAY, 1000)])["ann"]
    plays = [count[0] for count in counts]
    rates = [(likes + comments) / 1000 for _, likes, comments in counts]
    half = student.ppf(0.975, 5) * statistics.stdev(rates) / math.sqrt(6)
    assert row["videos_with_counts"] == 6
    assert row["median_plays"] == 300
    assert row["play_consistency"] == pytest.approx(300 / statistics.mean(plays))
    assert row["engagement_by_plays"] == pytest.approx(statistics.median([0.1, 0.2, 0.05, 0.1, 0.15, 0.1]))
    assert row["video_engagement_rate"] == pytest.approx(statistics.mean(rates))
    assert row["video_engagement_low"] == pytest.approx(max(statistics.mean(rates) - half, 0), abs=1e-4)
    assert row["video_engagement_high"] == pytest.approx(statistics.mean(rates) + half, abs=1e-4)
    assert row["plays_growth"] == pytest.approx(400 / 100 - 1)


def test_few_videos_with_counts_have_no_interval_and_no_growth(engine: DuckDBWarehouse) -> None:
    rows = posts("ann", days_before(4, 3, 2, 1), [(100, 10, 1)] * 4)
    row = posting(engine, rows, [("ann", DAY, 1000)])["ann"]
    assert row["video_engagement_rate"] == pytest.approx(0.011)
    assert (row["video_engagement_low"], row["video_engagement_high"], row["plays_growth"]) == (None, None, None)


def test_no_followers_and_no_plays_divide_nothing(engine: DuckDBWarehouse) -> None:
    rows = posts("ann", days_before(*range(8)), [(0, 10, 1)] * 8)
    row = posting(engine, rows, [("ann", DAY, 0)])["ann"]
    numbers = [value for value in row.values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
    names = (
        "engagement_by_plays",
        "plays_growth",
        *(f"video_engagement_{bound}" for bound in ("rate", "low", "high")),
    )
    assert [row[name] for name in names] == [None] * 5


@pytest.mark.parametrize(("degrees", "tolerance"), [(4, 0.008), (9, 0.001), (34, 1e-4)])
def test_the_quantile_is_that_of_scipy(engine: DuckDBWarehouse, degrees: int, tolerance: float) -> None:
    frame = engine.persist(pa.table({"degrees": [float(degrees)]})).select(q=student_quantile(nw.col("degrees")))
    assert frame.collect("pyarrow").item(0, "q") == pytest.approx(student.ppf(0.975, degrees), abs=tolerance)


def test_parts_give_the_same_rows(engine: DuckDBWarehouse) -> None:
    rows = [post for number in range(50) for post in posts(f"creator{number}", days_before(number, number + 3))]
    videos, profiles = frames(engine, rows, [("creator1", DAY, 5)])
    bounds = ActivityBounds()
    at_once = build_posting(videos, profiles, day=DAY, bounds=bounds)
    parts = posting_rows(videos, profiles, day=DAY, bounds=bounds, engine=engine, videos_at_once=30)
    assert_frame_equal(to_pandas(parts.sort("account_id")), to_pandas(at_once.sort("account_id")))


def test_rows_keep_the_contract_of_the_table(engine: DuckDBWarehouse) -> None:
    counts = [(100, 10, 0), (0, 0, 0), (400, 20, 0), (600, 50, 10), (200, 30, 0), (400, 30, 10)]
    videos, profiles = frames(engine, posts("ann", days_before(6, 5, 4, 3, 2, 1), counts), [("ann", DAY, 7)])
    built = to_pandas(build_posting(videos, profiles, day=DAY, bounds=ActivityBounds()))
    POSTING_SCHEMA.validate(built)
    assert [feature.name for feature in POSTING_FEATURES] == POSTING_TABLE.frame_names[1:]
