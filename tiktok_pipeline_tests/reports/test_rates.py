"""Fair rates by size: which tables there are, what is in them, and what is never in one table."""

from __future__ import annotations

import pandas as pd

from tiktok_pipeline.features.expressions import FOLLOWER_TIERS
from tiktok_pipeline.reports.rates_model import build_rates, tier_ranges
from tiktok_pipeline_tests.reports.sample_tables import benchmarks


def cells(rows: pd.DataFrame) -> dict[str, list[list[str]]]:
    return {
        table.caption.partition(":")[0]: [[cell.text for cell in row.cells] for row in table.groups[0].rows]
        for table in build_rates(rows)
    }


def test_each_rate_has_its_own_table_with_the_smallest_size_first() -> None:
    assert cells(benchmarks()) == {
        "Engagement rate by followers": [
            ["below nano: under 1,000", "425", "5.0%", "17%", "62%", "179%"],
            ["nano: 1,000 to 9,999", "3,600", "1.5%", "4.9%", "15%", "48%"],
        ],
        "Engagement rate by views": [["nano: 1,000 to 9,999", "41", "2.0%", "5.0%", "8.0%", "10%"]],
    }


def test_likes_per_video_stand_in_for_rates_by_followers() -> None:
    rows = benchmarks()
    without = cells(rows[rows["figure"] != "avg_engagement_rate"])
    assert list(without) == ["Likes per video", "Engagement rate by views"]
    assert without["Likes per video"] == [["nano: 1,000 to 9,999", "3,600", "10", "200", "3,600", "9,000"]]


def test_without_benchmarks_there_is_no_table() -> None:
    assert build_rates(pd.DataFrame()) == ()
    assert build_rates(benchmarks().head(0)) == ()


def test_the_ranges_join_without_a_gap() -> None:
    assert list(tier_ranges()) == ["below nano", *FOLLOWER_TIERS]
    assert tier_ranges()["mid"] == "50,000 to 499,999"
    assert tier_ranges()["mega"] == "1,000,000 or more"
