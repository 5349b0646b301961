"""Growth by hand: per 30 days, among peers."""

from __future__ import annotations

from datetime import date

import pytest

from tiktok_pipeline.creators.schema import GROWTH_TABLE
from tiktok_pipeline_tests.creators.homes import CreatorHome, profile

JAN, FEB = "2024-01-01", "2024-01-16"
A = "6900000000000000001"


def test_the_figures_of_one_creator() -> None:
    home = CreatorHome()
    before = {"followers": 1_000, "likes": 5_000, "videos_count": 10, "avg_engagement_rate": 0.10}
    now = {"followers": 1_100, "likes": 5_600, "videos_count": 13, "avg_engagement_rate": 0.08}
    home.arrive(JAN, [profile("name", A, **before)])
    home.arrive(FEB, [profile("name", A, **now)])
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert (row["days"], row["followers_gained"], row["likes_gained"], row["videos_gained"]) == (15.0, 100, 600, 3)
    assert row["growth_30_days"] == pytest.approx(1.1**2 - 1)
    assert row["videos_per_week"] == pytest.approx(3 * 7 / 15)
    assert row["likes_per_new_video"] == pytest.approx(200.0)
    assert row["engagement_change"] == pytest.approx(-0.02)
    assert (row["growth_percentile"], row["peers"], row["flags"]) == (None, 1, None)


@pytest.mark.parametrize(
    ("before", "now", "days"),
    [
        (date(2024, 1, 1), date(2024, 1, 11), 10.0),
        (None, date(2024, 1, 11), 15.0),
        (date(2024, 1, 1), date(2024, 1, 1), 15.0),
        (date(2024, 1, 20), date(2024, 1, 11), None),
    ],
    ids=[
        "dates of the rows",
        "no date before",
        "the same scrape under two keys",
        "an older row in the newer snapshot",
    ],
)
def test_days_come_from_the_rows_then_from_the_keys(before: date | None, now: date, days: float | None) -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A, observed_on=before)])
    home.arrive(FEB, [profile("name", A, observed_on=now, videos_count=101)])
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert row["days"] == days
    assert (row["growth_30_days"] is None) == (days is None)
    assert (row["videos_per_week"] is None) == (days is None)
    assert row["flags"] == ("the row is not of a later time than the one before" if days is None else None)


@pytest.mark.parametrize(
    ("earlier", "days"), [("2024-01-15", 1.0), ("2021-01-16", 1095.0)], ids=["a day apart", "years apart"]
)
def test_snapshots_of_any_distance_are_compared(earlier: str, days: float) -> None:
    home = CreatorHome()
    home.arrive(earlier, [profile("name", A, followers=1_000)])
    home.arrive(FEB, [profile("name", A, followers=1_010)])
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert row["days"] == days
    assert row["growth_30_days"] == pytest.approx(1.01 ** (30.0 / days) - 1.0)


def test_what_fell_has_no_rate() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A, followers=500, likes=90, videos_count=7)])
    home.arrive(FEB, [profile("name", A, followers=400, likes=80, videos_count=6)])
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert (row["followers_gained"], row["likes_gained"], row["videos_gained"]) == (-100, -10, -1)
    assert (row["videos_per_week"], row["likes_per_new_video"]) == (None, None)


@pytest.mark.parametrize(("before", "now", "growth"), [(0, 10, None), (10, 0, -1.0)], ids=["from none", "to none"])
def test_growth_from_nothing_is_not_defined(before: int, now: int, growth: float | None) -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A, followers=before)])
    home.arrive(FEB, [profile("name", A, followers=now)])
    assert home.row(GROWTH_TABLE, FEB, "name")["growth_30_days"] == growth


def test_peers_are_the_creators_of_the_same_tier_before() -> None:
    home = CreatorHome()
    ids = [str(6_900_000_000_000_000_000 + number) for number in range(241)]
    home.arrive(JAN, [profile(f"c{number}", key, followers=2_000) for number, key in enumerate(ids[:240])])
    gains = [0] * 120 + list(range(1, 120)) + [9_000]
    later = [profile(f"c{n}", key, followers=2_000 + gains[n]) for n, key in enumerate(ids[:240])]
    home.arrive("2024-01-31", [*later, profile("large", ids[240], followers=10_000_000)])
    rows = home.rows(GROWTH_TABLE, "2024-01-31").set_index("account_id")
    assert len(rows) == 240, "a new creator has no growth"
    assert set(rows["peers"]) == {240}
    assert rows.loc["c0", "growth_percentile"] == pytest.approx(100 * 60 / 240), "equal ones share the middle"
    assert rows.loc["c120", "growth_percentile"] == pytest.approx(100 * 120.5 / 240)
    assert rows.loc["c239", "growth_percentile"] == pytest.approx(100 * 239.5 / 240)
    assert rows["flags"].dropna().index.tolist() == ["c239"]


def test_a_creator_is_compared_with_where_it_was_last_seen() -> None:
    home = CreatorHome()
    home.arrive("2023-12-01", [profile("name", A, followers=100)])
    home.arrive(JAN, [profile("somebody", "6900000000000000009")])
    home.arrive(FEB, [profile("name", A, followers=150)])
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert (row["previous_snapshot"], row["days"], row["followers_gained"]) == ("2023-12-01", 46.0, 50)
